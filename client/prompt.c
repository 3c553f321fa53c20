/*
 * Readline keeps its state in globals, so there is one prompt in a program.
 * It is driven by its callback interface: a watch on stdin hands it one
 * character at a time, and the loop does the rest in between. Its signal
 * handlers are off; signals come from the loop, at the top, and the keys
 * that make them from readline.
 */
#include "client/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "client/input.h"
#include "common/text.h"

enum { HISTORY_LINES = 500 };

enum {
	ON_INTERRUPT,
	ON_SUSPEND,
	ON_QUIT,
	ON_RESIZE,
	ON_TERMINATE,
	ON_HANGUP,
	SIGNALS,
};

struct prompt_offers {
	struct slice before; /* the line up to the cursor */
	size_t word; /* where the word begins that Tab completes */
	size_t from; /* where the offers begin; at most word */
	char *texts[PROMPT_OFFERS]; /* from that word on */
	size_t count;
};

struct prompt {
	struct loop *loop;
	struct input *input; /* without a terminal */
	struct watch *watch; /* with one: stdin */
	struct watch *signals[SIGNALS];
	char *history_file; /* NULL: no place for it */
	int remembered; /* lines of this run in the history */
	char *line; /* the last one */
	bool there; /* a line, or the end, has come */
	bool asking; /* readline has the terminal */
	bool over; /* told to end */
	const struct prompt_talk *talk; /* NULL: no conversation */
	char *vanished; /* the line that went from the screen */
	struct prompt_offers offers;
};

static struct prompt *the_prompt; /* readline's handler has no argument */

/* -- history -- */

/* Makes the directories of path, private to this user. */
static bool
make_directories(char *path)
{
	for (char *at = strchr(path + 1, '/'); at != NULL;
	     at = strchr(at + 1, '/')) {
		int made;

		*at = '\0';
		made = mkdir(path, 0700);
		*at = '/';
		if (made < 0 && errno != EEXIST)
			return false;
	}
	return true;
}

static char *
history_path(void)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	char *path = NULL;
	int n = -1;

	if (state != NULL && state[0] == '/')
		n = asprintf(&path, "%s/tareas/history", state);
	else if (home != NULL && home[0] == '/')
		n = asprintf(&path, "%s/.local/state/tareas/history", home);
	if (n < 0)
		return NULL;
	if (make_directories(path))
		return path;
	free(path);
	return NULL;
}

static void
load_history(struct prompt *p)
{
	using_history();
	stifle_history(HISTORY_LINES);
	p->history_file = history_path();
	if (p->history_file != NULL)
		/* A first start has none. */
		(void)read_history(p->history_file);
}

/* Adds our lines to the file: other menus of this login write there too. */
static void
save_history(struct prompt *p)
{
	mode_t mask;
	int fd;

	if (p->history_file == NULL)
		return;
	mask = umask(077);
	fd = open(p->history_file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0) {
		fchmod(fd, 0600);
		close(fd);
		append_history(p->remembered, p->history_file);
		history_truncate_file(p->history_file, HISTORY_LINES);
	}
	umask(mask);
	free(p->history_file);
}

static void
remember(struct prompt *p, const char *line)
{
	HIST_ENTRY *last = history_length > 0 ?
	    history_get(history_base + history_length - 1) :
	    NULL;

	if (line[0] == '\0' || strchr(line, '\n') != NULL ||
	    (last != NULL && strcmp(last->line, line) == 0))
		return;
	add_history(line);
	p->remembered++;
}

/* -- readline -- */

static void
let_go(struct prompt *p)
{
	if (!p->asking)
		return;
	rl_callback_handler_remove();
	p->asking = false;
}

static void
on_line(char *line)
{
	struct prompt *p = the_prompt;

#ifdef RL_STATE_EOF
	/* Else readline ends every later line as it ends the last. */
	rl_eof_found = 0;
#endif
	free(p->line);
	p->line = line;
	if (p->vanished != NULL) {
		free(line);
		p->line = p->vanished;
		p->vanished = NULL;
	}
	p->there = true;
	/* At once: or readline would show the prompt again. */
	let_go(p);
	if (p->line == NULL)
		putchar('\n');
}

static void
on_character(void *arg)
{
	struct prompt *p = arg;

	if (p->asking)
		rl_callback_read_char();
}

/*
 * Ctrl-C, Ctrl-Z and Ctrl-\ are keys while a line is typed. As signals they
 * would reach the make or the script we run under too: it would end with
 * Ctrl-C, and stop before the terminal is as it was.
 */
static void
prepare_terminal(int meta)
{
	struct termios mode;

	rl_prep_terminal(meta);
	if (tcgetattr(STDIN_FILENO, &mode) < 0)
		return;
	mode.c_cc[VINTR] = _POSIX_VDISABLE;
	mode.c_cc[VSUSP] = _POSIX_VDISABLE;
	mode.c_cc[VQUIT] = _POSIX_VDISABLE;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
}

/* In a conversation the next line comes at once. */
static void
leave_terminal(void)
{
	if (the_prompt->talk == NULL)
		rl_deprep_terminal();
}

static void
clear_line(void)
{
	fputs("^C\n", rl_outstream);
	rl_free_line_state();
	rl_callback_sigcleanup();
	rl_replace_line("", 1);
	rl_on_new_line();
	rl_redisplay();
}

/*
 * What the signal does to a program that does not catch it, with the
 * terminal as it was; to is kill(2)'s. Comes back from a stop. Not SIGSTOP:
 * where no shell is to go back to, the kernel lets SIGTSTP pass.
 */
static void
give_in(struct prompt *p, int signo, pid_t to)
{
	struct sigaction plain = { .sa_handler = SIG_DFL }, ours;

	if (p->asking || p->talk != NULL)
		rl_deprep_terminal();
	if (p->asking) {
		fputs("\n", rl_outstream);
		fflush(rl_outstream);
	}
	sigaction(signo, &plain, &ours);
	kill(to, signo);
	sigaction(signo, &ours, NULL);
	if (p->asking || p->talk != NULL)
		prepare_terminal(1);
	if (!p->asking)
		return;
	rl_resize_terminal();
	rl_forced_update_display();
}

static int
on_key(int count, int key)
{
	(void)count;
	if (key == CTRL('C'))
		clear_line();
	else
		give_in(the_prompt, key == CTRL('Z') ? SIGTSTP : SIGQUIT, 0);
	return 0;
}

/*
 * What vanishes is cleared before it is entered: readline's own end of a
 * line would leave it on the screen.
 */
static int
on_enter(int count, int key)
{
	struct prompt *p = the_prompt;
	struct slice line = slice_of(rl_line_buffer);

	if (!p->talk->vanishes(p->talk->arg, line))
		return rl_newline(count, key);
	p->vanished = strdup(rl_line_buffer);
	if (p->vanished == NULL)
		abort();
	rl_clear_visible_line();
	rl_replace_line("", 1);
	rl_erase_empty_line = 1; /* no line feed for it */
	rl_newline(count, key);
	rl_erase_empty_line = 0;
	return 0;
}

/* In every map, whatever ~/.inputrc chooses. */
static void
bind_key(int key, rl_command_func_t *pressed)
{
	rl_bind_key_in_map(key, pressed, emacs_standard_keymap);
	rl_bind_key_in_map(key, pressed, vi_insertion_keymap);
	rl_bind_key_in_map(key, pressed, vi_movement_keymap);
}

/* A conversation takes what is pasted as one line, a menu as it is typed. */
static void
bind_keys(bool talking)
{
	rl_variable_bind("enable-bracketed-paste", talking ? "on" : "off");
	bind_key(CTRL('C'), on_key);
	bind_key(CTRL('Z'), on_key);
	bind_key(CTRL('\\'), on_key);
	bind_key('\t', talking ? rl_complete : rl_insert);
	bind_key('\r', talking ? on_enter : rl_newline);
	bind_key('\n', talking ? on_enter : rl_newline);
}

/* -- Tab -- */

static void
clear_offers(struct prompt_offers *o)
{
	while (o->count > 0)
		free(o->texts[--o->count]);
}

void
prompt_offer_from(struct prompt_offers *o, size_t from)
{
	if (from <= o->word)
		o->from = from;
}

void
prompt_offer(struct prompt_offers *o, struct slice text)
{
	size_t typed = o->before.len - o->from, skip = o->word - o->from;
	char *copy;

	if (o->count == PROMPT_OFFERS || text.len < typed ||
	    memcmp(text.bytes, o->before.bytes + o->from, typed) != 0)
		return;
	copy = strndup((const char *)text.bytes + skip, text.len - skip);
	if (copy == NULL)
		abort();
	o->texts[o->count++] = copy;
}

/* Readline frees what it gets. */
static char *
next_offer(const char *word, int state)
{
	struct prompt_offers *o = &the_prompt->offers;

	(void)word;
	(void)state; /* each is taken once */
	return o->count > 0 ? o->texts[--o->count] : NULL;
}

static char **
complete(const char *word, int start, int end)
{
	struct prompt *p = the_prompt;
	struct prompt_offers *o = &p->offers;

	rl_attempted_completion_over = 1; /* no files */
	o->before = slice_bytes(rl_line_buffer, (size_t)end);
	o->word = (size_t)start;
	o->from = 0;
	p->talk->complete(p->talk->arg, o->before, o);
	return rl_completion_matches(word, next_offer);
}

/* Never a question, never a pager: both would wait for a key by themselves. */
static void
prepare_completion(void)
{
	rl_attempted_completion_function = complete;
	rl_completer_word_break_characters = " ";
	rl_completion_query_items = -1;
	rl_variable_bind("page-completions", "off");
}

static void
on_interrupt(void *arg)
{
	struct prompt *p = arg;

	if (p->asking)
		clear_line();
}

static void
on_suspend(void *arg)
{
	give_in(arg, SIGTSTP, getpid());
}

static void
on_quit(void *arg)
{
	give_in(arg, SIGQUIT, getpid());
}

/* -- another size -- */

/* Rows that so many columns need for text, without the first. */
static int
rows_below(struct slice text, int columns)
{
	int rows = 0;

	while (text_width(text) > (size_t)columns) {
		size_t n = text_fit(text, (size_t)columns, NULL);

		if (n == 0) /* one character is wider */
			break;
		text.bytes += n;
		text.len -= n;
		rows++;
	}
	return rows;
}

/* Rows from the start of the prompt to the cursor. */
static int
rows_above_cursor(int columns)
{
	const char *at, *end;
	char *text;
	int rows = 0;

	if (asprintf(&text, "%s%.*s", rl_prompt, rl_point, rl_line_buffer) < 0)
		abort();
	for (at = text; (end = strchr(at, '\n')) != NULL; at = end + 1)
		rows += 1 +
		    rows_below(slice_bytes(at, (size_t)(end - at)), columns);
	rows += rows_below(slice_of(at), columns);
	free(text);
	return rows;
}

/*
 * Some terminals wrap their lines anew, some do not, and none says so. The
 * smaller of both heights is cleared: a piece of the old line may stay, but
 * nothing that others wrote goes.
 */
static void
on_resize(void *arg)
{
	struct prompt *p = arg;
	int columns, rows, before, now;

	if (!p->asking)
		return;
	rl_get_screen_size(&rows, &columns);
	before = rows_above_cursor(columns);
	rl_reset_screen_size();
	rl_get_screen_size(&rows, &columns);
	now = rows_above_cursor(columns);
	rows = now < before ? now : before;
	if (rows > 0)
		fprintf(rl_outstream, "\033[%dA", rows);
	fputs("\r\033[J", rl_outstream);
	rl_on_new_line();
	rl_forced_update_display();
}

static void
on_terminate(void *arg)
{
	struct prompt *p = arg;

	p->over = true;
	p->there = true;
}

/* -- both ways -- */

static void
use_terminal(struct prompt *p)
{
	static const struct {
		int signo;
		void (*arrived)(void *arg);
	} table[SIGNALS] = {
		[ON_INTERRUPT] = { SIGINT, on_interrupt },
		[ON_SUSPEND] = { SIGTSTP, on_suspend },
		[ON_QUIT] = { SIGQUIT, on_quit },
		[ON_RESIZE] = { SIGWINCH, on_resize },
		[ON_TERMINATE] = { SIGTERM, on_terminate },
		[ON_HANGUP] = { SIGHUP, on_terminate },
	};

	the_prompt = p;
	rl_readline_name = "tareas";
	rl_catch_signals = 0;
	rl_catch_sigwinch = 0;
	rl_change_environment = 0;
	rl_prep_term_function = prepare_terminal;
	rl_deprep_term_function = leave_terminal;
	/* It reads ~/.inputrc now, not over what is chosen here. */
	rl_initialize();
	bind_keys(false);
	prepare_completion();
	load_history(p);
	p->watch = loop_watch(p->loop, STDIN_FILENO, on_character, p);
	watch_enable(p->watch, false);
	for (unsigned i = 0; i < SIGNALS; i++)
		p->signals[i] =
		    loop_signal(p->loop, table[i].signo, table[i].arrived, p);
}

struct prompt *
prompt_new(struct loop *l)
{
	struct prompt *p = calloc(1, sizeof(*p));

	if (p == NULL)
		abort();
	p->loop = l;
	if (isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		use_terminal(p);
	else
		p->input = input_new(l, STDIN_FILENO);
	return p;
}

void
prompt_free(struct prompt *p)
{
	prompt_talk(p, NULL);
	let_go(p);
	if (p->input != NULL) {
		input_free(p->input);
	} else {
		save_history(p);
		watch_free(p->watch);
		for (unsigned i = 0; i < SIGNALS; i++)
			watch_free(p->signals[i]);
		the_prompt = NULL;
	}
	free(p->line);
	free(p->vanished);
	clear_offers(&p->offers);
	free(p);
}

bool
prompt_is_terminal(const struct prompt *p)
{
	return p->input == NULL;
}

/* Runs the loop until readline has a line. */
static bool
ask(struct prompt *p, const char *text)
{
	if (p->over)
		return false;
	p->there = false;
	p->asking = true;
	fflush(stdout);
	rl_callback_handler_install(text, on_line);
	watch_enable(p->watch, true);
	while (!p->there && world_step(loop_world(p->loop)) == E_OK)
		continue;
	watch_enable(p->watch, false);
	let_go(p);
	if (p->over)
		putchar('\n');
	return !p->over && p->line != NULL;
}

bool
prompt_line(struct prompt *p, const char *text, bool keep, struct slice *line)
{
	if (p->input != NULL)
		return input_line(p->input, line);
	if (!ask(p, text))
		return false;
	if (keep)
		remember(p, p->line);
	*line = slice_of(p->line);
	return true;
}

void
prompt_change(struct prompt *p, const char *text)
{
	if (!p->asking || strcmp(rl_prompt, text) == 0)
		return;
	rl_clear_visible_line();
	rl_set_prompt(text);
	rl_forced_update_display();
}

void
prompt_print(struct prompt *p, const char *text)
{
	if (!p->asking) {
		fputs(text, stdout);
		fflush(stdout);
		return;
	}
	rl_clear_visible_line();
	fputs(text, rl_outstream);
	rl_forced_update_display();
}

void
prompt_talk(struct prompt *p, const struct prompt_talk *talk)
{
	if (p->input != NULL || p->talk == talk)
		return;
	p->talk = talk;
	if (talk == NULL && !p->asking)
		rl_deprep_terminal();
	bind_keys(talk != NULL);
}
