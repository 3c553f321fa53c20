#!/bin/sh
# Runs each program of tests/examples and compares what it prints with the
# text beside its source. A text without a program, or a program without a
# text, fails too.
# usage: [BUILD=DIR] tests/integration/examples.sh
set -u

build=${BUILD-build}
failed=0
count=0

for source in tests/examples/*.c; do
	text=${source%.c}.txt
	program=$build/examples/$(basename "$source" .c)
	count=$((count + 1))
	[ -x "$program" ] || {
		echo "$program is not built"
		failed=1
		continue
	}
	if ! "$program" 2>&1 | diff -u "$text" -; then
		echo "$program prints something else"
		failed=1
	fi
	# A pipe hides the status; and it must not depend on the locale.
	LC_ALL=C "$program" >/dev/null 2>&1 || {
		echo "$program ended with status $?"
		failed=1
	}
done
for text in tests/examples/*.txt; do
	[ -e "${text%.txt}.c" ] || {
		echo "$text belongs to no program"
		failed=1
	}
done
echo "$count programs"
exit "$failed"
