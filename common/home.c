#include "common/home.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char *
join(const char *home, const char *name)
{
	char *path;

	if (home == NULL || *home == '\0')
		return NULL;
	if (asprintf(&path, "%s/%s", home, name) < 0)
		abort();
	return path;
}

char *
home_path(const char *name)
{
	char *path = join(getenv("HOME"), name);
	char strings[16384]; /* of one line of the password file */
	struct passwd pw, *found;

	if (path != NULL)
		return path;
	if (getpwuid_r(geteuid(), &pw, strings, sizeof(strings), &found) != 0 ||
	    found == NULL)
		return NULL;
	return join(found->pw_dir, name);
}
