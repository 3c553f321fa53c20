/*
 * server/sockets.h: the sockets that one program hands to the next, and
 * what is listened on.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/sockets.h"

/* -- what was handed over -- */

static int
inherited(const char *pid, const char *fds, unsigned *count)
{
	char own[24];

	snprintf(own, sizeof(own), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid == NULL ? own : pid, 1);
	setenv("LISTEN_FDS", fds, 1);
	setenv("LISTEN_FDNAMES", "a:b", 1);
	return sockets_inherited(count);
}

START_TEST(only_a_good_number_for_this_process_counts)
{
	static const struct {
		const char *pid; /* NULL: ours */
		const char *fds;
		unsigned count;
	} cases[] = { { NULL, "2", 2 }, { NULL, "64", 64 }, { NULL, "0", 0 },
		{ NULL, "-1", 0 }, { NULL, "", 0 }, { NULL, "2x", 0 },
		{ NULL, "x", 0 }, { NULL, "99999999999999999999", 0 },
		{ "1", "2", 0 }, { "", "2", 0 }, { "-1", "2", 0 } };
	unsigned count = 77;

	ck_assert_int_eq(inherited(cases[_i].pid, cases[_i].fds, &count), 0);
	ck_assert_uint_eq(count, cases[_i].count);
}
END_TEST

START_TEST(more_than_there_may_be_are_refused)
{
	unsigned count = 77;

	ck_assert_int_eq(inherited(NULL, "65", &count), 69);
	ck_assert_uint_eq(count, 77);
}
END_TEST

START_TEST(the_environment_is_clean_afterwards)
{
	unsigned count;

	ck_assert_int_eq(inherited(_i == 0 ? NULL : "1", "1", &count), 0);
	ck_assert_ptr_null(getenv("LISTEN_PID"));
	ck_assert_ptr_null(getenv("LISTEN_FDS"));
	ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
	ck_assert_int_eq(sockets_inherited(&count), 0);
	ck_assert_uint_eq(count, 0);
}
END_TEST

/* In a new process: each descriptor is where it has to be, once. */
static int
check_hand_over(const int *fds, const char *letters)
{
	unsigned n = (unsigned)strlen(letters), count = 0;
	char c;

	if (!sockets_hand_over(fds, n))
		return 1;
	for (unsigned i = 0; i < n; i++)
		if (fcntl(SOCKETS_FIRST + (int)i, F_GETFD) != 0)
			return 2; /* it would not live through an exec */
	if (sockets_inherited(&count) != 0 || count != n)
		return 3;
	for (unsigned i = 0; i < n; i++) {
		if (read(SOCKETS_FIRST + (int)i, &c, 1) != 1 || c != letters[i])
			return 4;
		if (fcntl(SOCKETS_FIRST + (int)i, F_GETFD) != FD_CLOEXEC)
			return 5;
	}
	return 0;
}

/* Pipes stand for them: what is in one tells which it is. */
START_TEST(they_arrive_in_their_order_from_wherever_they_were)
{
	static const char letters[] = "abc";
	/* At each other's places, and elsewhere. */
	static const int places[][3] = { { 3, 4, 5 }, { 5, 4, 3 }, { 4, 5, 3 },
		{ 40, 3, 41 } };
	int ends[2], high[3], status;
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		for (int i = 0; i < 3; i++) {
			if (pipe(ends) != 0 ||
			    write(ends[1], &letters[i], 1) != 1)
				_exit(10);
			high[i] = fcntl(ends[0], F_DUPFD, 100);
		}
		for (int i = 0; i < 3; i++)
			dup2(high[i], places[_i][i]);
		_exit(check_hand_over(places[_i], letters));
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

/* -- which addresses -- */

struct heard {
	struct address at[8];
	unsigned count;
	const char *missing; /* this machine has no such host */
	const char *taken;
};

static enum err
hear(void *arg, const struct address *at, const char **why)
{
	struct heard *h = arg;

	*why = "why";
	if (h->missing != NULL && strstr(at->host, h->missing) != NULL)
		return E_UNREACHABLE;
	if (h->taken != NULL && strstr(at->host, h->taken) != NULL)
		return E_EXISTS;
	h->at[h->count++] = *at;
	return E_OK;
}

START_TEST(each_given_address_has_to_work)
{
	struct config config = { .listen = { { .host = "a", .port = 1 },
				     { .host = "b", .port = 2 } },
		.listen_count = 2 };
	struct heard all = { .count = 0 }, none = { .missing = "b" },
		     taken = { .taken = "a" };

	ck_assert_int_eq(sockets_listen(&config, NULL, hear, &all), 0);
	ck_assert_uint_eq(all.count, 2);
	ck_assert_str_eq(all.at[1].host, "b");
	ck_assert_int_eq(sockets_listen(&config, NULL, hear, &none), 69);
	ck_assert_int_eq(sockets_listen(&config, NULL, hear, &taken), 69);
	ck_assert_uint_eq(taken.count, 0);
}
END_TEST

START_TEST(of_the_loopback_addresses_one_may_be_missing_but_not_taken)
{
	static const struct {
		const char *missing, *taken;
		int status;
		unsigned count;
	} cases[] = { { NULL, NULL, 0, 2 }, { "::1", NULL, 0, 1 },
		{ "127", NULL, 0, 1 }, { "1", NULL, 69, 0 },
		{ NULL, "::1", 69, 1 }, { NULL, "127", 69, 0 },
		{ "127", "::1", 69, 0 } };
	const struct config config = { .listen_count = 0 };
	struct heard h = { .missing = cases[_i].missing,
		.taken = cases[_i].taken };

	ck_assert_int_eq(sockets_listen(&config, NULL, hear, &h),
	    cases[_i].status);
	ck_assert_uint_eq(h.count, cases[_i].count);
	if (h.count > 0)
		ck_assert_uint_eq(h.at[0].port, ADDRESS_PORT);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sockets");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, only_a_good_number_for_this_process_counts, 0,
	    11);
	tcase_add_test(t, more_than_there_may_be_are_refused);
	tcase_add_loop_test(t, the_environment_is_clean_afterwards, 0, 2);
	tcase_add_loop_test(t,
	    they_arrive_in_their_order_from_wherever_they_were, 0, 4);
	tcase_add_test(t, each_given_address_has_to_work);
	tcase_add_loop_test(t,
	    of_the_loopback_addresses_one_may_be_missing_but_not_taken, 0, 7);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
