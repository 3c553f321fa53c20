/*
 * What the files of the command sys share: asking the server's process
 * `sys`, and saying what went wrong.
 */
#ifndef CLIENT_SYS_CALL_H
#define CLIENT_SYS_CALL_H

#include "client/command.h"

/*
 * From a program's top level. name NULL: the operation takes none. answer
 * gets the result, or the error's text.
 */
enum err sys_call(const struct client *c, const char *operation,
    const char *name, struct buf *answer);

/*
 * The same from a process of ours: then(self, answer, arg) comes in its own
 * turn, exactly once.
 */
void sys_call_then(const struct client *c, struct proc *self,
    const char *operation, const char *name, gs_then_fn *then, void *arg);

/* Says on stderr what is wrong; returns the exit status. */
int sys_report(enum err e, struct slice text, const char *name);

/*
 * traza and top: they go on until somebody ends them, or the link does.
 * Return the exit status.
 */
int sys_traza(struct client *c, const char *name);
int sys_top(struct client *c, const char *name);

#endif
