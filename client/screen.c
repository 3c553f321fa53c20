#include "client/screen.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

/* The other screen, no cursor, no wrapping of long lines; and back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"
#define HOME "\033[H"
#define REST_OF_LINE "\033[K"
#define REST_OF_SCREEN "\033[J"

enum { ROWS_DEFAULT = 24 };

struct screen {
	struct termios before;
	bool keys; /* stdin is the terminal, and before is its mode */
	struct watch *typed;
	struct watch *stopped;
	void (*key)(void *arg, char c);
	void *arg;
};

bool
screen_can(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && term != NULL && term[0] != '\0' &&
	    strcmp(term, "dumb") != 0;
}

/* Keys at once and unseen; Ctrl-C and Ctrl-Z stay signals. */
static void
enter(struct screen *s)
{
	struct termios mode = s->before;

	mode.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	mode.c_cc[VMIN] = 1;
	mode.c_cc[VTIME] = 0;
	if (s->keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &mode);
	fputs(ENTER, stdout);
	fflush(stdout);
}

static void
leave(struct screen *s)
{
	fputs(LEAVE, stdout);
	fflush(stdout);
	if (s->keys)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &s->before);
}

static void
on_key(void *arg)
{
	struct screen *s = arg;
	char c;

	if (read(STDIN_FILENO, &c, 1) == 1)
		s->key(s->arg, c);
	else
		watch_enable(s->typed, false);
}

/* Ctrl-Z: what it does to any program, with the terminal as it was. */
static void
on_stop(void *arg)
{
	struct sigaction plain = { .sa_handler = SIG_DFL }, ours;

	leave(arg);
	sigaction(SIGTSTP, &plain, &ours);
	raise(SIGTSTP);
	sigaction(SIGTSTP, &ours, NULL);
	enter(arg);
}

struct screen *
screen_new(struct loop *l, void (*key)(void *arg, char c), void *arg)
{
	struct screen *s = calloc(1, sizeof(*s));

	if (s == NULL)
		abort();
	s->key = key;
	s->arg = arg;
	s->keys = tcgetattr(STDIN_FILENO, &s->before) == 0;
	if (s->keys)
		s->typed = loop_watch(l, STDIN_FILENO, on_key, s);
	s->stopped = loop_signal(l, SIGTSTP, on_stop, s);
	enter(s);
	return s;
}

void
screen_free(struct screen *s)
{
	leave(s);
	watch_free(s->stopped);
	if (s->typed != NULL)
		watch_free(s->typed);
	free(s);
}

void
screen_draw(struct screen *s, const char *text)
{
	struct winsize size;
	unsigned rows = ROWS_DEFAULT;

	(void)s;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0)
		rows = size.ws_row;
	fputs(HOME, stdout);
	for (unsigned row = 0; row + 1 < rows && *text != '\0'; row++) {
		size_t len = strcspn(text, "\n");

		fwrite(text, 1, len, stdout);
		fputs(REST_OF_LINE "\r\n", stdout);
		text += len + (text[len] == '\n');
	}
	fputs(REST_OF_SCREEN, stdout);
	fflush(stdout);
}
