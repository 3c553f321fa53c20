/*
 * Where somebody's own files are.
 */
#ifndef COMMON_HOME_H
#define COMMON_HOME_H

/*
 * A path in the home of who runs the program: $HOME, else the one of the
 * password file. Gives it; NULL: there is no home.
 */
char *home_path(const char *name);

#endif
