/*
 * `sys`: looking inside a live server, as OTP's :sys and :observer do. Its
 * operations, all with the right admin:
 *
 *   arbol [options?]       -> [row], the supervision tree from `root` down
 *   ps [options?]          -> [row], all processes, named ones first
 *   estado [name, options?] -> the state as a term; {"textos": true} shows
 *                             the users' texts too
 *   traza [name, options?] -> true; then casts sys.mensaje [name, kind,
 *                             operation, bytes, lost] to the caller, see
 *                             proc_trace(); exists: another one traces it
 *   destrazar [name, options?] -> how many went by untold since the last
 *   reiniciar [name, options?] -> true; its supervisor starts it again.
 *                             badarg: none would
 *
 * A row is a map: nivel, id, pid, nombre, tipo, hijos (a supervisor's
 * children, shown or not), edad_ms, reinicios, buzon, atendidos. A child
 * that does not run has pid "". Rows stop where a frame would. A name is a
 * registered one, or a pid as rows show it.
 */
#ifndef SERVER_SYS_H
#define SERVER_SYS_H

#include "common/gen_server.h"

#define SYS_NAME "sys"

/*
 * Starts it under its name, linked to parent (NULL: to nobody). root is
 * the name of the supervisor at the top, borrowed. See gs_start().
 */
enum err sys_start_link(struct node *n, struct proc *parent, const char *root,
    struct pid *out);

#endif
