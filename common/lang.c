#include "common/lang.h"

#include <limits.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef LOCALEDIR
#define LOCALEDIR "/usr/local/share/locale"
#endif

#define DOMAIN "tareas"

enum err
lang_parse(const char *text, enum lang *out)
{
	if (text != NULL && strcmp(text, "es") == 0)
		*out = LANG_ES;
	else if (text != NULL && strcmp(text, "en") == 0)
		*out = LANG_EN;
	else
		return E_BADARG;
	return E_OK;
}

enum lang
lang_choose(const char *option)
{
	static const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG" };
	enum lang lang;

	if (lang_parse(option, &lang) == E_OK)
		return lang;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && value[0] != '\0')
			return strncmp(value, "en", 2) == 0 ? LANG_EN : LANG_ES;
	}
	return LANG_ES;
}

enum lang
lang_from_args(int argc, char *const argv[])
{
	const char *option = NULL;

	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strncmp(argv[i], "--lang=", 7) == 0)
			option = argv[i] + 7;
		else if (strcmp(argv[i], "--lang") == 0 && i + 1 < argc)
			option = argv[++i];
	}
	return lang_choose(option);
}

/* Any locale of UTF-8 will do: LANGUAGE chooses the texts. */
static void
locale_start(void)
{
	static const char *const names[] = { "C.UTF-8", "C.utf8", "en_US.UTF-8",
		"es_ES.UTF-8", "" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (setlocale(LC_ALL, names[i]) != NULL)
			break;
	setlocale(LC_NUMERIC, "C");
}

/* The program's folder. False when it is not known. */
static bool
program_dir(const char *argv0, char dir[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", dir, PATH_MAX - 1);
	char *slash;

	if (n > 0)
		dir[n] = '\0';
	else if (argv0 == NULL || strlen(argv0) >= PATH_MAX)
		return false;
	else
		snprintf(dir, PATH_MAX, "%s", argv0);
	slash = strrchr(dir, '/');
	if (slash == NULL)
		return false;
	*slash = '\0';
	return true;
}

/* Binds the catalogues to dir + below if there is one of Spanish. */
static bool
bind_below(const char *dir, const char *below)
{
	char locale[PATH_MAX];
	char file[PATH_MAX];
	int n;

	n = snprintf(locale, sizeof(locale), "%s%s", dir, below);
	if (n < 0 || (size_t)n >= sizeof(locale))
		return false;
	n = snprintf(file, sizeof(file), "%s/es/LC_MESSAGES/" DOMAIN ".mo",
	    locale);
	if (n < 0 || (size_t)n >= sizeof(file) || access(file, R_OK) != 0)
		return false;
	return bindtextdomain(DOMAIN, locale) != NULL;
}

void
lang_start(enum lang lang, const char *argv0)
{
	char dir[PATH_MAX];

	locale_start();
	setenv("LANGUAGE", lang == LANG_EN ? "en" : "es", 1);
	if (!program_dir(argv0, dir) ||
	    (!bind_below(dir, "/locale") &&
		!bind_below(dir, "/../share/locale")))
		bindtextdomain(DOMAIN, LOCALEDIR);
	bind_textdomain_codeset(DOMAIN, "UTF-8");
	textdomain(DOMAIN);
}
