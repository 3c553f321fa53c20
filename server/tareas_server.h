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
 * Starts it under its name, on an engine that it borrows for as long as it
 * lives; whatever the engine holds is there at once. See gs_start().
 */
enum err tareas_server_start(struct node *n, struct engine *engine,
    struct pid *out);

#endif
