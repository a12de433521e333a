# SPDX-License-Identifier: BSD-2-Clause
# What ./bootstrap does about packages, on systems made of stubs: nothing is installed here.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"

tmp=$(mktemp -d "${TMPDIR:-/tmp}/weir-test.XXXXXX") || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' HUP INT TERM

# Real tools that the script needs, so that PATH can be without the others.
mkdir "$tmp/bin" "$tmp/tree" "$tmp/tree/tests" "$tmp/tree/tests/kafka"
for tool in sh cat sed sort head tail printf env rm dirname mkdir getconf; do
    ln -s "$(command -v $tool)" "$tmp/bin/$tool" || exit 1
done
cp "$srcdir/tests/kafka/pom.xml" "$tmp/tree/tests/kafka"
# the system says what it is in a file of the test's own
sed "s|/etc/os-release|$tmp/os-release|g" "$srcdir/bootstrap" >"$tmp/tree/bootstrap"
# configured already: make is all that is left, and it only says its name
touch "$tmp/tree/configure" "$tmp/tree/Makefile"

stub() { # NAME: a program whose text is standard input; it notes how it was called
    { printf '#!/bin/sh\necho "%s $*" >>"%s/calls"\n' "$1" "$tmp"; cat; } >"$tmp/bin/$1"
    chmod 755 "$tmp/bin/$1"
}

debian() { # VERSION
    printf 'ID=debian\nVERSION_ID="%s"\n' "$1" >"$tmp/os-release"
}

# boot STATUS: run it, expect this exit status
boot() {
    : >"$tmp/calls"
    status=0
    PATH=$tmp/bin sh "$tmp/tree/bootstrap" >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
    [ "$status" = "$1" ] || show
}

show() {
    echo "status $status"
    sed 's/^/out: /' "$tmp/out"
    sed 's/^/err: /' "$tmp/err"
    sed 's/^/call: /' "$tmp/calls"
    return 1
}

called() { grep -q -e "$1" "$tmp/calls" || show; }
not_called() { ! grep -q -e "$1" "$tmp/calls" || show; }
says() { grep -q -e "$1" "$tmp/out" "$tmp/err" || show; }
user() { echo "echo $1" | stub id; }
have() { echo "echo $1" | stub dpkg-query; }

nothing_missing() {
    have installed && boot 0 && not_called '^apt-get' && called '^make'
}

missing_as_root() {
    have not-installed && user 0 && boot 0 && called '^apt-get .*install autoconf' &&
        called '^make'
}

missing_with_sudo() {
    user 1000
    echo 'exit 0' | stub sudo
    boot 0 && called '^sudo -n .*apt-get .*install' && not_called '^apt-get'
    result=$?
    rm -f "$tmp/bin/sudo"
    return $result
}

missing_without_sudo() {
    user 1000
    boot 1 && not_called '^apt-get' && not_called '^make' &&
        says 'these packages are needed: apt-get install autoconf automake' &&
        [ "$(grep -c . "$tmp/err")" = 1 ] || show
}

apt_fails() {
    user 0
    echo 'echo "E: no network" >&2; exit 100' | stub apt-get
    boot 1 && says 'E: no network' && not_called '^make'
}

old_debian() {
    debian 11 && boot 1 && not_called '^apt-get' && not_called '^make -s' &&
        says 'please install the above first'
}

unknown_system() {
    printf 'ID=plan9\n' >"$tmp/os-release"
    # what is there: an old libtool, and libraries that pkg-config knows
    for tool in autoconf:2.71 automake:1.16.5 libtoolize:1.5; do
        echo "echo '${tool%:*} (GNU) ${tool#*:}'" | stub "${tool%:*}"
    done
    echo 'case $* in *rdkafka) echo 1.9.0 ;; *jansson) echo 2.14 ;; *lmdb) echo 0.9.24 ;; *xxhash) echo 0.8.1 ;; *--version) echo 1.8 ;; esac' |
        stub pkg-config
    boot 1 && not_called '^apt-get' && not_called '^make -s' &&
        says 'libtool: found 1.5, wanted 2.4 or later' &&
        says 'librdkafka: found 1.9.0, wanted 2.0.2 or later' &&
        says 'check: not found, wanted 0.15 or later' &&
        ! says 'autoconf:' >/dev/null && ! says 'jansson:' >/dev/null
}

# "ID=ubuntu VERSION_ID=24.04"
system() { printf '%s\n' $1 >"$tmp/os-release"; }

installs_on() {
    system "$1" && have not-installed && boot 0 && called '^apt-get .*install autoconf' &&
        called '^apt-get .*librdkafka-dev'
}

left_alone() {
    system "$1" && boot 1 && not_called '^apt-get' && says 'please install the above first'
}

# universe is not switched on everywhere
says_where_ubuntu_has_them() {
    echo 'case "$*" in *install*) echo "E: Unable to locate package check"; exit 100 ;; esac' |
        stub apt-get
    system "ID=ubuntu VERSION_ID=24.04" && have not-installed && boot 1 &&
        says 'Unable to locate package check' && says 'add-apt-repository universe' &&
        debian 12 && boot 1 && ! says universe >/dev/null
}

debian 12
user 0
echo 'exit 0' | stub apt-get
echo 'case $1 in --version) echo GNU Make 4.3 ;; esac' | stub make
echo 'echo 12' | stub cc

claim "nothing missing: apt is not called" nothing_missing
claim "root installs what is missing" missing_as_root
claim "a user does by sudo, which does not ask where nobody can answer" missing_with_sudo
claim "a user without sudo gets one line that names the packages" missing_without_sudo
claim "apt that fails ends it, with apt's words" apt_fails
claim "a Debian that is too old is left alone" old_debian
echo 'exit 0' | stub apt-get
for release in 'ID=debian VERSION_ID=13' ID=debian 'ID=ubuntu VERSION_ID=24.04' \
    'ID=ubuntu VERSION_ID=24.10' 'ID=ubuntu VERSION_ID=26.04'; do
    claim "packages come by apt on $release" installs_on "$release"
done
for release in 'ID=ubuntu VERSION_ID=22.04' 'ID=fedora VERSION_ID=41' \
    'ID=linuxmint VERSION_ID=22 ID_LIKE=ubuntu'; do
    claim "nothing is installed on $release" left_alone "$release"
done
claim "on Ubuntu it says where packages are that apt does not find" says_where_ubuntu_has_them
claim "another system: what is missing is named, found and wanted" unknown_system
finish
