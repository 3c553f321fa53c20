#!/bin/sh
# A few rounds of what scripts/crash does in large numbers: kills, losses of
# power, failing disks; and that each test sees what it looks for.
set -eu

status=0

try() {
	echo "-- $*"
	program=$1
	shift
	python3 "$(dirname "$0")/../crash/$program" "$@" || status=1
}

try kill.py --rounds 20
try kill.py --rounds 20 --control
if [ ! -e "${BUILD-build}/crash/libdisk.so" ]; then
	echo 'skip  losses of power, failing disks: a sanitizer stands there'
	exit "$status"
fi
try power.py --images 500 --sessions 2
try power.py --images 100 --sessions 1 --control
try faults.py --each 10
exit "$status"
