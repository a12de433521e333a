# SPDX-License-Identifier: BSD-2-Clause
# The man pages: one for all there is, rendered without a warning, and what they refer to.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"
weir=./weir
[ -x "$weir" ] && [ -e docs/weir.1 ] || skip_all "weir and its man pages are not built"
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

none() { # prints what was found, and fails, if there is anything
    found=$(cat)
    [ -z "$found" ] || { printf '%s\n' "$found"; return 1; }
}

pages() {
    ls docs/*.[1-8]
}

# The text of a page without roff's escapes.
plain() {
    sed -e 's/\\f[BIR]//g' -e 's/\\-/-/g' -e 's/\\&//g' -e 's/\\e/\\/g' -e 's/\\(dq/"/g' "$1"
}

commands() {
    "$weir" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'
}

each_command_has_a_page() {
    commands | while read -r name; do
        [ -e "docs/weir-$name.1" ] || echo "weir $name has none: add it to docs/Makefile.inc"
    done | none
}

each_processor_has_a_page() {
    for plugin in processors/.libs/*.so; do
        name=$(basename "$plugin" .so)
        [ -e "docs/weir-$name.7" ] || echo "$name has none: add it to docs/Makefile.inc"
    done | none
}

each_key_is_there() {
    plain docs/weir-pipeline.5 >"$folder/page"
    "$weir" describe --pipeline --json | sed -n 's/^ *"\(name\|path\)": "\(.*\)".*/\1 \2/p' |
        while read -r kind text; do
            case $kind in
            path) section=$text ;;
            *) grep -qxF "$section/$text" "$folder/names" || echo "$section/$text" ;;
            esac
        done | none
}
# "/commit/interval (duration, default 100ms, 1ms to 10m)"
plain docs/weir-pipeline.5 | sed -n 's/^\(\/[^ ]*\) (.*)$/\1/p' >"$folder/names"

each_call_is_there() {
    plain docs/libweir.3 >"$folder/page"
    while read -r name; do
        grep -qw "$name" "$folder/page" || echo "$name"
    done <"$srcdir/lib/libweir.symbols" | none
}

each_header_is_there() {
    for header in "$srcdir"/lib/weir/*.h; do
        grep -qF "<weir/${header##*/}>" docs/libweir.3 || echo "${header##*/}"
    done | none
}

# of 80 columns, 7 are the indent
declarations_fit() {
    plain docs/libweir.3 | sed '/^.SH EXAMPLE/,$d' | grep '[,;(]$' | awk 'length > 73' | none
}

# ".BR weir\-run (1)," and "weir-run(1)"
references_exist() {
    for page in $(pages); do
        plain "$page" | sed 's/\([a-z]\) (\([1-8]\))/\1(\2)/g' |
            grep -oE '(lib)?weir(-[a-z]+)?\([1-8]\)' | sort -u |
            while read -r reference; do
                target=docs/${reference%(*}.${reference#*(}
                [ -e "${target%)}" ] || echo "$page names $reference"
            done
    done | grep -v 'weir-jq(7)' | none # not built everywhere
}

groff_is_content() {
    pages | while read -r page; do
        groff -ww -man -Tutf8 -z "$page" 2>&1
    done | none
}

man_is_content() {
    pages | while read -r page; do
        LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null
    done | none
}

mandoc_is_content() {
    pages | while read -r page; do
        mandoc -Tlint -W warning "$page"
    done | none
}

# The lines behind the heading, as a reader copies them.
example() { # PAGE
    sed -n '/^\.SH EXAMPLE/,/^\.fi/p' "$1" | sed -n '/^\.nf/,/^\.fi/p' | sed '1d;$d' >"$folder/raw"
    plain "$folder/raw"
}

example_compiles() {
    example docs/libweir.3 >"$folder/example.c" && grep -q weir_app_run "$folder/example.c" &&
        ${CC:-cc} -Wall -Wextra -Werror -fsyntax-only -I"$srcdir/lib" "$folder/example.c"
}

example_is_a_pipeline() {
    example docs/weir-pipeline.5 >"$folder/example.json" &&
        WEIR_PLUGIN_PATH=$PWD/processors/.libs "$weir" check "$folder/example.json"
}

needs() { # TOOL PACKAGE CLAIM FUNCTION
    if command -v "$1" >/dev/null 2>&1; then
        claim "$3" "$4"
    else
        skip "$3" "$1 not found: apt-get install $2"
    fi
}

claim "each command has a page" each_command_has_a_page
claim "each processor has a page" each_processor_has_a_page
claim "weir-pipeline(5) has each key of the pipeline file" each_key_is_there
claim "libweir(3) has each call" each_call_is_there
claim "they fit a terminal" declarations_fit
claim "libweir(3) has each header" each_header_is_there
claim "pages that are referred to exist" references_exist
claim "the program in libweir(3) compiles" example_compiles
claim "the pipeline in weir-pipeline(5) is one" example_is_a_pipeline
needs groff groff-base "groff has no warning" groff_is_content
needs man man-db "man has no warning" man_is_content
needs mandoc mandoc "mandoc has no warning" mandoc_is_content
finish
