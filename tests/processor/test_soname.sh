# SPDX-License-Identifier: BSD-2-Clause
# Plugins and the soname: what is built as documented, without libweir, works with the library
# that loads it, whichever version that has; what was linked with another libweir is refused,
# as that would be in the process a second time.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"

case ${WEIR_SANITIZER:-no} in
no) ;;
*) skip_all "a program of its own has no sanitizer" ;;
esac
[ -f .libs/libweir.so.0 ] || skip_all "libweir.so.0 is not built"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
make_value() {
    sed -n "s/^$1 *= *//p" Makefile
}
libs="$(make_value RDKAFKA_LIBS) $(make_value JANSSON_LIBS) $(make_value LMDB_LIBS)"

cat >"$tmp/plugin.c" <<'END'
#include <weir/processor.h>

static int
refuse(const void *options, struct weir_error *error)
{
	(void)options;
	return weir_error_set(error, WEIR_EINVALID, "the plugin was called");
}

static enum weir_verdict
same(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	(void)memory;
	(void)record;
	return weir_emit_same(ctx) ? WEIR_REJECT : WEIR_DONE;
}

static const struct weir_processor plugin = {
	WEIR_PROCESSOR_HEADER,
	.name = "plugin",
	.check = refuse,
	.record = same,
};
WEIR_PLUGIN(plugin);
END

# Loads a pipeline of that plugin; prints what is said, and how many libweirs there are.
cat >"$tmp/program.c" <<'END'
#include <stdio.h>
#include <string.h>
#include <weir/app.h>

static int
count_libraries(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[5000], last[5000] = "";
	int count = 0;

	while (maps && fgets(line, sizeof(line), maps)) {
		char *name = strstr(line, "/libweir.so");

		if (name && strcmp(name, last) != 0) {
			strcpy(last, name);
			count++;
		}
	}
	return count;
}

int
main(int argc, char **argv)
{
	struct weir_error error = {0};
	struct weir_app *app = weir_app_new();

	weir_app_load(app, argv[argc - 1], &error);
	printf("%s\nlibraries: %d\n", error.message, count_libraries());
	weir_app_free(app);
	return 0;
}
END

# What a later, incompatible version would be: the same functions, another soname and version.
# shellcheck disable=SC2086  # lists of words
build_next_library() {
    sed 's/WEIR_0/WEIR_1/' "$srcdir/lib/libweir.map" >"$tmp/map" &&
        mkdir -p "$tmp/next" &&
        $CC -shared -o "$tmp/next/libweir.so.1" -Wl,-soname,libweir.so.1 \
            -Wl,--version-script="$tmp/map" -Wl,--whole-archive .libs/libweircore.a \
            -Wl,--no-whole-archive $libs -lpthread -ldl -lm &&
        $CC -I"$srcdir/lib" -o "$tmp/program" "$tmp/program.c" "$tmp/next/libweir.so.1"
}

build_plugin() { # NAME LIBRARY...
    name=$1
    shift
    $CC -shared -fPIC -I"$srcdir/lib" -o "$tmp/$name.so" "$tmp/plugin.c" "$@" || return 1
    cat >"$tmp/$name.json" <<END
{ "name": "a", "inputs": ["i"], "outputs": { "default": "o" },
  "plugins": ["$tmp/$name.so"], "steps": [ { "use": "plugin" } ] }
END
}

says() { # NAME LINE...
    name=$1
    shift
    LD_LIBRARY_PATH=$tmp/next:$PWD/.libs "$tmp/program" "$tmp/$name.json" >"$tmp/out" 2>&1
    for line in "$@"; do
        grep -q -- "$line" "$tmp/out" || { cat "$tmp/out"; return 1; }
    done
}

needs_no_library() {
    ! objdump -p "$tmp/plain.so" | grep 'NEEDED.*libweir'
}

claim "a library of soname 1 and a program with it build" build_next_library
claim "a plugin builds without libweir" build_plugin plain
claim "so it needs none by name" needs_no_library
claim "it is loaded and calls the library of soname 1, of which there is one" \
    says plain "the plugin was called" "^libraries: 1$"
claim "a plugin builds that is linked with soname 0" build_plugin linked .libs/libweir.so.0
claim "it is refused, and the library named" \
    says linked "linked.so: brings a libweir of its own (.*libweir.so.0): link it without -lweir"
finish
