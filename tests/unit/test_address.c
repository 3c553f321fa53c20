/* common/address.h: addresses as people type them. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/address.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define H10 "abcdefghij"
#define H50 H10 H10 H10 H10 H10
#define H255 H50 H50 H50 H50 H50 "abcde"

static const struct {
	const char *text;
	const char *host;
	unsigned port;
	const char *formatted;
} good[] = {
	{ "localhost", "localhost", 18800, "localhost:18800" },
	{ "localhost:1", "localhost", 1, "localhost:1" },
	{ "127.0.0.2:65535", "127.0.0.2", 65535, "127.0.0.2:65535" },
	{ "127.0.0.1:0", "127.0.0.1", 0, "127.0.0.1:0" },
	{ "mi_pc.local:00080", "mi_pc.local", 80, "mi_pc.local:80" },
	{ "[::1]", "::1", 18800, "[::1]:18800" },
	{ "[::1]:99", "::1", 99, "[::1]:99" },
	{ "::1", "::1", 18800, "[::1]:18800" },
	{ "::", "::", 18800, "[::]:18800" },
	{ "fe80::1%eth0", "fe80::1%eth0", 18800, "[fe80::1%eth0]:18800" },
	{ "[fe80::1%eth0]:7", "fe80::1%eth0", 7, "[fe80::1%eth0]:7" },
	{ "::ffff:127.0.0.1", "::ffff:127.0.0.1", 18800,
	    "[::ffff:127.0.0.1]:18800" },
	{ "2001:db8:1111:2222:3333:4444:5555:6666",
	    "2001:db8:1111:2222:3333:4444:5555:6666", 18800,
	    "[2001:db8:1111:2222:3333:4444:5555:6666]:18800" },
	{ H255 ":1", H255, 1, H255 ":1" },
};

static const char *const bad[] = {
	NULL, "", ":", ":18800", "localhost:", "localhost:x", "localhost:1x",
	"localhost: 1", "localhost:+1", "localhost:-1", "localhost:65536",
	"localhost:000080", "localhost:99999999999999999999", "local host",
	"host\n", "host/x", "h\xc3\xb3st", "\x1b[31m", "[", "]", "[]", "[]:1",
	"[::1", "::1]", "[::1]x", "[::1]1", "[::1]:", "[::1]:x", "[::1]::1",
	"[[::1]]", "[localhost]:1", "[127.0.0.1]", "a:b:c", "localhost:1:2",
	"::1:18800", "127.0.0.1:1:2", "fe80::1%", "%eth0:", "[%eth0]",
	"2001:db8:1111:2222:3333:4444:5555:6666:7777", H255 "a", "[" H255 "::]",
	"::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::::"
};

START_TEST(a_good_address_is_read)
{
	struct address a;

	ck_assert_int_eq(address_parse(good[_i].text, &a), E_OK);
	ck_assert_str_eq(a.host, good[_i].host);
	ck_assert_uint_eq(a.port, good[_i].port);
}
END_TEST

START_TEST(a_formatted_address_reads_the_same_again)
{
	struct address a;
	struct address b;
	char text[ADDRESS_TEXT_BYTES];

	ck_assert_int_eq(address_parse(good[_i].text, &a), E_OK);
	ck_assert_str_eq(address_format(&a, text), good[_i].formatted);
	ck_assert_int_eq(address_parse(text, &b), E_OK);
	ck_assert_str_eq(a.host, b.host);
	ck_assert_uint_eq(a.port, b.port);
}
END_TEST

START_TEST(a_bad_address_is_refused_and_changes_nothing)
{
	struct address a;
	struct address before;

	memset(&a, 'x', sizeof(a));
	before = a;
	ck_assert_int_eq(address_parse(bad[_i], &a), E_BADARG);
	ck_assert_mem_eq(&a, &before, sizeof(a));
}
END_TEST

/* Every cut and every flipped bit: refused, or an equal round trip. */
START_TEST(a_mutated_address_is_refused_or_round_trips)
{
	const char *text = good[_i].text;
	size_t len = strlen(text);

	for (size_t i = 0; i < 9 * len; i++) {
		char *copy = strdup(text);
		char out[ADDRESS_TEXT_BYTES];
		struct address a;
		struct address b;

		if (i < len)
			copy[i] = '\0';
		else
			copy[(i - len) / 8] =
			    (char)(copy[(i - len) / 8] ^ 1 << (i - len) % 8);
		if (address_parse(copy, &a) == E_OK) {
			address_format(&a, out);
			ck_assert_int_eq(address_parse(out, &b), E_OK);
			ck_assert_str_eq(a.host, b.host);
			ck_assert_uint_eq(a.port, b.port);
		}
		free(copy);
	}
}
END_TEST

START_TEST(loopback_is_told_from_the_world)
{
	static const struct {
		int family;
		const char *text;
		bool loopback;
	} cases[] = {
		{ AF_INET, "127.0.0.1", true },
		{ AF_INET, "127.255.0.9", true },
		{ AF_INET, "126.255.255.255", false },
		{ AF_INET, "128.0.0.1", false },
		{ AF_INET, "0.0.0.0", false },
		{ AF_INET, "10.0.0.127", false },
		{ AF_INET6, "::1", true },
		{ AF_INET6, "::", false },
		{ AF_INET6, "::2", false },
		{ AF_INET6, "fe80::1", false },
		{ AF_INET6, "::ffff:127.0.0.1", true },
		{ AF_INET6, "::ffff:127.9.9.9", true },
		{ AF_INET6, "::ffff:10.0.0.1", false },
		{ AF_INET6, "::127.0.0.1", false },
	};

	for (int i = 0; i < COUNT(cases); i++) {
		struct sockaddr_in in = { .sin_family = AF_INET };
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
		bool v6 = cases[i].family == AF_INET6;
		void *to = v6 ? (void *)&in6.sin6_addr : (void *)&in.sin_addr;

		ck_assert_int_eq(inet_pton(cases[i].family, cases[i].text, to),
		    1);
		ck_assert_msg(address_is_loopback(
				  v6 ? (void *)&in6 : (void *)&in) ==
			cases[i].loopback,
		    "%s", cases[i].text);
	}
}
END_TEST

START_TEST(other_families_are_only_loopback_when_local)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr sa = { .sa_family = AF_UNSPEC };

	ck_assert(address_is_loopback((struct sockaddr *)&un));
	ck_assert(!address_is_loopback(&sa));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("address");
	TCase *t = tcase_create("address");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, a_good_address_is_read, 0, COUNT(good));
	tcase_add_loop_test(t, a_formatted_address_reads_the_same_again, 0,
	    COUNT(good));
	tcase_add_loop_test(t, a_bad_address_is_refused_and_changes_nothing, 0,
	    COUNT(bad));
	tcase_add_loop_test(t, a_mutated_address_is_refused_or_round_trips, 0,
	    COUNT(good));
	tcase_add_test(t, loopback_is_told_from_the_world);
	tcase_add_test(t, other_families_are_only_loopback_when_local);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
