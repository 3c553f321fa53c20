/*
 * The application: which processes the server is made of, in which order
 * they start and stop.
 */
#ifndef SERVER_APP_H
#define SERVER_APP_H

#include "common/cookie.h"
#include "common/loop.h"
#include "server/config.h"

struct app;

/*
 * Starts all of it on a loop; config and cookie are borrowed until
 * app_free(), and what the cookie holds may be replaced meanwhile: who
 * connects from then on has to know the new one. Says on stdout that it is ready. Gives the application, or
 * says on stderr what is wrong and returns the exit status in *status.
 */
struct app *app_new(struct loop *loop, const struct config *config,
    const struct cookie *cookie, struct log *log, int *status);

/*
 * Stops in order: accepts no more, answers what is open, closes; at most
 * LIMIT_STOP_MS.
 */
void app_stop(struct app *a);

/* True when it ended by itself: every restart was in vain. */
bool app_has_failed(const struct app *a);

/*
 * The host that config listens on and that this cookie is too weak for,
 * borrowed from config; NULL: none.
 */
const char *app_too_open_for(const struct config *config,
    const struct cookie *cookie);

/* Takes the application. */
void app_free(struct app *a);

#endif
