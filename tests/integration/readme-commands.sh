#!/bin/sh
# What README.md and README.es.md show is what happens: every block that says
# "console" is typed in a terminal of tmux, one after the other on one server,
# and the screen has to be the block. Every option of --help and every status
# of the error table is on both pages, and the files they name are there.
# usage: [BUILD=DIR] tests/integration/readme-commands.sh
set -eu

cd "$(dirname "$0")/../.."
build=$(cd "${BUILD:-build}" && pwd)
command -v tmux >/dev/null || { echo 'there is no tmux'; exit 77; }
command -v python3 >/dev/null || { echo 'there is no python3'; exit 77; }

unset TAREAS_SERVER TAREAS_USER TAREAS_COOKIE_FILE
unset LC_ALL LC_MESSAGES XDG_STATE_HOME ENV NO_COLOR

newline='
'
dir=$(mktemp -d)
export HOME="$dir/place/home"
language=none
failed=0

terminals() {
	tmux -u -S "$dir/tmux.$language" -f /dev/null "$@"
}

# A new screen, with a shell whose prompt is the pages'. The old one stays,
# and with it what runs there.
new_screen() { # NAME FOR THE OLD ONE
	[ -z "$1" ] || terminals rename-session -t main "$1"
	terminals new-session -d -x 120 -y 200 -s main -c "$dir/place" \
		"PS1='\$ ' exec sh"
}

trap 'terminals kill-server 2>/dev/null || :; rm -rf "$dir"' EXIT
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

# Where the pages' commands find what they name: build/tareas_client, and a
# build/tareas_server that takes free ports and says so in a file.
furnish() {
	rm -rf "$dir/place"
	mkdir -p "$dir/place/build" "$dir/place/home"
	ln -s "$build/tareas_client" "$dir/place/build/"
	loopback6="--listen [::1]:0"
	[ -e /proc/net/if_inet6 ] || loopback6=
	cat >"$dir/place/build/tareas_server" <<-end
		#!/bin/sh
		exec "$build/tareas_server" --listen 127.0.0.1:0 $loopback6 \\
		    --port-file "$dir/place/port" "\$@"
	end
	chmod +x "$dir/place/build/tareas_server"
	new_screen ''
}

# What cannot be the same everywhere: the ports, who logged in, whether the
# machine has an IPv6; and in the tables of sys pids, ages, messages handled.
usual() {
	sed -e "s/127\.0\.0\.1:$port4$/127.0.0.1:18800/" \
		-e "s/\[::1\]:$port6$/[::1]:18800/" \
		-e 's/^\(User\) \[[^]]*\]/\1 [maria]/' \
		-e 's/^\(Usuario\) \[[^]]*\]/\1 [maria]/' \
		-e 's/  PID  *\(AGE\|EDAD\)  /  PID \1  /' \
		-e 's/  <[0-9.]*>  *[0-9dhms]*  \(.*\) [0-9]*$/  <PID> AGE \1/' \
		-e '/<PID> AGE/s/  *$//' |
		if [ -n "$loopback6" ]; then cat; else grep -vF '[::1]'; fi
}

# A table row may end in spaces on the screen; the pages have none.
screen() {
	terminals capture-pane -p -S - -t main |
		usual | sed 's/ *$//'
}

# Waits until the screen is that text. Tabs reach a terminal as spaces.
await() { # TEXT
	want=$(printf '%s\n' "$1" | expand | usual | sed 's/ *$//')
	tries=100
	while [ "$tries" != 0 ]; do
		if [ -s "$dir/place/port" ]; then
			port4=$(sed -n 1p "$dir/place/port")
			port6=$(sed -n 2p "$dir/place/port")
		fi
		seen=$(screen)
		[ "$seen" != "$want" ] || return 0
		tries=$((tries - 1))
		sleep 0.1
	done
	printf '%s\n' "$want" >"$dir/want"
	printf '%s\n' "$seen" >"$dir/seen"
	diff -u "$dir/want" "$dir/seen" || :
	return 1
}

# Types what stands behind the prompts of a block; the screen follows.
play() { # FILE
	text=
	while IFS= read -r line; do
		case $line in
		'$ '*) prompt='$ ' ;;
		*@servidor_tareas'> '*) prompt=${line%%> *}'> ' ;;
		'User ['*']: '* | 'Usuario ['*']: '*) prompt=${line%%]: *}']: ' ;;
		'Title: '* | 'Description: '* | 'Título: '* | 'Descripción: '*)
			prompt=${line%%: *}': '
			;;
		*) prompt= ;;
		esac
		if [ -n "$prompt" ]; then
			await "$text$prompt" || return 1
			terminals send-keys -t main -l -- "${line#"$prompt"}"
			terminals send-keys -t main Enter
		fi
		text=$text$line$newline
	done <"$1"
	case $(head -n 1 "$1") in
	*/tareas_server*) await "$text" ;; # it stays
	*) await "$text\$" ;;
	esac
}

# The blocks of a page, as files in their order, and the Python client.
extract() { # PAGE
	rm -rf "$dir/blocks"
	mkdir "$dir/blocks"
	awk -v dir="$dir/blocks" '
	/^```console$/ { file = sprintf("%s/%02d", dir, ++n); next }
	/^```/ { file = "" }
	file { print >file }' "$1"
	awk '/^```python$/ { inside = 1; next }
	/^```/ { inside = 0 }
	inside' "$1" >"$dir/place/tareas.py"
}

# localhost 18800, for the one program that is told it.
own_port() {
	sed "s/localhost 18800/localhost $port4/"
}

page() { # PAGE LANGUAGE
	port4=18800 port6=18800
	language=$2
	export LANG="$2"
	furnish
	extract "$1"
	[ "$(find "$dir/blocks" -type f | wc -l)" -ge 6 ] ||
		say "$1 has its console blocks" 1
	for block in "$dir/blocks"/*; do
		# Another terminal for each, on the server of the first.
		status=0
		own_port <"$block" >"$dir/block"
		play "$dir/block" || status=1
		say "$1: $(head -n 1 "$block")" "$status"
		terminals set-environment -g TAREAS_SERVER "127.0.0.1:$port4"
		new_screen "past${block##*/}"
	done
	terminals kill-server || :
}

for option in $("$build/tareas_client" --help --lang en |
	grep -o -- '--[a-z][a-z-]*') \
	$("$build/tareas_server" --help --lang en |
		grep -o -- '--[a-z][a-z-]*'); do
	for file in README.md README.es.md; do
		grep -qF -- "$option" "$file" || say "$file names $option" 1
	done
done
say 'the options of --help were looked for' 0

sed -n 's/.*X(E_[A-Z]*, "\([a-z]*\)".*, \([0-9]*\)).*/\1 \2/p' proto/err.h |
	grep -v '^ok ' >"$dir/errors"
[ "$(wc -l <"$dir/errors")" -ge 14 ] || say 'err.h has its table' 1
while read -r word status; do
	for file in README.md README.es.md; do
		grep -q "^| $status |.*\`$word\`" "$file" ||
			say "$file: $word is status $status" 1
	done
done <"$dir/errors"
say 'the statuses of err.h were looked for' 0

grep -ohE '\b(proto|common|server|client|tests)/[a-z_/-]+\.(c|h|md|py|sh)' \
	README.md README.es.md | sort -u >"$dir/files"
[ "$(wc -l <"$dir/files")" -ge 15 ] || say 'the pages name files' 1
while read -r name; do
	[ -e "$name" ] || say "$name is named and there" 1
done <"$dir/files"
grep -oE '\b[a-z_]+_[a-z_]+\(\)' README.es.md | sort -u >"$dir/functions"
[ "$(wc -l <"$dir/functions")" -ge 10 ] || say 'the page names functions' 1
while read -r name; do
	grep -qE "\b${name%??}\(" common/*.h client/*.h ||
		say "$name is named and there" 1
done <"$dir/functions"
say 'the files and functions named were looked for' 0

page README.md en_US.UTF-8
page README.es.md es_CO.UTF-8
exit "$failed"
