# SPDX-License-Identifier: BSD-2-Clause
# What `make install` gives, seen by those who use it: a program with libweir, a plugin for
# the command, and pkg-config to build both.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"

case ${WEIR_SANITIZER:-no} in
no) ;;
*) skip_all "a program of its own has no sanitizer" ;;
esac
command -v pkg-config >/dev/null 2>&1 || skip_all "pkg-config not found"

root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT
unset MAKEFLAGS MAKELEVEL
prefix=$(sed -n 's/^prefix *= *//p' Makefile)
home=$root$prefix

weir_config() {
    PKG_CONFIG_PATH=$(dirname "$(find "$root" -name weir.pc)") \
        pkg-config --define-variable=prefix="$home" "$@" weir
}

installed() { # NAME...
    for name in "$@"; do
        [ -n "$(find "$root" -path "*/$name")" ] || { echo "$name is not installed"; return 1; }
    done
}

cat >"$root/program.c" <<'END'
#include <stdio.h>
#include <weir/app.h>

int
main(int argc, char **argv)
{
	struct weir_error error = {0};
	struct weir_app *app = weir_app_new();
	int status = weir_app_load(app, argv[argc - 1], &error);

	printf("%d %s\n", status, error.message);
	weir_app_free(app);
	return 0;
}
END

cat >"$root/upper.c" <<'END'
#include <weir/processor.h>

static enum weir_verdict
upper_record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	(void)memory;
	(void)record;
	return weir_emit_same(ctx) == 0 ? WEIR_DONE : weir_reject(ctx, "not emitted");
}

static const struct weir_processor upper = {
	WEIR_PROCESSOR_HEADER,
	.name = "upper",
	.summary = "a plugin from outside",
	.record = upper_record,
};

WEIR_PLUGIN(upper);
END

# shellcheck disable=SC2046  # lists of words
program_builds_and_runs() {
    ${CC:-cc} -Wall -Werror $(weir_config --cflags) -o "$root/program" "$root/program.c" \
        $(weir_config --libs) &&
        LD_LIBRARY_PATH=$(weir_config --variable=libdir) "$root/program" "$root/none.json" |
        grep -q 'none.json'
}

# shellcheck disable=SC2046
plugin_builds_and_is_found() {
    mkdir -p "$root/plugins" &&
        ${CC:-cc} -Wall -Werror -shared -fPIC $(weir_config --cflags) \
            -o "$root/plugins/upper.so" "$root/upper.c" &&
        WEIR_PLUGIN_PATH=$root/plugins "$home/bin/weir" describe upper |
        grep -q 'a plugin from outside'
}

# As the README there says, with this compiler of C, and of C++.
# shellcheck disable=SC2046
examples_build() { # CC CXX
    rm -rf "$root/examples"
    cp -R "$(dirname "$(find "$home" -path '*/examples/hello.c')")" "$root/examples" || return 1
    for source in "$root"/examples/*.c; do
        $1 -Wall -Wextra -Werror $(weir_config --cflags) -o "${source%.c}" "$source" \
            $(weir_config --libs) -ljansson -lpthread || return 1
    done
    $2 -Wall -Wextra -Werror $(weir_config --cflags) -o "$root/examples/upper" \
        "$root/examples/upper.cc" $(weir_config --libs) || return 1
    LD_LIBRARY_PATH=$(weir_config --variable=libdir) "$root/examples/hello" 2>&1 |
        grep -q '^usage: hello'
}

processordir_has_the_processors() {
    ls "$(weir_config --variable=processordir)"/route.so
}

command_says_its_version() {
    "$home/bin/weir" --version | grep -q '^weir [0-9]'
}

# libtool's own words for it would be that install finds no folder
refuses_blanks() {
    mkdir "$root/refused" && here=$(cd "$srcdir" && pwd) || return 1
    ! (cd "$root/refused" && "$here/configure" --prefix="$root/a b") >"$root/refused/out" 2>&1 &&
        grep -q "error: libtool cannot install into a path with a blank: $root/a b\$" "$root/refused/out"
}

uninstalls() {
    ${MAKE:-make} -s DESTDIR="$root" uninstall &&
        left=$(cd "$home" && find . -type f -o -type l -o -path '*weir*') && [ -z "$left" ] || { echo "$left"; return 1; }
}

claim "make install works" "${MAKE:-make}" -s DESTDIR="$root" install
claim "command, library, headers, processors, man pages and weir.pc are installed" installed \
    bin/weir bin/weir-dedup bin/weir-enrich libweir.so weir.pc include/weir/processor.h include/weir/app.h \
    include/weir/json.h include/weir/error.h include/weir/state.h include/weir/testing.h processors/route.so processors/dedup.so \
    processors/enrich.so man1/weir.1 man1/weir-dedup.1 man1/weir-enrich.1 \
    man1/weir-run.1 man5/weir-pipeline.5 man3/libweir.3 man7/weir-route.7 examples/dedup.test.json \
    bash-completion/completions/weir site-functions/_weir vendor_completions.d/weir.fish
claim "the installed command runs" command_says_its_version
claim "weir.pc names the folder of processors" processordir_has_the_processors
claim "a program builds and runs with what pkg-config says" program_builds_and_runs
claim "a plugin builds and the command finds it" plugin_builds_and_is_found
claim "the examples build with ${CC:-cc}" examples_build "${CC:-cc}" "${CXX:-c++}"
if command -v clang++ >/dev/null 2>&1; then
    claim "the examples build with clang" examples_build clang clang++
else
    echo "# no clang here"
fi
claim "a prefix with a blank is refused" refuses_blanks
claim "make uninstall leaves nothing, and none of its folders" uninstalls
finish
