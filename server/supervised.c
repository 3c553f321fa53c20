#include "server/supervised.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/lang.h"
#include "proto/limits.h"
#include "server/sockets.h"

#define PARENT_VARIABLE "TAREAS_SUPERVISOR"

enum {
	STATUS_SOFTWARE = 70,
	STATUS_OSERR = 71,
	RESTARTS_MAX = 3, /* in the period; OTP's supervisors have the same */
	PERIOD_MS = 5000,
	PAUSE_MS = 100, /* before the first restart; then twice as long */
	KILL_MS = LIMIT_STOP_MS + 2000, /* it should have stopped by then */
	ASLEEP_MS = 3600 * 1000, /* there is no longer wait */
	SIGNALS = 4,
};

static const int signals[SIGNALS] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };

struct supervised {
	char *const *argv;
	struct log log;
	int sockets[CONFIG_LISTEN_MAX];
	unsigned socket_count;
	sigset_t watched;
	sigset_t mask; /* as it was, and as the child gets it */
	struct sigaction actions[SIGNALS]; /* the same */
	pid_t child; /* 0: none now */
	int ended; /* the last child's wait status */
	bool stopping;
	int64_t kill_ms; /* when stopping has taken too long */
	int64_t restarts_ms[RESTARTS_MAX]; /* when; a ring */
	unsigned restarts;
};

static int64_t
clock_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t
now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

static int64_t
log_clock(void *arg)
{
	(void)arg;
	return clock_ms(CLOCK_REALTIME);
}

/* -- signals -- */

static void
do_nothing(int signo)
{
	(void)signo;
}

/* With handlers, because process 1 is not sent what it does not handle. */
static void
watch_signals(struct supervised *s)
{
	struct sigaction action = { .sa_handler = do_nothing };

	sigemptyset(&s->watched);
	sigemptyset(&action.sa_mask);
	for (int i = 0; i < SIGNALS; i++)
		sigaddset(&s->watched, signals[i]);
	sigprocmask(SIG_BLOCK, &s->watched, &s->mask);
	for (int i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &action, &s->actions[i]);
}

static void
restore_signals(const struct supervised *s)
{
	for (int i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &s->actions[i], NULL);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

/* The next signal; 0 when there is none by then, or sooner. */
static int
next_signal(const struct supervised *s, int64_t until_ms)
{
	int64_t ms = until_ms - now_ms();
	struct timespec left;
	int signo;

	ms = ms < 0 ? 0 : ms > ASLEEP_MS ? ASLEEP_MS : ms;
	left = (struct timespec){ .tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000 };
	signo = sigtimedwait(&s->watched, NULL, &left);
	return signo < 0 ? 0 : signo;
}

/* -- the child -- */

bool
supervised_is_child(void)
{
	const char *parent = getenv(PARENT_VARIABLE);
	bool mine = parent != NULL && atol(parent) == (long)getppid();

	unsetenv(PARENT_VARIABLE);
	return mine;
}

/* False when the parent has died already. Linux has a call for this. */
static bool
die_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	return getppid() == parent;
}

/* The file itself, by its name; or else as it was when it was started. */
static void
exec_again(char *const argv[])
{
	char path[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	if (n > 0) {
		path[n] = '\0';
		execv(path, argv);
		execv("/proc/self/exe", argv);
	}
	execvp(argv[0], argv);
}

static int
cannot_start(void)
{
	fprintf(stderr, _("tareas_server: the server cannot be started: %s\n"),
	    strerror(errno));
	return STATUS_OSERR;
}

_Noreturn static void
be_child(const struct supervised *s, pid_t parent)
{
	char text[24];

	if (!die_with(parent))
		_exit(STATUS_SOFTWARE);
	restore_signals(s);
	snprintf(text, sizeof(text), "%ld", (long)parent);
	if (setenv(PARENT_VARIABLE, text, 1) == 0 &&
	    sockets_hand_over(s->sockets, s->socket_count))
		exec_again(s->argv);
	_exit(cannot_start());
}

static bool
start_child(struct supervised *s)
{
	pid_t parent = getpid();

	s->child = fork();
	if (s->child == 0)
		be_child(s, parent);
	return s->child > 0;
}

/* Takes every end there is: process 1 gets those of strangers too. */
static void
reap(struct supervised *s)
{
	pid_t pid;
	int ended;

	while ((pid = waitpid(-1, &ended, WNOHANG)) > 0)
		if (pid == s->child) {
			s->child = 0;
			s->ended = ended;
		}
}

static void
pass_on(struct supervised *s, int signo)
{
	kill(s->child, signo);
	if (signo == SIGHUP || s->stopping)
		return;
	s->stopping = true;
	s->kill_ms = now_ms() + KILL_MS;
}

static void
kill_child(struct supervised *s)
{
	log_line(&s->log, LOG_ERROR, "supervised",
	    _("the server does not stop: it is killed"));
	kill(s->child, SIGKILL);
	s->kill_ms = INT64_MAX;
}

static void
wait_for_child(struct supervised *s)
{
	int signo;

	while (s->child != 0) {
		signo = next_signal(s, s->kill_ms);
		if (signo == SIGCHLD)
			reap(s);
		else if (signo != 0)
			pass_on(s, signo);
		else if (now_ms() >= s->kill_ms)
			kill_child(s);
	}
}

/* -- again, and how often -- */

static unsigned
restarts_of_late(const struct supervised *s)
{
	unsigned kept = s->restarts < RESTARTS_MAX ? s->restarts : RESTARTS_MAX;
	unsigned count = 0;

	for (unsigned i = 0; i < kept; i++)
		count += now_ms() - s->restarts_ms[i] < PERIOD_MS;
	return count;
}

/* False when it was told to stop meanwhile. */
static bool
pause_for(struct supervised *s, int64_t ms)
{
	int64_t until_ms = now_ms() + ms;
	int signo;

	while (now_ms() < until_ms) {
		signo = next_signal(s, until_ms);
		if (signo == SIGTERM || signo == SIGINT)
			return false;
		reap(s);
	}
	return true;
}

static int
give_up(const struct supervised *s)
{
	fprintf(stderr,
	    _("tareas_server: the server died %d times in %d s, at last of "
	      "signal %d, %s: it is not started again\n"),
	    RESTARTS_MAX + 1, PERIOD_MS / 1000, WTERMSIG(s->ended),
	    strsignal(WTERMSIG(s->ended)));
	return STATUS_SOFTWARE;
}

/* It was told to stop, and died: of what it was told with, or badly. */
static int
status_of_stopped(const struct supervised *s)
{
	int signo = WTERMSIG(s->ended);

	return signo == SIGTERM || signo == SIGINT ? 0 : STATUS_SOFTWARE;
}

static int
supervise(struct supervised *s)
{
	for (;;) {
		unsigned late;
		int64_t ms;

		if (!start_child(s))
			return cannot_start();
		wait_for_child(s);
		if (WIFEXITED(s->ended))
			return WEXITSTATUS(s->ended);
		if (s->stopping)
			return status_of_stopped(s);
		late = restarts_of_late(s);
		if (late == RESTARTS_MAX)
			return give_up(s);
		ms = (int64_t)PAUSE_MS << late;
		log_line(&s->log, LOG_ERROR, "supervised",
		    _("the server died of signal %d, %s: it is started "
		      "again in %lld ms"),
		    WTERMSIG(s->ended), strsignal(WTERMSIG(s->ended)),
		    (long long)ms);
		if (!pause_for(s, ms))
			return 0;
		s->restarts_ms[s->restarts++ % RESTARTS_MAX] = now_ms();
	}
}

/* -- its sockets -- */

static enum err
open_one(void *arg, const struct address *at, const char **why)
{
	struct supervised *s = arg;
	enum err e = loop_open(at, &s->sockets[s->socket_count], why);

	if (e == E_OK)
		s->socket_count++;
	return e;
}

/* Those that systemd handed over, or else its own. */
static int
open_sockets(struct supervised *s, const struct config *config)
{
	int status = sockets_inherited(&s->socket_count);

	for (unsigned i = 0; i < s->socket_count; i++)
		s->sockets[i] = SOCKETS_FIRST + (int)i;
	if (status == 0 && s->socket_count == 0)
		status = sockets_listen(config, &s->log, open_one, s);
	return status;
}

int
supervised_run(const struct config *config, char *argv[])
{
	struct supervised s = { .argv = argv, .kill_ms = INT64_MAX };
	int status;

	log_init(&s.log, STDERR_FILENO, config->log_level, log_clock, NULL);
	watch_signals(&s);
	status = open_sockets(&s, config);
	if (status == 0)
		status = supervise(&s);
	for (unsigned i = 0; i < s.socket_count; i++)
		close(s.sockets[i]);
	return status;
}
