#include "common/cookie.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/home.h"
#include "common/lang.h"
#include "common/text.h"

#define FILE_NAME ".tareas.cookie"
#define FILE_MODE 0400
#define TEMP_TRIES 100
/* What a whole file may hold, and one byte more, to see that it is too long. */
#define FILE_BYTES (LIMIT_COOKIE + 1 + 1)

/* A formatted string; the caller frees it. Out of memory aborts. */
__attribute__((format(printf, 1, 2))) static char *
format(const char *how, ...)
{
	va_list args;
	char *out;
	int n;

	va_start(args, how);
	n = vasprintf(&out, how, args);
	va_end(args);
	if (n < 0)
		abort();
	return out;
}

static const char *
not_empty(const char *s)
{
	return s != NULL && s[0] != '\0' ? s : NULL;
}

char *
cookie_path(const char *option)
{
	const char *path = not_empty(option);

	if (path == NULL)
		path = not_empty(getenv("TAREAS_COOKIE_FILE"));
	return path != NULL ? format("%s", path) : home_path(FILE_NAME);
}

/* Fills the fault and returns its result, to end a function with. */
static enum cookie_result
fail(struct cookie_fault *fault, enum cookie_result result)
{
	*fault = (struct cookie_fault){ .result = result };
	return result;
}

static enum cookie_result
fail_io(struct cookie_fault *fault, int error)
{
	*fault = (struct cookie_fault){ COOKIE_IO, .error = error };
	return COOKIE_IO;
}

static enum cookie_result
fail_unsafe(struct cookie_fault *fault, enum cookie_unsafe unsafe, bool by_root)
{
	*fault = (struct cookie_fault){
		.result = COOKIE_UNSAFE,
		.unsafe = unsafe,
		.owned_by_root = by_root,
	};
	return COOKIE_UNSAFE;
}

static enum cookie_result
check_access(int fd, struct cookie_fault *fault)
{
	struct stat st;
	mode_t forbidden = S_IRWXG | S_IRWXO;

	if (fstat(fd, &st) != 0)
		return fail_io(fault, errno);
	if (!S_ISREG(st.st_mode))
		return fail_unsafe(fault, COOKIE_UNSAFE_KIND, false);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return fail_unsafe(fault, COOKIE_UNSAFE_OWNER, false);
	if (st.st_uid == 0)
		forbidden &= ~(mode_t)S_IRGRP;
	if ((st.st_mode & forbidden) != 0)
		return fail_unsafe(fault, COOKIE_UNSAFE_MODE, st.st_uid == 0);
	return fail(fault, COOKIE_OK);
}

/* Reads until the end or until bytes is full. -1: errno says why. */
static ssize_t
read_some(int fd, char bytes[FILE_BYTES])
{
	size_t len = 0;

	while (len < FILE_BYTES) {
		ssize_t n = read(fd, bytes + len, FILE_BYTES - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

static bool
is_printable(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] < ' ' || bytes[i] > '~')
			return false;
	return true;
}

static enum cookie_result
read_content(int fd, struct cookie *out, struct cookie_fault *fault)
{
	char bytes[FILE_BYTES];
	ssize_t n = read_some(fd, bytes);
	enum cookie_result result = COOKIE_OK;
	size_t len;

	if (n < 0)
		return fail_io(fault, errno);
	len = (size_t)n;
	if (len > 0 && bytes[len - 1] == '\n')
		len--;
	if (len == 0 || len > LIMIT_COOKIE || !is_printable(bytes, len)) {
		result = COOKIE_BAD_CONTENT;
	} else {
		memcpy(out->bytes, bytes, len);
		out->len = len;
	}
	explicit_bzero(bytes, sizeof(bytes));
	return fail(fault, result);
}

enum cookie_result
cookie_read(const char *path, struct cookie *out, struct cookie_fault *fault)
{
	enum cookie_result result;
	int fd;

	if (path == NULL)
		return fail(fault, COOKIE_MISSING);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return fail(fault, COOKIE_MISSING);
	if (fd < 0)
		return fail_io(fault, errno);
	result = check_access(fd, fault);
	if (result == COOKIE_OK)
		result = read_content(fd, out, fault);
	close(fd);
	return result;
}

/*
 * Makes an empty file beside path, under a name nobody has. Gives its name
 * in *temp, which the caller frees. -1: errno says why, *temp is unchanged.
 */
static int
temp_open(const char *path, char **temp)
{
	for (int i = 0; i < TEMP_TRIES; i++) {
		char *name = format("%s.%ld.%d", path, (long)getpid(), i);
		int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		    FILE_MODE);

		if (fd >= 0) {
			*temp = name;
			return fd;
		}
		free(name);
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

/* Writes all and sees it onto the disk. 0, or -1: errno says why. */
static int
write_synced(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	/* The umask may have taken the one bit we want. */
	if (fchmod(fd, FILE_MODE) != 0)
		return -1;
	return fsync(fd);
}

static int
write_secret(int fd, const uint8_t random[COOKIE_RANDOM_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	char text[2 * COOKIE_RANDOM_BYTES + 1];
	int rc;

	for (size_t i = 0; i < COOKIE_RANDOM_BYTES; i++) {
		text[2 * i] = digits[random[i] >> 4];
		text[2 * i + 1] = digits[random[i] & 15];
	}
	text[sizeof(text) - 1] = '\n';
	rc = write_synced(fd, text, sizeof(text));
	explicit_bzero(text, sizeof(text));
	return rc;
}

/*
 * Gives the file its name unless that name is taken. link(2) never replaces;
 * where a file system has no links, Linux renames so. -1: see errno.
 */
static int
publish(const char *temp, const char *path)
{
	if (link(temp, path) == 0)
		return 0;
#ifdef RENAME_NOREPLACE
	if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS)
		return renameat2(AT_FDCWD, temp, AT_FDCWD, path,
		    RENAME_NOREPLACE);
#endif
	return -1;
}

/*
 * Sees the new name onto the disk. A file system that cannot is no reason
 * to give up: at worst the next start makes another cookie.
 */
static void
sync_dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash == NULL ?
	    format(".") :
	    format("%.*s", (int)(slash - path + 1), path);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	free(dir);
	if (fd < 0)
		return;
	(void)fsync(fd);
	close(fd);
}

/* Makes the file; it is no failure when it is there. 0, or an errno. */
static int
make_file(const char *path, const uint8_t random[COOKIE_RANDOM_BYTES])
{
	char *temp = NULL;
	int fd = temp_open(path, &temp);
	int error = 0;

	if (fd < 0)
		return errno;
	if (write_secret(fd, random) != 0)
		error = errno;
	close(fd);
	if (error == 0 && publish(temp, path) != 0 && errno != EEXIST)
		error = errno;
	unlink(temp);
	free(temp);
	sync_dir_of(path);
	return error;
}

enum cookie_result
cookie_make(const char *path, const uint8_t random[COOKIE_RANDOM_BYTES],
    struct cookie *out, struct cookie_fault *fault)
{
	enum cookie_result result = cookie_read(path, out, fault);
	int error;

	if (result != COOKIE_MISSING || path == NULL)
		return result;
	error = make_file(path, random);
	if (error != 0)
		return fail_io(fault, error);
	return cookie_read(path, out, fault);
}

struct slice
cookie_bytes(const struct cookie *cookie)
{
	return slice_bytes(cookie->bytes, cookie->len);
}

bool
cookie_is_weak(const struct cookie *cookie)
{
	return cookie->len < LIMIT_COOKIE_STRONG;
}

void
cookie_clear(struct cookie *cookie)
{
	explicit_bzero(cookie, sizeof(*cookie));
}

/* Puts s between single quotes at out, which has room for 4 times s. */
static void
quote(char *out, const char *s)
{
	*out++ = '\'';
	for (; *s != '\0'; s++) {
		if (*s == '\'')
			out = stpcpy(out, "'\\'");
		*out++ = *s;
	}
	stpcpy(out, "'");
}

/*
 * A path (or a host) as one word of a shell's line, fit to show and never
 * taken for an option; the caller frees it.
 */
static char *
shell_word(const char *path)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._-+:@,";
	char *whole = format("%s%s", path[0] == '-' ? "./" : "", path);
	char *clean = text_clean(slice_of(whole));
	size_t len = strlen(clean);
	char *out;

	free(whole);
	if (len > 0 && strspn(clean, plain) == len)
		return clean;
	out = malloc(4 * len + sizeof("''"));
	if (out == NULL)
		abort();
	quote(out, clean);
	free(clean);
	return out;
}

static char *
explain_unsafe(const struct cookie_fault *fault, const char *shown,
    const char *word)
{
	switch (fault->unsafe) {
	case COOKIE_UNSAFE_KIND:
		return format(_("the cookie file %s is not a regular file: "
				"remove it, or choose another with "
				"--cookie-file"),
		    shown);
	case COOKIE_UNSAFE_OWNER:
		return format(_("the cookie file %s belongs to another user: "
				"make a copy of your own, or choose another "
				"with --cookie-file"),
		    shown);
	case COOKIE_UNSAFE_MODE:
		break;
	}
	if (fault->owned_by_root && geteuid() != 0)
		return format(_("other users have access to the cookie file "
				"%s: run  sudo chmod 440 %s"),
		    shown, word);
	return format(_("other users have access to the cookie file %s: "
			"run  chmod 400 %s"),
	    shown, word);
}

static char *
explain_known(const struct cookie_fault *fault, const char *shown,
    const char *word)
{
	switch (fault->result) {
	case COOKIE_OK:
		break;
	case COOKIE_MISSING:
		return format(_("there is no cookie file %s"), shown);
	case COOKIE_UNSAFE:
		return explain_unsafe(fault, shown, word);
	case COOKIE_BAD_CONTENT:
		return format(_("the cookie file %s must hold 1 to 255 "
				"printable ASCII characters on one line: "
				"write it again, or run  rm %s  and start the "
				"server, which makes a new one"),
		    shown, word);
	case COOKIE_IO:
		return format(_("the cookie file %s cannot be used: %s; "
				"choose another with --cookie-file"),
		    shown, strerror(fault->error));
	}
	return format(_("the cookie file %s is in order"), shown);
}

char *
cookie_explain(const struct cookie_fault *fault, const char *path)
{
	char *shown;
	char *word;
	char *out;

	if (path == NULL)
		return format("%s",
		    _("no home folder is known: choose a "
		      "cookie file with --cookie-file"));
	shown = text_clean(slice_of(path));
	word = shell_word(path);
	out = explain_known(fault, shown, word);
	free(shown);
	free(word);
	return out;
}

/* What stands before the colon in scp(1)'s word; the caller frees it. */
static char *
scp_host(const char *host)
{
	char *v6;
	char *word;

	if (host == NULL)
		/* TRANSLATORS: a machine's name in the line  scp SERVER:... */
		return format("%s", _("SERVER"));
	if (strchr(host, ':') == NULL)
		return shell_word(host);
	v6 = format("[%s]", host);
	word = shell_word(v6);
	free(v6);
	return word;
}

char *
cookie_explain_client(const struct cookie_fault *fault, const char *path,
    const char *host)
{
	char *shown;
	char *word;
	char *from;
	char *out;

	if (fault->result != COOKIE_MISSING || path == NULL)
		return cookie_explain(fault, path);
	shown = text_clean(slice_of(path));
	word = shell_word(path);
	from = scp_host(host);
	out = format(_("there is no cookie file %s: start tareas_server here, "
		       "or copy the file from the server's machine:  "
		       "scp %s:.tareas.cookie %s"),
	    shown, from, word);
	free(shown);
	free(word);
	free(from);
	return out;
}
