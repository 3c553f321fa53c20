/* server/sqlite_store.h: what is saved is there when it is opened again. */
#include <check.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/sqlite_db.h"
#include "server/sqlite_store.h"

static char directory[64], path[128];
static struct sqlite_store_config config;
static struct store *store;
static uint64_t saved_seq;
static int room; /* as last told; -1: nothing yet */
static char rows[16384];

static void
on_saved(void *arg, uint64_t seq)
{
	ck_assert_ptr_eq(arg, rows);
	ck_assert_uint_gt(seq, saved_seq);
	saved_seq = seq;
}

static void
on_room(void *arg, bool enough)
{
	ck_assert_ptr_eq(arg, rows);
	room = enough;
}

static const struct store_events events = { on_saved, on_room };

static void
open_store(void)
{
	char *why = NULL;
	int status = sqlite_store_open(&config, &store, &why);

	ck_assert_msg(status == 0, "%s", why);
	store_attach(store, &events, rows);
	saved_seq = 0;
	room = -1;
}

static void
setup(void)
{
	strcpy(directory, "/tmp/store.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	strcat(directory, "/a/b");
	snprintf(path, sizeof(path), "%s/" DB_FILE, directory);
	config = (struct sqlite_store_config){ .directory = directory };
	open_store();
}

static void
teardown(void)
{
	char command[128];

	if (store != NULL)
		store_close(store);
	directory[strlen(directory) - 4] = '\0';
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

/* Hears what the writer tells until done, at most ten seconds. */
static void
hear_until(bool (*done)(void))
{
	struct pollfd p = { .fd = sqlite_store_fd(store), .events = POLLIN };

	while (!done()) {
		ck_assert_int_eq(poll(&p, 1, 10000), 1);
		sqlite_store_ready(store);
	}
}

static uint64_t wanted_seq;

static bool
is_saved(void)
{
	return saved_seq == wanted_seq;
}

static void
write_rows(uint64_t seq, const struct row *r, size_t n)
{
	struct buf batch;

	buf_init(&batch);
	for (size_t i = 0; i < n; i++)
		row_write(&batch, &r[i]);
	store_write(store, seq, buf_bytes(&batch));
	buf_release(&batch);
}

#define WRITE(seq, ...) \
	do { \
		const struct row these[] = { __VA_ARGS__ }; \
\
		write_rows(seq, these, sizeof(these) / sizeof(these[0])); \
	} while (0)

static void
wait_saved(uint64_t seq)
{
	wanted_seq = seq;
	hear_until(is_saved);
}

static void
note(void *arg, const struct row *r)
{
	unsigned number = 0, text = 0;
	size_t at = strlen(rows);

	ck_assert_ptr_eq(arg, rows);
	at += (size_t)snprintf(rows + at, sizeof(rows) - at, "%d", r->kind);
	for (const char *form = row_form(r->kind); *form != '\0'; form++)
		if (*form == 'n')
			at += (size_t)snprintf(rows + at, sizeof(rows) - at,
			    ":%llu", (unsigned long long)r->number[number++]);
		else
			at += (size_t)snprintf(rows + at, sizeof(rows) - at,
			    ":%.*s", (int)r->text[text].len,
			    (const char *)r->text[text].bytes),
			    text++;
	strcat(rows, " ");
}

static void
expect_rows(uint64_t seq, const char *words)
{
	uint64_t loaded;

	rows[0] = '\0';
	ck_assert_int_eq(store_load(store, note, rows, &loaded), E_OK);
	ck_assert_str_eq(rows, words);
	ck_assert_uint_eq(loaded, seq);
}

static void
reopen(void)
{
	store_close(store);
	open_store();
}

static struct row
tarea(uint64_t id, const char *titulo, const char *descripcion)
{
	return (struct row){ .kind = ROW_TAREA,
		.number = { id },
		.text = { slice_of("ana"), slice_of(titulo),
		    slice_of(descripcion) } };
}

static struct row
numbers(enum row_kind kind, uint64_t a, uint64_t b)
{
	return (struct row){ .kind = kind, .number = { a, b } };
}

START_TEST(what_is_saved_is_there_again)
{
	expect_rows(0, "");
	WRITE(1, tarea(1, "ñandú", ""));
	WRITE(3, tarea(2, "b", "'; DROP TABLE tarea; --"), tarea(3, "c", "d"));
	wait_saved(3);
	expect_rows(3,
	    "0:1:ana:ñandú: 0:2:ana:b:'; DROP TABLE tarea; -- 0:3:ana:c:d ");
	reopen();
	expect_rows(3,
	    "0:1:ana:ñandú: 0:2:ana:b:'; DROP TABLE tarea; -- 0:3:ana:c:d ");
	WRITE(4, numbers(ROW_TAREA_GONE, 2, 0));
	wait_saved(4);
	reopen();
	expect_rows(4, "0:1:ana:ñandú: 0:3:ana:c:d ");
}
END_TEST

START_TEST(a_close_and_a_load_wait_for_what_was_written)
{
	for (uint64_t i = 1; i <= 100; i++)
		WRITE(i, tarea(i, "x", ""));
	store_close(store);
	open_store();
	WRITE(101, numbers(ROW_TAREA_GONE, 100, 0));
	for (uint64_t i = 1; i < 99; i++)
		WRITE(101 + i, numbers(ROW_TAREA_GONE, i, 0));
	expect_rows(199, "0:99:ana:x: ");
}
END_TEST

static void
expect_tareas(uint64_t last, const bool *there)
{
	char expected[sizeof(rows)] = "";

	for (uint64_t i = 1; i <= last; i++)
		if (there[i])
			snprintf(expected + strlen(expected),
			    sizeof(expected) - strlen(expected),
			    "0:%llu:ana:x: ", (unsigned long long)i);
	expect_rows(last, expected);
}

/* However many tasks come in a row, and whatever is between them. */
START_TEST(rows_keep_their_order_in_a_batch_of_any_length)
{
	bool there[512] = { false };
	uint64_t id = 0;
	struct buf batch;

	buf_init(&batch);
	for (unsigned many = 1; many <= 161; many += 32) {
		for (unsigned i = 0; i < many; i++) {
			struct row r = tarea(++id, "x", "");

			row_write(&batch, &r);
			there[id] = true;
		}
		/* The last one, and one of before. */
		for (uint64_t gone = id; gone > 0; gone = gone / 2) {
			struct row r = numbers(ROW_TAREA_GONE, gone, 0);

			row_write(&batch, &r);
			there[gone] = false;
		}
	}
	store_write(store, id, buf_bytes(&batch));
	buf_release(&batch);
	wait_saved(id);
	expect_tareas(id, there);
}
END_TEST

START_TEST(keys_are_kept_and_forgotten)
{
	struct row r = { .kind = ROW_CLAVE,
		.text = { slice_of(""), slice_bytes("k\0y of 16 bytes.", 16),
		    slice_of("huella, 16 bytes"), slice_of("ok") } };

	for (uint64_t i = 1; i <= 4; i++) {
		r.number[0] = i;
		r.number[1] = 10 * i;
		write_rows(i, &r, 1);
	}
	WRITE(5, numbers(ROW_CLAVES_GONE, 2, 0));
	wait_saved(5);
	reopen();
	/* %.*s ends at the NUL. */
	expect_rows(5,
	    "2:3:30::k:huella, 16 bytes:ok 2:4:40::k:huella, 16 bytes:ok ");
}
END_TEST

START_TEST(rooms_go_with_their_messages)
{
	struct row room_row = { .kind = ROW_SALA,
		.number = { 1 },
		.text = { slice_of("general"), slice_of("ana") } };
	struct row m = { .kind = ROW_MENSAJE,
		.number = { 1, 1, 77 },
		.text = { slice_of("ana"), slice_of("hola") } };

	write_rows(1, &room_row, 1);
	room_row.number[0] = 2;
	room_row.text[0] = slice_of("otra");
	write_rows(2, &room_row, 1);
	for (uint64_t n = 1; n <= 3; n++)
		for (uint64_t sala = 1; sala <= 2; sala++) {
			m.number[0] = sala;
			m.number[1] = n;
			write_rows(2 * n + sala, &m, 1);
		}
	WRITE(9, numbers(ROW_MENSAJES_GONE, 1, 2));
	WRITE(10, numbers(ROW_SALA_GONE, 2, 0));
	wait_saved(10);
	reopen();
	expect_rows(10, "4:1:general:ana 6:1:3:77:ana:hola ");
}
END_TEST

START_TEST(what_waits_is_the_backlog)
{
	char *big = calloc(1, 1000000);
	struct row r = tarea(1, "x", "");

	ck_assert_uint_eq(store_backlog(store), 0);
	r.text[2] = slice_bytes(big, 1000000);
	write_rows(1, &r, 1);
	ck_assert_uint_ge(store_backlog(store), 1000000);
	wait_saved(1);
	ck_assert_uint_eq(store_backlog(store), 0);
	free(big);
}
END_TEST

static bool
room_was_told(void)
{
	return room == 1;
}

START_TEST(a_full_disk_is_told_and_so_is_its_end)
{
	ck_assert(store_has_room(store));
	store_close(store);
	config.free_min = UINT64_MAX;
	open_store();
	ck_assert(!store_has_room(store));
	config.free_min = 0;
	hear_until(room_was_told);
	ck_assert(store_has_room(store));
}
END_TEST

static sqlite3 *
shell(void)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

static void
run_sql(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK,
	    "%s: %s", sql, why);
}

/* Tasks whose texts say their number; one of each hundred is missing. */
static void
write_numbered(uint64_t first, uint64_t last)
{
	struct buf batch;

	buf_init(&batch);
	for (uint64_t id = first; id <= last; id++) {
		char text[32];
		struct row r;

		if (id % 100 == 50)
			continue;
		snprintf(text, sizeof(text), "%llu", (unsigned long long)id);
		r = tarea(id, text, text);
		row_write(&batch, &r);
	}
	store_write(store, last, buf_bytes(&batch));
	buf_release(&batch);
	wait_saved(last);
}

static void
note_numbered(void *arg, const struct row *r)
{
	uint64_t *count = arg;
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)r->number[0]);
	ck_assert(slice_equal(r->text[1], slice_of(text)));
	ck_assert(slice_equal(r->text[2], slice_of(text)));
	++*count;
}

static void
expect_numbered(uint64_t seq, uint64_t expected)
{
	uint64_t loaded, count = 0;

	ck_assert_int_eq(store_load(store, note_numbered, &count, &loaded),
	    E_OK);
	ck_assert_uint_eq(loaded, seq);
	ck_assert_uint_eq(count, expected);
}

START_TEST(tasks_keep_their_numbers_whatever_the_table_ends_with)
{
	sqlite3 *db = shell();

	write_numbered(1, 200);
	write_numbered(211, 500);
	run_sql(db, "DELETE FROM tarea WHERE id > 490");
	write_numbered(501, 700);
	run_sql(db,
	    "INSERT INTO tarea VALUES (2000, 'ana', '2000', '2000'),"
	    " (-7, 'ana', '-7', '-7')");
	write_numbered(701, 900); /* below what was put in by hand */
	run_sql(db, "DELETE FROM tarea WHERE id IN (2000, -7)");
	write_numbered(901, 1100);
	sqlite3_close(db);
	expect_numbered(1100, 1069);
	run_sql(db = shell(), "DELETE FROM tarea");
	sqlite3_close(db);
	write_numbered(1101, 1300);
	expect_numbered(1300, 198);
}
END_TEST

START_TEST(who_reads_or_locks_it_delays_a_commit_at_most)
{
	sqlite3 *db = shell();

	WRITE(1, tarea(1, "x", ""));
	wait_saved(1);
	run_sql(db, "BEGIN; SELECT * FROM tareas");
	WRITE(2, tarea(2, "y", ""));
	wait_saved(2);
	run_sql(db, "COMMIT; BEGIN IMMEDIATE");
	WRITE(3, tarea(3, "z", ""));
	usleep(30000); /* a while, in which it cannot be saved */
	sqlite_store_ready(store);
	ck_assert_uint_eq(saved_seq, 2);
	run_sql(db, "COMMIT");
	wait_saved(3);
	sqlite3_close(db);
}
END_TEST

START_TEST(a_directory_has_one_server_and_one_owner)
{
	struct stat st;
	struct store *second;
	char *why = NULL;

	ck_assert_int_eq(stat(directory, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0700);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(sqlite_store_open(&config, &second, &why),
	    DB_TEMPFAIL);
	ck_assert_ptr_nonnull(strstr(why, directory));
	free(why);
}
END_TEST

START_TEST(a_directory_in_which_others_may_write_is_refused)
{
	static const struct {
		mode_t mode;
		int status;
	} cases[] = { { 0700, 0 }, { 0755, 0 }, { 0720, DB_NOPERM },
		{ 0702, DB_NOPERM }, { 0777, DB_NOPERM },
		{ 01777, DB_NOPERM } };
	char *why = NULL;
	int status;

	store_close(store);
	store = NULL;
	ck_assert_int_eq(chmod(directory, cases[_i].mode), 0);
	status = sqlite_store_open(&config, &store, &why);
	ck_assert_int_eq(status, cases[_i].status);
	if (status != 0)
		ck_assert_ptr_nonnull(strstr(why, "chmod 700 "));
	free(why);
}
END_TEST

/* SQLite's English is never all, and never in the middle. */
START_TEST(an_error_of_sqlite_is_said_in_our_words_first)
{
	static const struct {
		int code, status;
		const char *says;
	} cases[] = {
		{ SQLITE_CORRUPT, DB_DATAERR, "x.db is damaged. " },
		{ SQLITE_NOTADB, DB_DATAERR, "x.db is damaged. " },
		{ SQLITE_FULL, DB_IOERR, "the disk is full (theirs)" },
		{ SQLITE_READONLY, DB_IOERR, "may not be written (theirs)" },
		{ SQLITE_CANTOPEN, DB_IOERR, "cannot be opened (theirs)" },
		{ SQLITE_IOERR_READ, DB_IOERR, "read or write it (theirs)" },
		{ SQLITE_NOMEM, DB_IOERR, "x.db cannot be used: " },
	};
	char *why, *theirs;

	ck_assert_int_eq(db_explain("x.db", cases[_i].code, "theirs", &why),
	    cases[_i].status);
	ck_assert_msg(strstr(why, cases[_i].says) != NULL, "%s", why);
	theirs = strstr(why, " (theirs)");
	ck_assert_ptr_nonnull(theirs);
	ck_assert_str_eq(theirs, " (theirs)");
	free(why);
	ck_assert_int_eq(db_explain("x.db", SQLITE_BUSY, "theirs", &why),
	    DB_TEMPFAIL);
	ck_assert_ptr_null(strstr(why, "theirs"));
	free(why);
}
END_TEST

static int
refused(const char *sql, const char *word)
{
	sqlite3 *db;
	char *why = NULL;
	int status;

	store_close(store);
	store = NULL;
	db = shell();
	run_sql(db, sql);
	sqlite3_close(db);
	status = sqlite_store_open(&config, &store, &why);
	ck_assert_int_ne(status, 0);
	ck_assert_msg(strstr(why, word) != NULL, "%s", why);
	free(why);
	return status;
}

START_TEST(a_newer_database_is_refused)
{
	ck_assert_int_eq(refused("PRAGMA user_version = 99", "99"), DB_DATAERR);
}
END_TEST

START_TEST(somebody_elses_database_is_refused)
{
	ck_assert_int_eq(refused("PRAGMA application_id = 1", DB_FILE),
	    DB_DATAERR);
}
END_TEST

START_TEST(an_older_database_is_migrated_after_a_copy)
{
	char copy[160];
	sqlite3 *db;

	WRITE(1, tarea(1, "x", ""));
	store_close(store);
	db = shell();
	run_sql(db,
	    "DROP VIEW mensajes; DROP TABLE mensaje; DROP TABLE sala;"
	    "PRAGMA user_version = 1");
	sqlite3_close(db);
	open_store();
	expect_rows(1, "0:1:ana:x: ");
	snprintf(copy, sizeof(copy), "%s.v1", path);
	ck_assert_int_eq(access(copy, R_OK), 0);
	WRITE(2,
	    (struct row){ .kind = ROW_SALA,
		.number = { 2 },
		.text = { slice_of("g"), slice_of("a") } });
	wait_saved(2);
	ck_assert_int_eq(sqlite3_open(copy, &db), SQLITE_OK);
	run_sql(db, "SELECT titulo FROM tareas");
	ck_assert_int_ne(sqlite3_exec(db, "SELECT * FROM sala", NULL, NULL,
			     NULL),
	    SQLITE_OK);
	sqlite3_close(db);
}
END_TEST

START_TEST(a_backup_is_whole_and_replaces_nothing)
{
	char copy[160], *why = NULL;
	sqlite3 *db;

	snprintf(copy, sizeof(copy), "%s/copy.db", directory);
	WRITE(1, tarea(1, "x", ""));
	wait_saved(1);
	ck_assert_int_eq(sqlite_store_backup(directory, copy, &why), 0);
	ck_assert_int_eq(sqlite_store_backup(directory, copy, &why),
	    DB_CANTCREAT);
	free(why);
	ck_assert_int_eq(sqlite3_open(copy, &db), SQLITE_OK);
	run_sql(db, "PRAGMA integrity_check; SELECT * FROM tareas");
	sqlite3_close(db);
	ck_assert_int_eq(sqlite_store_backup("/nowhere/at/all", copy, &why),
	    DB_IOERR);
	free(why);
}
END_TEST

static void
ignore(void *arg, const struct row *r)
{
	(void)arg;
	(void)r;
}

/* By who has a shell: a place in the order that is not used again. */
START_TEST(a_row_that_was_put_in_by_hand_has_its_seq)
{
	sqlite3 *db;

	WRITE(1, tarea(1, "x", ""));
	wait_saved(1);
	db = shell();
	run_sql(db,
	    "INSERT INTO tarea (usuario, titulo, descripcion)"
	    " VALUES ('ana', 'y', '')");
	sqlite3_close(db);
	expect_rows(2, "0:1:ana:x: 0:2:ana:y: ");
	WRITE(3, tarea(3, "z", ""));
	wait_saved(3);
	expect_rows(3, "0:1:ana:x: 0:2:ana:y: 0:3:ana:z: ");
}
END_TEST

static const char *const unsound[] = {
	"tarea VALUES (7, 'a', printf('%1025s', 'x'), '')",
	"tarea VALUES (7, 'a', 't', printf('%16385s', 'x'))",
	"tarea VALUES (7, printf('%65s', 'x'), 't', '')",
	"tarea VALUES (7, 'a', '', '')",
	"tarea VALUES (7, 'a', 't' || char(27), '')",
	"tarea VALUES (7, 'a', CAST(x'ff' AS TEXT), '')",
	"tarea VALUES (0, 'a', 't', '')",
	"tarea VALUES (-1, 'a', 't', '')",
	"clave VALUES (7, 0, 'a', zeroblob(33), zeroblob(16), 'ok')",
	"clave VALUES (7, 0, 'a', zeroblob(16), zeroblob(15), 'ok')",
	"sala VALUES (7, printf('%65s', 'x'), 'a')",
	"sala VALUES (7, '', 'a')",
	"mensaje VALUES (7, 1, 0, 'a', printf('%4097s', 'x'))",
	"mensaje VALUES (7, -1, 0, 'a', 'x')",
};

START_TEST(a_row_that_breaks_the_rules_is_not_loaded)
{
	char sql[160], *why = NULL;
	uint64_t seq;
	sqlite3 *db;

	snprintf(sql, sizeof(sql), "INSERT INTO %s", unsound[_i]);
	db = shell();
	run_sql(db, sql);
	sqlite3_close(db);
	ck_assert_int_eq(store_load(store, ignore, NULL, &seq), E_STORAGE);
	ck_assert_int_eq(sqlite_store_why(store, &why), DB_DATAERR);
	ck_assert_ptr_nonnull(strstr(why, "SELECT * FROM "));
	free(why);
}
END_TEST

START_TEST(a_damaged_database_is_not_loaded)
{
	uint64_t seq;
	char *why = NULL;
	FILE *f;

	for (uint64_t i = 1; i <= 1000; i++)
		WRITE(i,
		    tarea(i, "x", "0123456789012345678901234567890123456"));
	store_close(store);
	f = fopen(path, "r+");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, 20480, SEEK_SET), 0);
	for (int i = 0; i < 4096; i++)
		fputc(0xff, f);
	ck_assert_int_eq(fclose(f), 0);
	open_store();
	ck_assert_int_eq(store_load(store, ignore, NULL, &seq), E_STORAGE);
	ck_assert_int_eq(sqlite_store_why(store, &why), DB_DATAERR);
	ck_assert_ptr_nonnull(strstr(why, "sqlite3 "));
	free(why);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("sqlite_store");
	TCase *t = tcase_create("all");
	SRunner *sr = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_is_saved_is_there_again);
	tcase_add_test(t, a_close_and_a_load_wait_for_what_was_written);
	tcase_add_test(t, rows_keep_their_order_in_a_batch_of_any_length);
	tcase_add_test(t,
	    tasks_keep_their_numbers_whatever_the_table_ends_with);
	tcase_add_test(t, keys_are_kept_and_forgotten);
	tcase_add_test(t, rooms_go_with_their_messages);
	tcase_add_test(t, what_waits_is_the_backlog);
	tcase_add_test(t, a_full_disk_is_told_and_so_is_its_end);
	tcase_add_test(t, who_reads_or_locks_it_delays_a_commit_at_most);
	tcase_add_test(t, a_directory_has_one_server_and_one_owner);
	tcase_add_test(t, a_newer_database_is_refused);
	tcase_add_test(t, somebody_elses_database_is_refused);
	tcase_add_test(t, an_older_database_is_migrated_after_a_copy);
	tcase_add_test(t, a_backup_is_whole_and_replaces_nothing);
	tcase_add_test(t, a_row_that_was_put_in_by_hand_has_its_seq);
	tcase_add_loop_test(t, a_row_that_breaks_the_rules_is_not_loaded, 0,
	    sizeof(unsound) / sizeof(unsound[0]));
	tcase_add_test(t, a_damaged_database_is_not_loaded);
	tcase_add_loop_test(t, a_directory_in_which_others_may_write_is_refused,
	    0, 6);
	tcase_add_loop_test(t, an_error_of_sqlite_is_said_in_our_words_first, 0,
	    7);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
