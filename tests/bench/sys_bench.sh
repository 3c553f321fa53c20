#!/bin/sh
# What looking inside costs: how long `sys arbol` takes with many sessions,
# and how much `sys traza tareas` slows others under full load. The load runs
# in pairs, without and with the trace, in turns (off on, on off), so that a
# noisy moment meets both; the last lines have the medians.
# usage: BUILD=DIR tests/bench/sys_bench.sh [--sessions N] [--pairs N]
#            [--seconds S] [--operation NAME] [--connections C] [--flight D]
set -eu

build=${BUILD:-build}
sessions=1000
pairs=7
seconds=1
operation=listar
connections=50
flight=16

while [ $# -gt 1 ]; do
	case $1 in
	--sessions) sessions=$2 ;;
	--pairs) pairs=$2 ;;
	--seconds) seconds=$2 ;;
	--operation) operation=$2 ;;
	--connections) connections=$2 ;;
	--flight) flight=$2 ;;
	*) sed -n '/^# usage:/,/^set/{/^#/s/^# //p;}' "$0" >&2 && exit 64 ;;
	esac
	shift 2
done

# The load on core 0, the server on 1, as scripts/bench does it; the client
# that traces shares the load's core, not the server's.
on_server='' on_load=''
if [ "$(getconf _NPROCESSORS_ONLN)" -gt 1 ] && command -v taskset >/dev/null; then
	on_server='taskset -c 1' on_load='taskset -c 0'
fi

dir=$(mktemp -d)
server='' tracer=''
trap '[ -z "$tracer" ] || kill "$tracer" 2>/dev/null || :
	[ -z "$server" ] || kill "$server" 2>/dev/null || :
	rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# shellcheck disable=SC3045 # dash and bash have it
ulimit -n "$(ulimit -H -n)" 2>/dev/null || :
$on_server "$build/tareas_server" --listen 127.0.0.1:0 --memory --lang en \
	--port-file "$dir/port" --cookie-file "$dir/cookie" >"$dir/log" 2>&1 &
server=$!
tries=100
until [ -s "$dir/port" ]; do
	tries=$((tries - 1))
	[ "$tries" != 0 ] || { cat "$dir/log" >&2; exit 1; }
	sleep 0.05
done
port=$(cat "$dir/port")

$on_load "$build/bench/arbol" --port "$port" --cookie-file "$dir/cookie" \
	--sessions "$sessions" >"$dir/arbol"
awk -F , '{ printf "sys arbol, %d sessions: %d bytes; " \
	"p50 %.2f ms, p99 %.2f ms, longest %.2f ms\n", \
	$1, $2, $3 / 1000, $4 / 1000, $5 / 1000 }' "$dir/arbol"

load() { # off|on
	if [ "$1" = on ]; then
		$on_load "$build/tareas_client" -s "127.0.0.1:$port" --lang en \
			--cookie-file "$dir/cookie" sys traza tareas \
			>>"$dir/trace" 2>&1 &
		tracer=$!
		sleep 0.3
	fi
	$on_load "$build/bench/load" --port "$port" --pid "$server" \
		--cookie-file "$dir/cookie" --operation "$operation" \
		--connections "$connections" --flight "$flight" \
		--seconds "$seconds" >>"$dir/$1" 2>>"$dir/said"
	if [ "$1" = on ]; then
		kill "$tracer" # SIGTERM: it ends the trace
		wait "$tracer" || { tail "$dir/trace" >&2; exit 1; }
		tracer=''
	fi
}

pair=0
while [ "$pair" -lt "$pairs" ]; do
	if [ $((pair % 2)) = 0 ]; then
		load off
		load on
	else
		load on
		load off
	fi
	pair=$((pair + 1))
done

median() { # FILE COLUMN
	cut -d , -f "$2" "$dir/$1" | sort -g |
		awk '{ v[NR] = $1 } END {
			m = int((NR + 1) / 2)
			print NR % 2 ? v[m] : (v[m] + v[m + 1]) / 2 }'
}

# The ratio of each pair, and of them the median: what drifts is in both.
ratios() { # COLUMN
	paste -d , "$dir/off" "$dir/on" | awk -F , -v c="$1" \
		'{ print $(c + 10) / $c }' >"$dir/ratio"
	median ratio 1
}

echo "sys traza tareas, $operation ${connections}x$flight," \
	"$pairs pairs of $seconds s:"
awk -v off="$(median off 6)" -v on="$(median on 6)" -v r="$(ratios 6)" \
	'BEGIN { printf "  operations/s  off %.0f  on %.0f  on/off %.3f\n", \
	off, on, r }'
awk -v off="$(median off 7)" -v on="$(median on 7)" -v r="$(ratios 7)" \
	'BEGIN { printf "  server CPU us off %.3f  on %.3f  on/off %.3f\n", \
	off, on, r }'
awk '/ lost$/ { lost += $1; next } NF == 3 { told++ }
	END { printf "  messages told %d, lost and counted %d\n", told, lost }' \
	"$dir/trace"
