/*
 * The language of what people read. English texts are the msgids of
 * gettext(3), so English needs no catalogue; Spanish is common/po/es.po.
 * JSON keys, exit statuses and what travels on the wire are never
 * translated.
 *
 * A program starts with lang_start(lang_from_args(argc, argv), argv[0]), so
 * that even its first usage error speaks the right language.
 */
#ifndef COMMON_LANG_H
#define COMMON_LANG_H

#include <libintl.h>

#include "proto/err.h"

/* The text in the language that was started. */
#define _(text) gettext(text)
/* Marks a text of a table for the catalogue; _() it where it is shown. */
#define N_(text) text

enum lang { LANG_ES, LANG_EN };

/*
 * Reads the argument of --lang: "es" or "en". E_BADARG: anything else, NULL
 * too; then *out is unchanged.
 */
__attribute__((warn_unused_result)) enum err lang_parse(const char *text,
    enum lang *out);

/*
 * The language of a program: option (the argument of --lang, NULL without
 * one or when lang_parse() refuses it), else the first of the environment's
 * LC_ALL, LC_MESSAGES and LANG that is not empty, read as text: "en..." is
 * English; anything else, and nothing, is Spanish. setlocale(3) is not
 * asked, as the locale may never have been generated.
 */
enum lang lang_choose(const char *option);

/*
 * The same, with the last --lang X or --lang=X before a "--" as the option:
 * for before the arguments are parsed. Borrows argv.
 */
enum lang lang_from_args(int argc, char *const argv[]);

/*
 * Makes gettext(3) answer in that language, in UTF-8. Changes the process:
 * its locale (LC_NUMERIC stays "C") and the variable LANGUAGE, so it comes
 * before any thread. The catalogue is looked for beside the program
 * (<its folder>/locale, the build tree), then in <its folder>/../share/locale
 * (an installed tree that was moved), then in LOCALEDIR. Without one, or
 * without any locale of UTF-8, texts are English; nothing fails. argv0 is
 * used where /proc is missing. May be called again with another language.
 */
void lang_start(enum lang lang, const char *argv0);

#endif
