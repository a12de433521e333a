# SPDX-License-Identifier: BSD-2-Clause
# docs/tutorial.md, word for word and in its order. A block "sh" is run ("sh fails" shall fail),
# "text" is what the one before prints, line by line; a block that names a file is that file;
# other blocks of C are in orders.c. What installs is stood in for: test_bootstrap.sh and
# test_install.sh have that. What is below "Run it on Kafka" needs one.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
srcdir=$(cd "${srcdir:-.}" && pwd)
kafka=$srcdir/tests/kafka/kafka
page_at=localhost:9092 at=$page_at
build=$PWD
umask 022
case ${WEIR_SANITIZER:-no} in
no) ;;
*) skip_all "a plugin built as in the tutorial has no sanitizer" ;;
esac
command -v pkg-config >/dev/null 2>&1 || skip_all "pkg-config not found"

# --- What a reader of it has: a clone with a Kafka, and, after the first step, weir -------

mkdir "$tmp/bin" "$tmp/page" "$tmp/here" "$tmp/home" || exit 1
ln -s "$weir" "$tmp/bin/weir"
sed "s|^includedir=.*|includedir=$srcdir/lib|" lib/weir.pc >"$tmp/weir.pc"
cat >"$tmp/here/bootstrap" <<'END_STUB'
#!/bin/sh
[ $# = 0 ] && touch bootstrapped
END_STUB
cat >"$tmp/bin/sudo" <<'END_STUB'
#!/bin/sh
[ "$*" = "make install" ] && [ -e bootstrapped ]
END_STUB
mkdir -p "$tmp/here/tests/kafka"
# the address may be taken: a Kafka is started below, and elsewhere then
cat >"$tmp/here/tests/kafka/kafka" <<END_STUB
#!/bin/sh
case \$* in
"start kafka --at "*) exec cat "$tmp/kafka/bootstrap" ;;
"stop kafka") exec "$kafka" stop "$tmp/kafka" ;;
"topics "*) exec "$kafka" "\$@" ;;
esac
exit 1
END_STUB
ln -s "$kafka-topics.sh" "$tmp/here/tests/kafka/kafka-topics.sh"
chmod 755 "$tmp/here/tests/kafka/kafka"
chmod 755 "$tmp/bin/"* "$tmp/here/bootstrap"
unset MAKEFLAGS MAKELEVEL WEIR_PLUGIN_PATH
PATH=$tmp/bin:$PATH PKG_CONFIG_PATH=$tmp XDG_STATE_HOME=$tmp/home
export PATH PKG_CONFIG_PATH XDG_STATE_HOME
echo "$tmp/here" >"$tmp/cwd"
echo "$PATH" >"$tmp/path"

# Each block a file: NUMBER, its words behind the marks in NUMBER.is; KAFKA counts the first ones.
awk -v folder="$tmp/page" '
    /^```/ && !inside { inside = 1; at = sprintf("%s/%02d", folder, ++count); print substr($0, 4) >(at ".is"); printf "" >at; next }
    /^```/ { inside = 0; close(at); next }
    inside { print >at }
    /^## Run it on Kafka/ { print count >(folder "/kafka") }' "$srcdir/docs/tutorial.md"

# runs FILE fails|: as in a shell that stays where it was before, with its PATH
runs() {
    sed "s/$page_at/$at/g" "$1" >"$tmp/script"
    status=0
    (PATH=$(cat "$tmp/path") && cd "$(cat "$tmp/cwd")" && set -e && . "$tmp/script" &&
        pwd >"$tmp/cwd" && echo "$PATH" >"$tmp/path") >"$tmp/out" 2>&1 </dev/null || status=$?
    ! grep 'warning:' "$tmp/out" || return 1
    if [ "$2" = fails ]; then [ "$status" != 0 ]; else [ "$status" = 0 ]; fi || show
}

# has FILE WHERE: each line of the one is one of the other
has() {
    while IFS= read -r line; do
        grep -qxF -e "$line" "$2" || { echo "is not there: $line"; sed 's/^/there is: /' "$2"; return 1; }
    done <"$1"
}

writes() { # FILE NAME
    sed "s/$page_at/$at/g" "$1" >"$(cat "$tmp/cwd")/$2"
}

block() { # FILE WORDS...
    file=$1 language=$2 rest=${3-}
    first=$(head -n 1 "$file" | tr -d '\\') # echo would take it for an escape
    case $language,$rest in
    sh,*) claim "runs: $first" runs "$file" "$rest" ;;
    text,) claim "prints: $first" has "$file" "$tmp/out" ;;
    c,) claim "in orders.c: $first" has "$file" "$(cat "$tmp/cwd")/orders.c" ;;
    *,?*) claim "is written: $rest" writes "$file" "$rest" ;;
    *) claim "a block of the test's knowing: $language" false ;;
    esac
}

first_of_kafka=$(cat "$tmp/page/kafka") || exit 1
started=no states=
start_kafka() {
    started=yes
    # root's state is not below its home
    for app in orders spending; do
        [ -e "/var/lib/weir/$app" ] || states="$states /var/lib/weir/$app"
    done
    # shellcheck disable=SC2086  # a list of words
    trap '"$kafka" stop "$tmp/kafka" >/dev/null 2>&1; rm -rf "$tmp" $states
        [ ! -d /var/lib/weir ] || rmdir --ignore-fail-on-non-empty /var/lib/weir' EXIT
    "$kafka" start "$tmp/kafka" --at "$at" --owner $$ >/dev/null 2>"$tmp/err" || {
        grep -q 'is taken' "$tmp/err" || cat "$tmp/err"
        rm -rf "$tmp/kafka"
        at=$("$kafka" start "$tmp/kafka" --owner $$)
        sed -i "s/$page_at/$at/" "$tmp/here"/*/*.json
    }
    claim "a Kafka is there" [ -s "$tmp/kafka/bootstrap" ]
}

for file in "$tmp"/page/[0-9][0-9]; do
    number=${file##*/}
    if [ "${number#0}" -gt "$first_of_kafka" ]; then
        why=$("$kafka" check 2>&1) || { skip "the commands on a real Kafka" "$why"; break; }
        [ "$started" = yes ] || start_kafka
    fi
    # shellcheck disable=SC2046  # words
    block "$file" $(cat "$file.is")
done
finish
