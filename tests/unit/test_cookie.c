/* common/cookie.h: whose cookie file is taken, and what is said otherwise. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cookie.h"

#define C10 "0123456789"
#define C50 C10 C10 C10 C10 C10
#define C255 C50 C50 C50 C50 C50 "01234"
#define RAW(s) s, sizeof(s) - 1
#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define NOBODY 65534

static char dir[200];
static char path[256];
static struct cookie cookie;
static struct cookie_fault fault;

static void
setup(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof(dir), "%s/test_cookie.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/cookie", dir);
}

/* Folders here are one deep; the shell's rm knows all that may be in it. */
static void
teardown(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(system(command), 0);
}

static void
put(const char *bytes, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, bytes, len), (int)len);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static enum cookie_result
read_it(void)
{
	enum cookie_result result = cookie_read(path, &cookie, &fault);

	ck_assert_int_eq(result, fault.result);
	return result;
}

START_TEST(content_is_one_line_of_1_to_255_printable_bytes)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum cookie_result result;
		const char *cookie;
	} cases[] = {
		{ RAW("mi_cookie"), COOKIE_OK, "mi_cookie" },
		{ RAW("mi_cookie\n"), COOKIE_OK, "mi_cookie" },
		{ RAW("x"), COOKIE_OK, "x" },
		{ RAW(" ~\n"), COOKIE_OK, " ~" },
		{ RAW(C255), COOKIE_OK, C255 },
		{ RAW(C255 "\n"), COOKIE_OK, C255 },
		{ RAW(""), COOKIE_BAD_CONTENT, NULL },
		{ RAW("\n"), COOKIE_BAD_CONTENT, NULL },
		{ RAW("a\n\n"), COOKIE_BAD_CONTENT, NULL },
		{ RAW("a\nb\n"), COOKIE_BAD_CONTENT, NULL },
		{ RAW("\na"), COOKIE_BAD_CONTENT, NULL },
		{ RAW("a\r\n"), COOKIE_BAD_CONTENT, NULL },
		{ RAW("a\0b"), COOKIE_BAD_CONTENT, NULL },
		{ RAW("a\x7f"), COOKIE_BAD_CONTENT, NULL },
		{ RAW("a\tb"), COOKIE_BAD_CONTENT, NULL },
		{ RAW("ca\xc3\xb1"), COOKIE_BAD_CONTENT, NULL },
		{ RAW("\xff"), COOKIE_BAD_CONTENT, NULL },
		{ RAW(C255 "a"), COOKIE_BAD_CONTENT, NULL },
		{ RAW(C255 "a\n"), COOKIE_BAD_CONTENT, NULL },
		{ RAW(C255 "\n\n"), COOKIE_BAD_CONTENT, NULL },
		{ RAW(C255 C255), COOKIE_BAD_CONTENT, NULL },
		{ RAW(C255 "\n" C255 C255), COOKIE_BAD_CONTENT, NULL },
	};

	for (int i = 0; i < COUNT(cases); i++) {
		struct cookie before;

		memset(&cookie, 'x', sizeof(cookie));
		before = cookie;
		put(cases[i].bytes, cases[i].len, 0400);
		ck_assert_int_eq(read_it(), cases[i].result);
		if (cases[i].cookie == NULL)
			ck_assert_mem_eq(&cookie, &before, sizeof(cookie));
		else
			ck_assert(
			    slice_is(cookie_bytes(&cookie), cases[i].cookie));
		unlink(path);
	}
}
END_TEST

START_TEST(only_my_own_mode_is_taken)
{
	static const struct {
		mode_t mode;
		bool mine;
		bool root;
	} cases[] = {
		{ 0400, true, true },
		{ 0600, true, true },
		{ 0700, true, true },
		{ 0440, false, true },
		{ 0640, false, true },
		{ 0660, false, false },
		{ 0620, false, false },
		{ 0410, false, false },
		{ 0404, false, false },
		{ 0444, false, false },
		{ 0402, false, false },
		{ 0401, false, false },
		{ 0644, false, false },
		{ 0666, false, false },
		{ 0777, false, false },
	};
	bool am_root = geteuid() == 0;

	for (int i = 0; i < COUNT(cases); i++) {
		bool accepted = am_root ? cases[i].root : cases[i].mine;

		put(RAW("mi_cookie\n"), cases[i].mode);
		ck_assert_int_eq(read_it(),
		    accepted ? COOKIE_OK : COOKIE_UNSAFE);
		if (!accepted)
			ck_assert_int_eq(fault.unsafe, COOKIE_UNSAFE_MODE);
		unlink(path);
	}
}
END_TEST

/* As user nobody, who also owns the folder; ends with the result. */
static int
as_nobody(const char *what)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
			_exit(99);
		_exit((int)cookie_read(what, &cookie, &fault) * 8 +
		    (int)fault.unsafe);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

START_TEST(the_owner_is_me_or_root)
{
	static const struct {
		uid_t owner;
		gid_t group;
		mode_t mode;
		int result;
	} cases[] = {
		{ NOBODY, NOBODY, 0400, COOKIE_OK * 8 },
		{ NOBODY, NOBODY, 0440,
		    COOKIE_UNSAFE * 8 + COOKIE_UNSAFE_MODE },
		{ 0, NOBODY, 0440, COOKIE_OK * 8 },
		{ 0, NOBODY, 0460, COOKIE_UNSAFE * 8 + COOKIE_UNSAFE_MODE },
		{ 0, 0, 0444, COOKIE_UNSAFE * 8 + COOKIE_UNSAFE_MODE },
		{ 0, 0, 0400, COOKIE_IO * 8 },
		{ NOBODY - 1, NOBODY, 0440,
		    COOKIE_UNSAFE * 8 + COOKIE_UNSAFE_OWNER },
		{ NOBODY - 1, NOBODY, 0444,
		    COOKIE_UNSAFE * 8 + COOKIE_UNSAFE_OWNER },
	};

	if (geteuid() != 0)
		return; /* cannot give files away */
	ck_assert_int_eq(chmod(dir, 0755), 0);
	for (int i = 0; i < COUNT(cases); i++) {
		put(RAW("mi_cookie\n"), 0400);
		ck_assert_int_eq(chown(path, cases[i].owner, cases[i].group),
		    0);
		ck_assert_int_eq(chmod(path, cases[i].mode), 0);
		ck_assert_int_eq(as_nobody(path), cases[i].result);
		unlink(path);
	}
}
END_TEST

START_TEST(root_does_not_trust_another_users_file)
{
	if (geteuid() != 0)
		return;
	put(RAW("mi_cookie\n"), 0400);
	ck_assert_int_eq(chown(path, NOBODY, NOBODY), 0);
	ck_assert_int_eq(read_it(), COOKIE_UNSAFE);
	ck_assert_int_eq(fault.unsafe, COOKIE_UNSAFE_OWNER);
}
END_TEST

START_TEST(what_is_not_there_is_missing)
{
	char below[300];

	ck_assert_int_eq(read_it(), COOKIE_MISSING);
	ck_assert_int_eq(cookie_read(NULL, &cookie, &fault), COOKIE_MISSING);
	put(RAW("x"), 0400);
	snprintf(below, sizeof(below), "%s/deeper", path);
	ck_assert_int_eq(cookie_read(below, &cookie, &fault), COOKIE_MISSING);
}
END_TEST

/* A FIFO without a writer would hold a careless reader for ever. */
START_TEST(only_a_regular_file_is_read_and_nothing_blocks)
{
	ck_assert_int_eq(mkfifo(path, 0400), 0);
	ck_assert_int_eq(read_it(), COOKIE_UNSAFE);
	ck_assert_int_eq(fault.unsafe, COOKIE_UNSAFE_KIND);
	unlink(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(read_it(), COOKIE_UNSAFE);
	ck_assert_int_eq(fault.unsafe, COOKIE_UNSAFE_KIND);
	rmdir(path);
	ck_assert_int_eq(symlink("/dev/zero", path), 0);
	ck_assert_int_eq(read_it(), COOKIE_UNSAFE);
}
END_TEST

START_TEST(a_link_is_followed_and_its_target_judged)
{
	char real[300];

	put(RAW("mi_cookie"), 0400);
	snprintf(real, sizeof(real), "%s.real", path);
	ck_assert_int_eq(rename(path, real), 0);
	ck_assert_int_eq(symlink(real, path), 0);
	ck_assert_int_eq(read_it(), COOKIE_OK);
	ck_assert_int_eq(chmod(real, 0644), 0);
	ck_assert_int_eq(read_it(), COOKIE_UNSAFE);
	unlink(real);
	ck_assert_int_eq(read_it(), COOKIE_MISSING);
	ck_assert_int_eq(symlink(path, real), 0);
	ck_assert_int_eq(read_it(), COOKIE_IO);
	ck_assert_int_eq(fault.error, ELOOP);
}
END_TEST

static const uint8_t randoms[2][COOKIE_RANDOM_BYTES] = {
	{ 0x00, 0x01, 0x0f, 0x10, 0xff }, { 0xab }
};

static int
files_in_dir(void)
{
	char command[300];
	FILE *f;
	int n = -1;

	snprintf(command, sizeof(command), "ls -A '%s' | wc -l", dir);
	f = popen(command, "r");
	ck_assert_int_eq(fscanf(f, "%d", &n), 1);
	pclose(f);
	return n;
}

START_TEST(a_made_file_is_whole_private_and_alone)
{
	struct stat st;

	umask(0777); /* the worst one: not even I could read */
	ck_assert_int_eq(cookie_make(path, randoms[0], &cookie, &fault),
	    COOKIE_OK);
	ck_assert(slice_is(cookie_bytes(&cookie),
	    "00010f10ff000000000000000000000000000000000000000000000000"
	    "000000"));
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0400);
	ck_assert_int_eq(st.st_size, 65);
	ck_assert_uint_eq(st.st_nlink, 1);
	ck_assert_int_eq(files_in_dir(), 1);
	ck_assert_int_eq(read_it(), COOKIE_OK);
	ck_assert(!cookie_is_weak(&cookie));
}
END_TEST

START_TEST(a_file_that_is_there_is_kept)
{
	put(RAW("mi_cookie"), 0400);
	ck_assert_int_eq(cookie_make(path, randoms[0], &cookie, &fault),
	    COOKIE_OK);
	ck_assert(slice_is(cookie_bytes(&cookie), "mi_cookie"));
	chmod(path, 0644);
	ck_assert_int_eq(cookie_make(path, randoms[0], &cookie, &fault),
	    COOKIE_UNSAFE);
	unlink(path);
	put(RAW(""), 0400);
	ck_assert_int_eq(cookie_make(path, randoms[0], &cookie, &fault),
	    COOKIE_BAD_CONTENT);
	ck_assert_int_eq(files_in_dir(), 1);
}
END_TEST

START_TEST(what_a_crash_left_behind_is_no_obstacle)
{
	char left[300];
	int fd;

	snprintf(left, sizeof(left), "%s.%ld.0", path, (long)getpid());
	fd = open(left, O_CREAT | O_WRONLY, 0400);
	close(fd);
	ck_assert_int_eq(cookie_make(path, randoms[0], &cookie, &fault),
	    COOKIE_OK);
	ck_assert_uint_eq(cookie.len, 64);
}
END_TEST

START_TEST(a_link_to_nowhere_is_not_written_through)
{
	char elsewhere[300];

	snprintf(elsewhere, sizeof(elsewhere), "%s.elsewhere", path);
	ck_assert_int_eq(symlink(elsewhere, path), 0);
	ck_assert_int_eq(cookie_make(path, randoms[0], &cookie, &fault),
	    COOKIE_MISSING);
	ck_assert_int_ne(access(elsewhere, F_OK), 0);
	ck_assert_int_eq(files_in_dir(), 1);
}
END_TEST

START_TEST(where_nothing_can_be_made_the_reason_is_told)
{
	char below[300];

	snprintf(below, sizeof(below), "%s/none/cookie", dir);
	ck_assert_int_eq(cookie_make(below, randoms[0], &cookie, &fault),
	    COOKIE_IO);
	ck_assert_int_eq(fault.error, ENOENT);
	ck_assert_int_eq(cookie_make(NULL, randoms[0], &cookie, &fault),
	    COOKIE_MISSING);
}
END_TEST

/* Each child makes or reads; whoever reads before the maker is done sees
 * nothing or all, and all of them end with one cookie. */
START_TEST(servers_that_start_at_once_share_the_first_ones_cookie)
{
	enum { SERVERS = 16, ROUNDS = 20 };

	for (int round = 0; round < ROUNDS; round++) {
		int pipes[2];
		char first = 0;
		char each;

		ck_assert_int_eq(pipe(pipes), 0);
		for (int i = 0; i < SERVERS; i++) {
			uint8_t random[COOKIE_RANDOM_BYTES] = { (
			    uint8_t)(i << 4) };

			if (fork() != 0)
				continue;
			each = '-';
			if (cookie_make(path, random, &cookie, &fault) ==
			    COOKIE_OK)
				each = cookie.bytes[0];
			_exit(write(pipes[1], &each, 1) == 1 ? 0 : 1);
		}
		for (int i = 0; i < SERVERS; i++) {
			ck_assert_int_eq(read(pipes[0], &each, 1), 1);
			first = first != 0 ? first : each;
			ck_assert_int_ne(each, '-');
			ck_assert_int_eq(each, first);
		}
		while (wait(NULL) > 0)
			;
		ck_assert_int_eq(files_in_dir(), 1);
		unlink(path);
		close(pipes[0]);
		close(pipes[1]);
	}
}
END_TEST

START_TEST(a_cookie_is_weak_under_16_bytes_and_clear_leaves_nothing)
{
	static const struct cookie none;

	put(RAW("0123456789abcde\n"), 0400);
	ck_assert_int_eq(read_it(), COOKIE_OK);
	ck_assert(cookie_is_weak(&cookie));
	unlink(path);
	put(RAW("0123456789abcdef\n"), 0400);
	ck_assert_int_eq(read_it(), COOKIE_OK);
	ck_assert(!cookie_is_weak(&cookie));
	cookie_clear(&cookie);
	ck_assert_mem_eq(&cookie, &none, sizeof(none));
}
END_TEST

static void
path_is(const char *option, const char *expected)
{
	char *got = cookie_path(option);

	ck_assert_str_eq(got, expected);
	free(got);
}

START_TEST(the_option_comes_before_the_environment_and_home)
{
	char *got;

	setenv("HOME", "/home/ana", 1);
	setenv("TAREAS_COOKIE_FILE", "/env", 1);
	path_is("/option", "/option");
	path_is(NULL, "/env");
	path_is("", "/env");
	setenv("TAREAS_COOKIE_FILE", "", 1);
	path_is(NULL, "/home/ana/.tareas.cookie");
	unsetenv("TAREAS_COOKIE_FILE");
	path_is(NULL, "/home/ana/.tareas.cookie");
	unsetenv("HOME");
	got = cookie_path(NULL);
	ck_assert(got == NULL || strstr(got, "/.tareas.cookie") != NULL);
	free(got);
}
END_TEST

START_TEST(every_fault_is_explained_in_one_line_with_a_remedy)
{
	static const struct {
		struct cookie_fault fault;
		const char *path;
		const char *said;
	} cases[] = {
		{ { .result = COOKIE_MISSING }, NULL, "--cookie-file" },
		{ { .result = COOKIE_IO, .error = EACCES }, "/c",
		    "Permission" },
		{ { .result = COOKIE_BAD_CONTENT }, "/c", "1 to 255" },
		{ { COOKIE_UNSAFE, COOKIE_UNSAFE_KIND, false, 0 }, "/c",
		    "regular" },
		{ { COOKIE_UNSAFE, COOKIE_UNSAFE_OWNER, false, 0 }, "/c",
		    "copy" },
		{ { COOKIE_UNSAFE, COOKIE_UNSAFE_MODE, false, 0 }, "/c",
		    "chmod 400 /c" },
		{ { COOKIE_UNSAFE, COOKIE_UNSAFE_MODE, false, 0 }, "/a b/it's",
		    "chmod 400 '/a b/it'\\''s'" },
		{ { COOKIE_UNSAFE, COOKIE_UNSAFE_MODE, false, 0 },
		    "/c;rm -rf $HOME", "chmod 400 '/c;rm -rf $HOME'" },
		{ { COOKIE_UNSAFE, COOKIE_UNSAFE_MODE, false, 0 }, "-R",
		    "chmod 400 ./-R" },
		{ { .result = COOKIE_MISSING }, "/c\n\x1b[2J",
		    "/c\xef\xbf\xbd" },
	};

	for (int i = 0; i < COUNT(cases); i++) {
		char *line = cookie_explain(&cases[i].fault, cases[i].path);
		char *client =
		    cookie_explain_client(&cases[i].fault, cases[i].path, "h");

		ck_assert_ptr_nonnull(strstr(line, cases[i].said));
		ck_assert_ptr_nonnull(strstr(client, cases[i].said));
		ck_assert_ptr_null(strpbrk(line, "\n\x1b"));
		ck_assert_ptr_null(strpbrk(client, "\n\x1b"));
		free(line);
		free(client);
	}
}
END_TEST

START_TEST(a_client_without_a_cookie_is_told_both_remedies)
{
	struct cookie_fault missing = { .result = COOKIE_MISSING };
	char *line = cookie_explain_client(&missing, "/h/.tareas.cookie", NULL);

	ck_assert_str_eq(line,
	    "there is no cookie file /h/.tareas.cookie: start tareas_server "
	    "here, or copy the file from the server's machine:  "
	    "scp SERVER:.tareas.cookie /h/.tareas.cookie");
	free(line);
	line = cookie_explain_client(&missing, "/c", "aula3.local");
	ck_assert_ptr_nonnull(
	    strstr(line, "scp aula3.local:.tareas.cookie /c"));
	free(line);
	line = cookie_explain_client(&missing, "/c", "fe80::1");
	ck_assert_ptr_nonnull(
	    strstr(line, "scp '[fe80::1]':.tareas.cookie /c"));
	free(line);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("cookie");
	TCase *t = tcase_create("cookie");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, content_is_one_line_of_1_to_255_printable_bytes);
	tcase_add_test(t, only_my_own_mode_is_taken);
	tcase_add_test(t, the_owner_is_me_or_root);
	tcase_add_test(t, root_does_not_trust_another_users_file);
	tcase_add_test(t, what_is_not_there_is_missing);
	tcase_add_test(t, only_a_regular_file_is_read_and_nothing_blocks);
	tcase_add_test(t, a_link_is_followed_and_its_target_judged);
	tcase_add_test(t, a_made_file_is_whole_private_and_alone);
	tcase_add_test(t, a_file_that_is_there_is_kept);
	tcase_add_test(t, what_a_crash_left_behind_is_no_obstacle);
	tcase_add_test(t, a_link_to_nowhere_is_not_written_through);
	tcase_add_test(t, where_nothing_can_be_made_the_reason_is_told);
	tcase_add_test(t,
	    servers_that_start_at_once_share_the_first_ones_cookie);
	tcase_add_test(t,
	    a_cookie_is_weak_under_16_bytes_and_clear_leaves_nothing);
	tcase_add_test(t, the_option_comes_before_the_environment_and_home);
	tcase_add_test(t, every_fault_is_explained_in_one_line_with_a_remedy);
	tcase_add_test(t, a_client_without_a_cookie_is_told_both_remedies);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
