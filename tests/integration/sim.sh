#!/bin/sh
# A few hundred seeds of the simulated world; `make sim` runs more of them.
exec "${BUILD-build}/sim/tareas_sim" -n "${SEEDS-300}"
