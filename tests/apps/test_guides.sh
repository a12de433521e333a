# SPDX-License-Identifier: BSD-2-Clause
# The commands in the guides of docs/, word for word, as far as they need no Kafka. Those of
# docs/dedup.md and docs/enrich.md are in test_weir_dedup.sh and test_weir_enrich.sh.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
srcdir=$(cd "${srcdir:-.}" && pwd)
case ${WEIR_SANITIZER:-no} in
no) ;;
*) skip_all "a plugin built as in the guide has no sanitizer" ;;
esac

mkdir "$tmp/bin" "$tmp/folder" || exit 1
ln -s "$weir" "$tmp/bin/weir"
printf '#!/bin/sh\necho "-I%s/lib"\n' "$srcdir" >"$tmp/bin/pkg-config"
chmod 755 "$tmp/bin/pkg-config"
PATH=$tmp/bin:$PATH
export PATH

# blocks PAGE LANGUAGE: all of that language, one after the other
blocks() {
    awk -v language="$2" '/^```/ { inside = $0 == "```" language; next } inside' "$srcdir/$1"
}

# does PAGE PATTERN: run the command in it that begins so; exactly one does
does() {
    command=$(blocks "$1" sh | grep -e "^$2")
    [ "$(printf '%s\n' "$command" | grep -c .)" = 1 ] ||
        { echo "$1 has no, or several: $2: $command"; return 1; }
    status=0
    (cd "$tmp/folder" && umask 022 && sh -c "$command") >"$tmp/out" 2>"$tmp/err" </dev/null || status=$?
    [ "$status" = 0 ] || show
}

# says PATTERN PAGE COMMAND
says() {
    does "$2" "$3" && grep -q -e "$1" "$tmp/out" || show
}

# what is shown of options and stores, in a processor around it
fragments_compile() {
    {
        echo '#include <weir/json.h>'
        blocks docs/writing.md c | sed '1,/^WEIR_PLUGIN/d'
        cat <<'END'
static enum weir_verdict
record(struct weir_context *ctx, void *memory, const struct weir_record *record)
{
	const struct options *opts = weir_options(ctx);

	(void)memory;
	return weir_record_json(ctx, record) && opts->limit ? WEIR_DONE : WEIR_REJECT;
}

static const struct weir_processor sums = {
	WEIR_PROCESSOR_HEADER, .name = "sums", .options = rows,
	.options_size = sizeof(struct options), .record = record, WEIR_STORES(stores),
};

WEIR_PLUGIN(sums);
END
    } >"$tmp/folder/sums.c"
    # shellcheck disable=SC2086  # lists of words
    ${CC:-cc} -Wall -Wextra -Werror -Wno-missing-field-initializers -shared -fPIC -I"$srcdir/lib" \
        ${JANSSON_CFLAGS:-} -o "$tmp/folder/sums.so" "$tmp/folder/sums.c" &&
        (umask 022; "$weir" describe sums --plugins "$tmp/folder/sums.so" | grep 'greatest amount')
}

blocks docs/writing.md c | sed '/^WEIR_PLUGIN/q' >"$tmp/folder/keyed.c"
blocks README.md json >"$tmp/folder/late.json"
cp "$tmp/folder/late.json" "$tmp/folder/orders.json"

claim "writing: the processor compiles" does docs/writing.md 'cc -shared'
claim "writing: it is described" says 'let only records with a key pass' docs/writing.md \
    'weir describe keyed --plugins ./keyed.so$'
claim "writing: it has an example" does docs/writing.md 'weir describe .*--example'
claim "writing: which runs" says '^{"id": 7}$' docs/writing.md 'echo '
claim "writing: it has a man page" does docs/writing.md 'weir describe .*--man'
claim "writing: a project is made" says '^  make check$' docs/writing.md 'weir new'
claim "writing: options and stores are as shown" fragments_compile
if have_jq; then
    claim "choosing: the same file under another guarantee" \
        says '^guarantee .*at-least-once' docs/choosing.md 'weir check'
fi
finish
