/* The version of both programs, as --version prints it. */
#ifndef COMMON_VERSION_H
#define COMMON_VERSION_H

#define TAREAS_VERSION "1.0.0"

#endif
