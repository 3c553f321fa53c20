#!/bin/sh
# libgenserver as somebody else meets it: installed below a DESTDIR, then
# programs outside of this tree built with nothing but what pkg-config says,
# shared and static, C and C++; and what is exported, what is documented.
# usage: [BUILD=DIR] tests/integration/library.sh
set -eu
export LC_ALL=C.UTF-8

cd "$(dirname "$0")/../.."
tree=$PWD
build=${BUILD:-build}
case $build in /*) ;; *) build=$tree/$build ;; esac

dir=$(mktemp -d)
child=''
failed=0
trap '[ -z "$child" ] || kill "$child" 2>/dev/null || :; rm -rf "$dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { # SENTENCE STATUS
	if [ "$2" = 0 ]; then
		printf 'ok    %s\n' "$1"
	else
		printf 'FAIL  %s\n' "$1"
		failed=1
	fi
}

check() { # SENTENCE COMMAND...
	sentence=$1
	shift
	status=0
	"$@" || status=$?
	say "$sentence" "$status"
}

# The lines on stdin are what is wrong: none may be.
none() {
	! grep .
}

# As the build directory was made. Who uses a sanitized library needs the
# same sanitizer, of the same compiler; else cc is whatever it is.
flags=$(cat "$build/flags" 2>/dev/null || :)
cc=cc sanitize='' flavour=''
case $flags in
*fsanitize=address*) flavour=SAN=1 sanitize='-fsanitize=address,undefined' ;;
*fsanitize=thread*) flavour=TSAN=1 sanitize='-fsanitize=thread' ;;
esac
[ -z "$sanitize" ] || cc=${flags%% *}

from_tree() { # GOAL
	# shellcheck disable=SC2086 # one word, or none
	"${MAKE:-make}" --no-print-directory $flavour ${flags:+CC="${flags%% *}"} \
		BUILD="$build" DESTDIR="$dir/dest" PREFIX=/usr/local "$1" \
		>"$dir/make.log" 2>&1 || { cat "$dir/make.log"; return 1; }
}

check 'it installs below DESTDIR' from_tree install-lib
[ "$failed" = 0 ] || exit 1

prefix=$dir/dest/usr/local
include=$prefix/include/genserver
shared=$prefix/lib/libgenserver.so
export PKG_CONFIG_PATH="$prefix/lib/pkgconfig"
export PKG_CONFIG_SYSROOT_DIR="$dir/dest"
mkdir "$dir/outside"
cp tests/lib/outside/*.c "$dir/outside"
cd "$dir/outside"

# -- what is exported --

exported() {
	nm -D --defined-only "$shared" | awk '$2 ~ /[A-Z]/ { print $3 }' |
		sed 's/@.*//' | grep -v '^GENSERVER_' | sort -u
}

# The names that headers declare as functions, whether in one line or not.
declared() { # HEADER...
	for header; do
		awk '
		{ text = text $0 "\n" }
		END {
			while (match(text, /\/\*([^*]|\*+[^*\/])*\*+\//))
				text = substr(text, 1, RSTART - 1) \
				    substr(text, RSTART + RLENGTH)
			gsub(/typedef [^;]*;/, "", text)
			gsub(/#define[^\n]*(\\\n[^\n]*)*/, "", text)
			while (match(text, /[a-z0-9]+_[a-z0-9_]+\(/)) {
				print substr(text, RSTART, RLENGTH - 1)
				text = substr(text, RSTART + RLENGTH)
			}
		}' "$header"
	done | grep -vx attribute__ | sort -u
}

same() { # FILE FILE
	diff -u "$1" "$2"
}

exported >"$dir/exported"
find "$include" -name '*.h' | sort >"$dir/headers"
# shellcheck disable=SC2046 # a temporary directory's names have no spaces
declared $(cat "$dir/headers") >"$dir/declared"
sed -n 's/^[[:space:]]*\([a-z]*_\)\*;.*/\1/p' "$build/genserver.map" \
	>"$dir/prefixes"

check 'what the installed headers declare is exported, and nothing else' \
	same "$dir/declared" "$dir/exported"
check 'every export has a prefix of the list' \
	none <<end
$(sed 's/_.*/_/' "$dir/exported" | sort -u | grep -vxFf "$dir/prefixes")
end
check 'every prefix of the list is used' \
	none <<end
$(sed 's/_.*/_/' "$dir/exported" | sort -u | grep -vxFf - "$dir/prefixes")
end

archive_is_the_same() {
	nm --defined-only --extern-only "$prefix/lib/libgenserver.a" |
		awk 'NF == 3 { print $3 }' | grep -v '^__' | sort -u |
		same "$dir/exported" -
}
check 'the archive shows the same names' archive_is_the_same

soname() {
	readelf -d "$shared" | grep -qF 'soname: [libgenserver.so.1]' &&
		[ "$(readlink "$shared")" = libgenserver.so.1 ] &&
		[ "$(readlink "$shared.1")" = libgenserver.so.1.0.0 ]
}
check 'its SONAME is libgenserver.so.1, which is a link to it' soname

# -- headers --

each_alone() { # COMPILER...
	while read -r header; do
		printf '#include "%s"\ntypedef int not_empty;\n' \
			"${header#"$include"/}" >alone.h
		# shellcheck disable=SC2046 # words
		"$@" $(pkg-config --cflags genserver) -Wall -Wextra \
			-Wpedantic -Werror -fsyntax-only alone.h || return 1
	done <"$dir/headers"
}
check 'every header compiles alone as C' each_alone cc -std=c11 -x c
if command -v c++ >/dev/null; then
	check 'every header compiles alone as C++' \
		each_alone c++ -std=c++17 -x c++
fi

# -- programs --

run_shared() { # PROGRAM [ARGUMENT...]
	LD_LIBRARY_PATH="$prefix/lib" timeout 30 "$@"
}

build_shared() { # PROGRAM
	# shellcheck disable=SC2046,SC2086 # words
	$cc $sanitize "$1.c" $(pkg-config --cflags --libs genserver) -o "$1"
}

# Without its shared half, -lgenserver is the archive.
build_static() { # PROGRAM
	rm -rf "$dir/hidden"
	mkdir "$dir/hidden"
	mv "$shared" "$dir/hidden"
	status=0
	# shellcheck disable=SC2046,SC2086 # words
	$cc $sanitize "$1.c" $(pkg-config --static --cflags --libs genserver) \
		-static-libgcc -o "$1" || status=$?
	mv "$dir/hidden/${shared##*/}" "$prefix/lib"
	[ "$status" = 0 ] && ! readelf -d "$1" | grep -qF libgenserver
}

contador() {
	run_shared ./contador >contador.out &&
		[ "$(cat contador.out)" = 'El contador vale: 2' ]
}

cat >uno.wanted <<end
nodeup dos
DOWN satisfecho
call adios
nodedown dos
DOWN noconnection
end
cat >dos.wanted <<end
nodeup uno
DOWN noproc
contador.valor 0
contador.valor 2
DOWN cansado
contador.fallar died
contador.valor noproc
portero.adios ok
end

# Its first line says where it listens: that it has come is all we wait for.
two_nodes() {
	rm -f uno.pipe
	mkfifo uno.pipe
	LD_LIBRARY_PATH="$prefix/lib" timeout 30 ./dos_nodos uno >uno.pipe &
	child=$!
	status=0
	{
		read -r _ port
		run_shared ./dos_nodos dos "$port" >dos.out || status=$?
		cat >uno.out
	} <uno.pipe
	wait "$child" || status=$?
	child=''
	same uno.wanted uno.out && same dos.wanted dos.out && [ "$status" = 0 ]
}

for how in shared static; do
	check "contador builds ($how)" "build_$how" contador
	check "contador counts ($how)" contador
	check "dos_nodos builds ($how)" "build_$how" dos_nodos
	check "two nodes call, cast, send and monitor ($how)" two_nodes
done

# What README shows is what was built.
in_readme() { # PAGE
	awk '/^```c$/ { on = 1; text = ""; next }
		/^```$/ { if (on && text ~ /genserver\.h/) printf "%s", text; on = 0 }
		on { text = text $0 "\n" }' "$tree/$1" | same contador.c -
}
for page in README.md README.es.md; do
	check "$page shows contador.c as it is" in_readme "$page"
done

in_cplusplus() {
	cat >mas.cc <<-end
		#include <genserver.h>
		#include <cstdio>
		int
		main()
		{
			struct loop *l = loop_new(LOOP_SOCKETS);
			struct node *n = node_new(loop_world(l), slice_of("mas"), nullptr);
			std::printf("%u %s\n", node_count(n), err_word(E_NOPROC));
			node_free(n);
			loop_free(l);
		}
	end
	# shellcheck disable=SC2046 # words
	c++ -std=c++17 mas.cc $(pkg-config --cflags --libs genserver) \
		-o mas && [ "$(run_shared ./mas)" = '0 noproc' ]
}
if [ -n "$sanitize" ]; then
	echo 'skip  a C++ program: the sanitizer is the C compiler'"'"'s'
elif command -v c++ >/dev/null; then
	check 'a C++ program links and runs' in_cplusplus
else
	echo 'skip  C++: there is no c++'
fi

# -- man pages --

man=$prefix/share/man/man3

rendered() { # PAGE
	groff -mandoc -ww -Tutf8 "$man/$1.3" 2>&1 >"$dir/$1.txt" | none &&
		[ -s "$dir/$1.txt" ]
}

if command -v groff >/dev/null; then
	for page in gen_server supervisor agent node; do
		check "$page.3 renders without a warning" rendered "$page"
	done
else
	echo 'skip  man pages render: there is no groff'
fi

# Fo opens a function of the synopsis, Fn names one in the text.
sed -n 's/^\.F[no] \([a-z_0-9]*\).*/\1/p' "$man"/*.3 | sort -u >"$dir/named"
sed -n 's/^\.Fo \([a-z_0-9]*\).*/\1/p' "$man"/*.3 | sort -u >"$dir/synopsis"
sed -n 's/^\(\.It \|\.\)Fn \([a-z_0-9]*\).*/\2/p' "$man"/*.3 | sort -u \
	>"$dir/text"

# A prototype of the pages is one of the headers: the compiler says so.
prototypes() {
	{
		echo '#include <genserver.h>'
		cat "$man"/*.3 | awk '
		function plain(s) { gsub(/"/, "", s); return s }
		/^\.Ft / { sub(/^\.Ft /, ""); type = plain($0) }
		/^\.Fo / { name = $2; n = 0; arguments = "" }
		/^\.Fa / && name != "" {
			sub(/^\.Fa /, "")
			arguments = arguments (n++ ? ", " : "") plain($0)
		}
		/^\.Fc/ { print type " " name "(" arguments ");"; name = "" }'
	} >prototypes.c
	# shellcheck disable=SC2046 # words
	cc $(pkg-config --cflags genserver) -fsyntax-only prototypes.c
}
check 'the pages have the prototypes of the headers' prototypes
check 'every function that a page names is there' none <<end
$(grep -vxFf "$dir/declared" "$dir/named")
end
for header in gen_server supervisor agent node net_kernel registry loop; do
	declared "$include/common/$header.h" >"$dir/wanted"
	check "every function of $header.h is in a synopsis and in a text" \
		none <<end
$(grep -vxFf "$dir/synopsis" "$dir/wanted")
$(grep -vxFf "$dir/text" "$dir/wanted")
end
done

# A prefix is documented where one of its functions is, or by itself.
undocumented() {
	while read -r word; do
		grep -q "^\.F[no] $word" "$man"/*.3 ||
			grep -q "^\.Li.* $word" "$man"/*.3 || echo "$word"
	done <"$dir/prefixes"
}
check 'every prefix is in a page' none <<end
$(undocumented)
end

# -- and away again --

cd "$tree"
nothing_left() {
	from_tree uninstall-lib && find "$dir/dest" ! -type d | none
}
check 'uninstall leaves nothing' nothing_left

[ "$failed" = 0 ]
