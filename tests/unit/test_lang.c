/* common/lang.h: which language, and where its texts are found. */
#include <check.h>
#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/lang.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))
#define MSGID "a task"
#define MSGSTR "una tarea, mañana"

static char dir[200];

START_TEST(the_language_of_the_option_is_es_or_en)
{
	static const char *const wrong[] = { NULL, "", "fr", "ES", "es_AR",
		"english", "en ", " en" };
	enum lang lang = LANG_ES;

	ck_assert_int_eq(lang_parse("en", &lang), E_OK);
	ck_assert_int_eq(lang, LANG_EN);
	for (int i = 0; i < COUNT(wrong); i++) {
		ck_assert_int_eq(lang_parse(wrong[i], &lang), E_BADARG);
		ck_assert_int_eq(lang, LANG_EN);
	}
	ck_assert_int_eq(lang_parse("es", &lang), E_OK);
	ck_assert_int_eq(lang, LANG_ES);
}
END_TEST

static void
put_env(const char *name, const char *value)
{
	if (value == NULL)
		unsetenv(name);
	else
		setenv(name, value, 1);
}

START_TEST(the_first_that_is_not_empty_decides)
{
	static const struct {
		const char *option;
		const char *lc_all;
		const char *lc_messages;
		const char *lang;
		enum lang expected;
	} cases[] = {
		{ NULL, NULL, NULL, NULL, LANG_ES },
		{ NULL, "", "", "", LANG_ES },
		{ NULL, NULL, NULL, "en_US.UTF-8", LANG_EN },
		{ NULL, NULL, NULL, "en", LANG_EN },
		{ NULL, NULL, NULL, "es_AR.UTF-8", LANG_ES },
		{ NULL, NULL, NULL, "C", LANG_ES },
		{ NULL, NULL, NULL, "POSIX", LANG_ES },
		{ NULL, NULL, NULL, "C.UTF-8", LANG_ES },
		{ NULL, NULL, NULL, "fr_FR", LANG_ES },
		{ NULL, NULL, NULL, "e", LANG_ES },
		{ NULL, NULL, "es", "en_US", LANG_ES },
		{ NULL, NULL, "en_GB", "es_AR", LANG_EN },
		{ NULL, "en_GB", "es", "es_AR", LANG_EN },
		{ NULL, "C", "en", "en", LANG_ES },
		{ NULL, "", "en", "es", LANG_EN },
		{ NULL, "", "", "en", LANG_EN },
		{ "es", "en", "en", "en", LANG_ES },
		{ "en", "es", "es", "es", LANG_EN },
		{ "fr", "en", NULL, NULL, LANG_EN },
		{ "", NULL, NULL, "es", LANG_ES },
	};

	for (int i = 0; i < COUNT(cases); i++) {
		put_env("LC_ALL", cases[i].lc_all);
		put_env("LC_MESSAGES", cases[i].lc_messages);
		put_env("LANG", cases[i].lang);
		ck_assert_msg(lang_choose(cases[i].option) == cases[i].expected,
		    "case %d", i);
	}
}
END_TEST

START_TEST(the_option_is_found_before_the_arguments_are_parsed)
{
	static struct {
		char *argv[6];
		enum lang expected;
	} cases[] = {
		{ { "prog" }, LANG_ES },
		{ { "prog", "--lang", "en" }, LANG_EN },
		{ { "prog", "--lang=en" }, LANG_EN },
		{ { "prog", "--nonsense", "--lang=en", "ls" }, LANG_EN },
		{ { "prog", "--lang=en", "--lang", "es" }, LANG_ES },
		{ { "prog", "--lang", "es", "--lang=en" }, LANG_EN },
		{ { "prog", "--", "--lang=en" }, LANG_ES },
		{ { "prog", "--lang" }, LANG_ES },
		{ { "prog", "--lang=" }, LANG_ES },
		{ { "prog", "--lang", "fr" }, LANG_ES },
		{ { "prog", "--language=en" }, LANG_ES },
		{ { "--lang=en" }, LANG_ES },
		{ { NULL }, LANG_ES },
	};

	unsetenv("LC_ALL");
	unsetenv("LC_MESSAGES");
	unsetenv("LANG");
	for (int i = 0; i < COUNT(cases); i++) {
		int argc = 0;

		while (cases[i].argv[argc] != NULL)
			argc++;
		ck_assert_msg(lang_from_args(argc, cases[i].argv) ==
			cases[i].expected,
		    "case %d", i);
	}
}
END_TEST

/* -- a tree with a copy of this program, which says MSGID -- */

static int
run(const char *command)
{
	int status = system(command);

	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
setup_tree(void)
{
	const char *tmp = getenv("TMPDIR");
	char command[600];

	snprintf(dir, sizeof(dir), "%s/test_lang.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(command, sizeof(command),
	    "mkdir '%s/bin' && cp /proc/%ld/exe '%s/bin/say'", dir,
	    (long)getpid(), dir);
	ck_assert_int_eq(run(command), 0);
}

static void
teardown_tree(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	ck_assert_int_eq(run(command), 0);
}

/* Writes a catalogue (gettext's manual, "The Format of GNU MO Files"). */
static void
put_catalogue(const char *locale)
{
	static const char head[] = "Content-Type: text/plain; charset=UTF-8\n";
	const uint32_t at = 28 + 32; /* after the header and both tables */
	const uint32_t words[] = { 0x950412de, 0, 2, 28, 44, 0, 60,
		/* msgids: length and place */
		0, at, sizeof(MSGID) - 1, at + 1,
		/* msgstrs */
		sizeof(head) - 1, at + 1 + sizeof(MSGID), sizeof(MSGSTR) - 1,
		at + 1 + sizeof(MSGID) + sizeof(head) };
	char name[600];
	FILE *f;

	snprintf(name, sizeof(name), "mkdir -p '%s/%s/es/LC_MESSAGES'", dir,
	    locale);
	ck_assert_int_eq(run(name), 0);
	snprintf(name, sizeof(name), "%s/%s/es/LC_MESSAGES/tareas.mo", dir,
	    locale);
	f = fopen(name, "w");
	ck_assert_ptr_nonnull(f);
	fwrite(words, sizeof(words), 1, f);
	fwrite("", 1, 1, f);
	fwrite(MSGID, sizeof(MSGID), 1, f);
	fwrite(head, sizeof(head), 1, f);
	fwrite(MSGSTR, sizeof(MSGSTR), 1, f);
	fclose(f);
}

/* What the copy says, started with that environment and language. */
static void
says(const char *env, const char *lang, const char *expected)
{
	char command[600];
	char line[200] = "";
	FILE *f;

	snprintf(command, sizeof(command),
	    "cd / && env -i %s '%s/bin/say' --say %s", env, dir, lang);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	pclose(f);
	ck_assert_str_eq(line, expected);
}

START_TEST(the_catalogue_beside_the_program_is_found)
{
	put_catalogue("bin/locale");
	says("LANG=C", "es", MSGSTR " 0.5 " MSGSTR "\n");
	says("LC_ALL=es_AR.ISO-8859-1", "es", MSGSTR " 0.5 " MSGSTR "\n");
	says("LANGUAGE=fr LC_ALL=de_DE.UTF-8", "es",
	    MSGSTR " 0.5 " MSGSTR "\n");
	says("", "en", MSGID " 0.5 " MSGSTR "\n");
	says("LANGUAGE=es LC_ALL=es_AR", "en", MSGID " 0.5 " MSGSTR "\n");
}
END_TEST

START_TEST(the_catalogue_of_a_moved_install_is_found)
{
	put_catalogue("share/locale");
	says("", "es", MSGSTR " 0.5 " MSGSTR "\n");
	says("", "en", MSGID " 0.5 " MSGSTR "\n");
}
END_TEST

START_TEST(without_a_catalogue_texts_are_english)
{
	says("", "es", MSGID " 0.5 " MSGID "\n");
}
END_TEST

/* What the copy does: the text, a number, and the text in Spanish. */
static int
say(const char *name, const char *text)
{
	enum lang lang;

	if (lang_parse(text, &lang) != E_OK)
		return 1;
	lang_start(lang, name);
	printf("%s %.1f ", _(MSGID), 0.5);
	lang_start(LANG_ES, name);
	printf("%s\n", _(MSGID));
	return 0;
}

int
main(int argc, char *argv[])
{
	Suite *s;
	TCase *choice;
	TCase *tree;
	SRunner *sr;
	int failed;

	if (argc == 3 && strcmp(argv[1], "--say") == 0)
		return say(argv[0], argv[2]);
	s = suite_create("lang");
	choice = tcase_create("choice");
	tree = tcase_create("tree");
	sr = srunner_create(s);
	suite_add_tcase(s, choice);
	tcase_add_test(choice, the_language_of_the_option_is_es_or_en);
	tcase_add_test(choice, the_first_that_is_not_empty_decides);
	tcase_add_test(choice,
	    the_option_is_found_before_the_arguments_are_parsed);
	suite_add_tcase(s, tree);
	tcase_add_checked_fixture(tree, setup_tree, teardown_tree);
	tcase_add_test(tree, the_catalogue_beside_the_program_is_found);
	tcase_add_test(tree, the_catalogue_of_a_moved_install_is_found);
	tcase_add_test(tree, without_a_catalogue_texts_are_english);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
