/*
 * `tareas`: the gen_server of the class's first example. Its operations:
 *
 *   agregar_tarea [usuario, {titulo, descripcion}, options?] -> true
 *   eliminar_tarea [usuario, titulo, options?] -> how many were deleted
 *   listar_tareas [usuario, {desde, cuantas}?] -> [{titulo, descripcion}]
 *
 * each as call or cast. Source: seed class, TareasServidor.
 */
#ifndef SERVER_TAREAS_SERVER_H
#define SERVER_TAREAS_SERVER_H

#include "common/gen_server.h"
#include "server/engine.h"

#define TAREAS_NAME "tareas"

/*
 * Starts it under its name, linked to parent (NULL: to nobody), on the
 * engine of *slot, which it borrows for as long as it lives; whatever the
 * engine holds is there at once. While there is none, it answers overload.
 * See gs_start().
 */
enum err tareas_server_start_link(struct node *n, struct proc *parent,
    struct engine **slot, struct pid *out);

#endif
