/*
 * MessagePack-RPC messages: the vectors of PROTOCOL.md, tables of good and
 * malformed frames, and every mutation of the good ones.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/rpc.h"
#include "proto/term.h"
#include "tests/lib/bytes.h"
#include "tests/lib/vectors.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

/* -- good frames -- */

static const struct {
	const char *hex;
	enum rpc_kind kind;
	uint32_t msgid;
	const char *method;
	const char *first; /* params or error, as hex; "" is not compared */
	const char *result;
} good[] = {
	{ VECTOR_CALL, RPC_REQUEST, 7, "tareas.agregar_tarea", "", "" },
	{ VECTOR_ANSWER, RPC_RESPONSE, 7, "", "c0", "c3" },
	{ VECTOR_CAST, RPC_NOTIFY, 0, "tareas.agregar_tarea", "", "" },
	{ VECTOR_CAST_SHORT, RPC_NOTIFY, 0, "tareas.agregar_tarea", "", "" },
	{ VECTOR_LIST, RPC_REQUEST, UINT32_MAX, "tareas.listar_tareas",
	    "91 a3616e61", "" },
	{ VECTOR_LIST_ANSWER, RPC_RESPONSE, UINT32_MAX, "", "c0", "" },
	{ VECTOR_LIST_PAGE, RPC_REQUEST, 300, "tareas.listar_tareas", "", "" },
	{ VECTOR_LIST_PAGE_ANSWER, RPC_RESPONSE, 300, "", "c0", "" },
	{ VECTOR_LIST_EMPTY_ANSWER, RPC_RESPONSE, 70000, "", "c0", "90" },
	{ VECTOR_DELETE, RPC_REQUEST, 8, "tareas.eliminar_tarea", "", "" },
	{ VECTOR_DELETE_ANSWER, RPC_RESPONSE, 8, "", "c0", "01" },
	{ VECTOR_ERROR_ANSWER, RPC_RESPONSE, 9, "", "", "c0" },
	{ VECTOR_PING, RPC_REQUEST, 1, "node.ping", "90", "" },
	{ VECTOR_PING_ANSWER, RPC_RESPONSE, 1, "", "c0", "c3" },
	{ VECTOR_NODE_ERROR, RPC_NOTIFY, 0, "node.error", "", "" },
	{ VECTOR_DENIED, RPC_RESPONSE, 2, "", "", "c0" },
	{ VECTOR_HELLO, RPC_REQUEST, 1, "node.hello", "", "" },
	{ VECTOR_WELCOME, RPC_RESPONSE, 1, "", "c0", "" },
	{ VECTOR_AUTH, RPC_REQUEST, 2, "node.auth", "", "" },
	{ VECTOR_PROOF, RPC_RESPONSE, 2, "", "c0", "" },
	/* longer forms than needed say the same */
	{ "dc 0004 cc00 cd0005 d901 78 90", RPC_REQUEST, 5, "x", "90", "" },
	{ "dd 00000004 d001 d300000000ffffffff c0 c0", RPC_RESPONSE, UINT32_MAX,
	    "", "c0", "c0" },
	{ "dd 00000003 ce00000002 db0000000161 dd00000000", RPC_NOTIFY, 0, "a",
	    "dd00000000", "" },
	/* sound, whatever they mean: an empty method, both error and result */
	{ "94 00 00 a0 90", RPC_REQUEST, 0, "", "90", "" },
	{ "94 01 00 c3 c3", RPC_RESPONSE, 0, "", "c3", "c3" },
	{ "94 01 00 81 01 02 93 01 02 03", RPC_RESPONSE, 0, "", "81 01 02",
	    "93 01 02 03" },
	/* unclean ones decode: whoever answers them needs the msgid */
	{ "94 00 05 a1 ff 91 a1 ff", RPC_REQUEST, 5, "\xff", "91 a1 ff", "" },
	{ "94 00 05 a1 78 91 d4 01 00", RPC_REQUEST, 5, "x", "91 d4 01 00",
	    "" },
};

static void
assert_bytes(struct slice s, const char *hex)
{
	struct buf want;

	if (hex[0] == '\0')
		return;
	want = hex_buf(hex);
	ck_assert(slice_equal(s, buf_bytes(&want)));
	buf_release(&want);
}

static void
assert_good(int i, const struct rpc *m)
{
	ck_assert_int_eq(m->kind, good[i].kind);
	ck_assert_uint_eq(m->msgid, good[i].msgid);
	ck_assert(slice_is(m->method, good[i].method));
	assert_bytes(m->kind == RPC_RESPONSE ? m->error : m->params,
	    good[i].first);
	assert_bytes(m->result, good[i].result);
}

START_TEST(good_frame_decodes)
{
	struct buf b = hex_buf(good[_i].hex);
	struct rpc m;

	ck_assert_int_eq(rpc_decode(buf_bytes(&b), &m), E_OK);
	assert_good(_i, &m);
	buf_release(&b);
}
END_TEST

START_TEST(what_a_kind_does_not_have_is_empty)
{
	struct buf b = hex_buf(good[_i].hex);
	struct rpc m;

	memset(&m, 0x5a, sizeof(m));
	ck_assert_int_eq(rpc_decode(buf_bytes(&b), &m), E_OK);
	if (m.kind == RPC_RESPONSE) {
		ck_assert_uint_eq(m.method.len + m.params.len, 0);
	} else {
		ck_assert_uint_eq(m.error.len + m.result.len, 0);
		ck_assert_uint_gt(m.params.len, 0);
	}
	buf_release(&b);
}
END_TEST

START_TEST(good_frame_written_again_is_equal)
{
	struct buf b = hex_buf(good[_i].hex), again;
	struct rpc m;

	buf_init(&again);
	ck_assert_int_eq(rpc_decode(buf_bytes(&b), &m), E_OK);
	rewrite(&again, &m);
	ck_assert(same_value(buf_bytes(&b), buf_bytes(&again)));
	buf_release(&again);
	buf_release(&b);
}
END_TEST

/* The next frame in s, as a link reads it from a stream. */
static bool
next_frame(struct slice *s, struct rpc *m)
{
	struct term_check c;

	term_check_init(&c, LIMIT_FRAME);
	if (term_check(&c, *s) != TERM_WHOLE)
		return false;
	ck_assert_int_eq(rpc_decode(slice_bytes(s->bytes, c.pos), m), E_OK);
	*s = slice_bytes(s->bytes + c.pos, s->len - c.pos);
	return true;
}

START_TEST(frames_one_after_another_come_apart)
{
	struct buf b;
	struct slice s;
	struct rpc m;

	buf_init(&b);
	for (int i = 0; i < COUNT(good); i++)
		hex_add(&b, good[i].hex);
	s = buf_bytes(&b);
	for (int i = 0; i < COUNT(good); i++) {
		ck_assert(next_frame(&s, &m));
		assert_good(i, &m);
	}
	ck_assert_uint_eq(s.len, 0);
	buf_release(&b);
}
END_TEST

/* -- malformed frames: sound values that are no message -- */

static const char *const malformed[] = {
	"",
	"c0",
	"00",
	"a1 00",
	"80",
	"84 00 01 02 03 04 05 06 07",
	"90",
	"91 00",
	"93 00 01 a161", /* a request cut short */
	"92 02 a161",
	"95 00 01 a161 90 90", /* and one too long */
	"94 02 a161 90 90",
	"93 01 01 c0",
	"94 03 01 a161 90", /* no such kind */
	"94 ff 01 a161 90",
	"94 cf0000000100000000 01 a161 90",
	"94 c0 01 a161 90",
	"94 a100 01 a161 90",
	"94 ca00000000 01 a161 90",
	"94 00 ff a161 90", /* no msgid */
	"94 00 c0 a161 90",
	"94 00 a131 a161 90",
	"94 00 cf0000000100000000 a161 90", /* over 32 bits */
	"94 01 cf0000000100000000 c0 c0",
	"94 01 ff c0 c0",
	"94 01 d3ffffffffffffffff c0 c0",
	"94 00 01 c0 90", /* no method */
	"94 00 01 c40161 90",
	"94 00 01 01 90",
	"93 02 c0 90",
	"94 00 01 a161 c0", /* no params */
	"94 00 01 a161 80",
	"94 00 01 a161 a0",
	"93 02 a161 c40100",
	"94 00 01 a161 90 00", /* the end must be the end */
	"93 02 a161 90 c0",
	"94 01 01 c0 c0 c0",
	"94 00 01 a161", /* what no checker would have let through */
	"94 00 01 a161 92 01",
	"94 01 01 c0",
	"94 00 c1 a161 90",
};

START_TEST(other_values_are_malformed)
{
	struct buf b = hex_buf(malformed[_i]);
	struct slice s = exact_copy(buf_bytes(&b));
	struct rpc m;

	ck_assert_int_eq(rpc_decode(s, &m), E_MALFORMED);
	exact_free(s);
	buf_release(&b);
}
END_TEST

START_TEST(method_of_128_bytes_is_good_and_of_129_is_malformed)
{
	uint8_t name[LIMIT_METHOD_BYTES + 1];
	struct rpc m;
	struct buf b;

	memset(name, 'x', sizeof(name));
	buf_init(&b);
	rpc_write_request(&b, 1, slice_bytes(name, LIMIT_METHOD_BYTES),
	    slice_bytes("\x90", 1));
	ck_assert_int_eq(rpc_decode(buf_bytes(&b), &m), E_OK);
	ck_assert_uint_eq(m.method.len, LIMIT_METHOD_BYTES);
	buf_clear(&b);
	rpc_write_notify(&b, slice_bytes(name, sizeof(name)),
	    slice_bytes("\x90", 1));
	ck_assert_int_eq(rpc_decode(buf_bytes(&b), &m), E_MALFORMED);
	buf_release(&b);
}
END_TEST

/* -- mutations -- */

/* Of what the checker found whole both decoders say the same. */
static void
assert_whole(struct slice s)
{
	struct rpc a, b;
	enum err e = rpc_decode(s, &a);

	if (rpc_decode_whole(s, &b) != e)
		ck_abort_msg("the decoders do not agree");
	if (e != E_OK)
		return;
	if (a.kind != b.kind || a.msgid != b.msgid ||
	    !slice_equal(a.method, b.method) ||
	    !slice_equal(a.params, b.params) ||
	    !slice_equal(a.error, b.error) || !slice_equal(a.result, b.result))
		ck_abort_msg("the decoders read different messages");
}

/* An error, or a message that says the same when written again. */
static void
assert_mutant(struct slice s)
{
	struct term_check c;
	struct buf again;
	struct rpc m;

	term_check_init(&c, LIMIT_FRAME);
	if (term_check(&c, s) != TERM_WHOLE)
		return;
	s.len = c.pos;
	assert_whole(s);
	if (rpc_decode(s, &m) != E_OK)
		return;
	buf_init(&again);
	rewrite(&again, &m);
	if (!same_value(s, buf_bytes(&again)))
		ck_abort_msg("another message when written again");
	buf_release(&again);
}

START_TEST(every_flipped_bit_is_an_error_or_another_message)
{
	struct buf b = hex_buf(good[_i].hex);
	struct slice s = exact_copy(buf_bytes(&b));
	uint8_t *bytes = (uint8_t *)(uintptr_t)s.bytes;

	assert_mutant(s);
	for (size_t bit = 0; bit < 8 * s.len; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_mutant(s);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	exact_free(s);
	buf_release(&b);
}
END_TEST

START_TEST(every_truncation_is_no_message)
{
	struct buf b = hex_buf(good[_i].hex);

	for (size_t len = 0; len < buf_len(&b); len++) {
		struct slice s =
		    exact_copy(slice_bytes(buf_bytes(&b).bytes, len));
		struct rpc m;

		if (rpc_decode(s, &m) != E_MALFORMED)
			ck_abort_msg("cut at %zu", len);
		exact_free(s);
	}
	buf_release(&b);
}
END_TEST

/* -- method -- */

static const struct {
	const char *method;
	const char *process; /* NULL: E_UNDEF */
	const char *operation;
} methods[] = {
	{ "tareas.agregar_tarea", "tareas", "agregar_tarea" },
	{ "node.hello", "node", "hello" },
	{ "a.b", "a", "b" },
	{ "sala.general.join", "sala.general", "join" },
	{ "a..b", "a.", "b" },
	{ ".a.b", ".a", "b" },
	{ "..b", ".", "b" },
	{ "se\xc3\xb1or.\xc3\xb1", "se\xc3\xb1or", "\xc3\xb1" },
	{ "", NULL, NULL },
	{ ".", NULL, NULL },
	{ "..", NULL, NULL },
	{ "a", NULL, NULL },
	{ "tareas", NULL, NULL },
	{ "tareas.", NULL, NULL },
	{ ".agregar", NULL, NULL },
	{ "a.b.", NULL, NULL },
};

START_TEST(method_splits_at_its_last_dot)
{
	struct slice method = exact_copy(slice_of(methods[_i].method));
	struct slice process = slice_of("p"), operation = slice_of("o");
	enum err e = rpc_split(method, &process, &operation);
	bool bad = methods[_i].process == NULL;

	ck_assert_int_eq(e, bad ? E_UNDEF : E_OK);
	ck_assert(slice_is(process, bad ? "p" : methods[_i].process));
	ck_assert(slice_is(operation, bad ? "o" : methods[_i].operation));
	exact_free(method);
}
END_TEST

/* -- error -- */

static const struct {
	const char *hex;
	enum err e;
	const char *text;
} errors[] = {
	{ "c0", E_OK, "" },
	{ "92 a6 626164617267 a2 6e6f", E_BADARG, "no" },
	{ "92 a6 64656e696564 a0", E_DENIED, "" },
	{ "92 a7 74696d656f7574 a1 78", E_TIMEOUT, "x" },
	{ "92 d906 626164617267 da0002 6e6f", E_BADARG, "no" },
	/* a word of a later version, or none of ours: the text is kept */
	{ "92 a5 6d6167696b a1 78", E_MALFORMED, "x" },
	{ "92 a2 6f6b a1 78", E_MALFORMED, "x" }, /* "ok" is no error */
	{ "92 a0 a0", E_MALFORMED, "" },
	/* the error of a foreign server may be anything */
	{ "", E_MALFORMED, "" },
	{ "c2", E_MALFORMED, "" },
	{ "c3", E_MALFORMED, "" },
	{ "00", E_MALFORMED, "" },
	{ "a6 626164617267", E_MALFORMED, "" },
	{ "80", E_MALFORMED, "" },
	{ "90", E_MALFORMED, "" },
	{ "91 a6 626164617267", E_MALFORMED, "" },
	{ "93 a6 626164617267 a0 a0", E_MALFORMED, "" },
	{ "92 01 a0", E_MALFORMED, "" },
	{ "92 a6 626164617267 01", E_MALFORMED, "" },
	{ "92 a6 626164617267 c0", E_MALFORMED, "" },
};

START_TEST(error_of_a_response_is_read)
{
	struct buf b = hex_buf(errors[_i].hex);
	struct slice text = slice_of("before");

	ck_assert_int_eq(rpc_read_error(buf_bytes(&b), &text), errors[_i].e);
	ck_assert(slice_is(text, errors[_i].text));
	ck_assert_int_eq(rpc_read_error(buf_bytes(&b), NULL), errors[_i].e);
	buf_release(&b);
}
END_TEST

START_TEST(every_error_that_is_written_is_read_back)
{
	enum err e = (enum err)_i;
	struct slice text;
	struct rpc m;
	struct buf b;

	buf_init(&b);
	rpc_write_error(&b, 77, e, NULL);
	ck_assert_int_eq(rpc_decode(buf_bytes(&b), &m), E_OK);
	ck_assert_uint_eq(m.msgid, 77);
	ck_assert_int_eq(rpc_read_error(m.error, &text), e);
	ck_assert(slice_is(text, err_text(e)));
	ck_assert(slice_is(m.result, "\xc0"));
	buf_clear(&b);
	rpc_write_node_error(&b, e, "porque");
	ck_assert_int_eq(rpc_decode(buf_bytes(&b), &m), E_OK);
	ck_assert_int_eq(m.kind, RPC_NOTIFY);
	ck_assert(slice_is(m.method, "node.error"));
	ck_assert_int_eq(rpc_read_error(m.params, &text), e);
	ck_assert(slice_is(text, "porque"));
	buf_release(&b);
}
END_TEST

/* -- writers make the vectors, and append -- */

START_TEST(writers_append_the_bytes_of_the_vectors)
{
	struct buf b, want;
	struct slice ana = slice_bytes("\x91\xa3"
				       "ana",
	    5);

	buf_init(&b);
	buf_init(&want);
	rpc_write_request(&b, UINT32_MAX, slice_of("tareas.listar_tareas"),
	    ana);
	hex_add(&want, VECTOR_LIST);
	rpc_write_request(&b, 1, slice_of("node.ping"), slice_bytes("\x90", 1));
	hex_add(&want, VECTOR_PING);
	rpc_write_result(&b, 7, slice_bytes("\xc3", 1));
	hex_add(&want, VECTOR_ANSWER);
	rpc_write_error(&b, 9, E_BADARG, NULL);
	hex_add(&want, VECTOR_ERROR_ANSWER);
	rpc_write_error(&b, 2, E_DENIED, "not allowed");
	hex_add(&want, VECTOR_DENIED);
	rpc_write_node_error(&b, E_MALFORMED, term_verdict_text(TERM_RESERVED));
	hex_add(&want, VECTOR_NODE_ERROR);
	rpc_write_notify(&b, slice_of("x"), ana);
	hex_add(&want, "93 02 a1 78 91 a3 616e61");
	ck_assert(slice_equal(buf_bytes(&b), buf_bytes(&want)));
	buf_release(&want);
	buf_release(&b);
}
END_TEST

/* Whatever the msgid, the same bytes as written. */
START_TEST(a_result_is_wrapped_where_it_lies)
{
	static const uint32_t msgids[] = { 0, 127, 128, 255, 256, 65535, 65536,
		UINT32_MAX };
	struct buf wrapped, written;

	buf_init(&wrapped);
	buf_init(&written);
	for (size_t i = 0; i < COUNT(msgids); i++) {
		buf_clear_behind(&wrapped, RPC_RESULT_HEAD);
		buf_clear(&written);
		hex_add(&wrapped, "93 01 02 03");
		rpc_write_result(&written, msgids[i], buf_bytes(&wrapped));
		ck_assert(rpc_wrap_result(&wrapped, msgids[i]));
		ck_assert(
		    slice_equal(buf_bytes(&wrapped), buf_bytes(&written)));
	}
	buf_clear(&wrapped);
	hex_add(&wrapped, "c0");
	ck_assert(!rpc_wrap_result(&wrapped, 1));
	ck_assert_uint_eq(buf_len(&wrapped), 1);
	buf_release(&wrapped);
	buf_release(&written);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("rpc");
	TCase *t = tcase_create("rpc");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(t, good_frame_decodes, 0, COUNT(good));
	tcase_add_loop_test(t, what_a_kind_does_not_have_is_empty, 0,
	    COUNT(good));
	tcase_add_loop_test(t, good_frame_written_again_is_equal, 0,
	    COUNT(good));
	tcase_add_test(t, frames_one_after_another_come_apart);
	tcase_add_loop_test(t, other_values_are_malformed, 0, COUNT(malformed));
	tcase_add_test(t, method_of_128_bytes_is_good_and_of_129_is_malformed);
	tcase_add_loop_test(t, every_flipped_bit_is_an_error_or_another_message,
	    0, COUNT(good));
	tcase_add_loop_test(t, every_truncation_is_no_message, 0, COUNT(good));
	tcase_add_loop_test(t, method_splits_at_its_last_dot, 0,
	    COUNT(methods));
	tcase_add_loop_test(t, error_of_a_response_is_read, 0, COUNT(errors));
	tcase_add_loop_test(t, every_error_that_is_written_is_read_back, 1,
	    ERR_COUNT);
	tcase_add_test(t, a_result_is_wrapped_where_it_lies);
	tcase_add_test(t, writers_append_the_bytes_of_the_vectors);
	suite_add_tcase(s, t);
	runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
