# SPDX-License-Identifier: BSD-2-Clause
# What the shells complete: bash by its own functions, fish by its own command, and the syntax
# of all three.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
command -v bash >/dev/null 2>&1 || skip_all "bash not found"
[ -e docs/completion.bash ] || skip_all "docs/completion.bash is not built"
mkdir "$tmp/bin" "$tmp/here" && ln -s "$weir" "$tmp/bin/weir" || exit 1
touch "$tmp/here/orders.json"
here=$PWD
PATH=$tmp/bin:$PATH
export PATH

cat >"$tmp/complete.bash" <<'END'
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_weir
printf '%s\n' "${COMPREPLY[@]}"
END

# bash_completes "WANTED..." WORD...: of these words, the last one begun
bash_completes() {
    wanted=$1
    shift
    got=$(cd "$tmp/here" && bash --norc "$tmp/complete.bash" "$here/docs/completion.bash" "$@" 2>&1 |
        tr '\n' ' ' | sed 's/ *$//')
    [ "$got" = "$wanted" ] || { echo "got: $got"; return 1; }
}

# fish prints a completion a line, its description behind a tab
fish_completes() { # WANTED LINE
    got=$(cd "$tmp/here" && HOME=$tmp XDG_CONFIG_HOME=$tmp XDG_DATA_HOME=$tmp fish --no-config -c \
        "source '$here/docs/completion.fish'; complete -C '$2'" 2>&1 | cut -f 1 | sort | tr '\n' ' ' | sed 's/ *$//')
    [ "$got" = "$1" ] || { echo "got: $got"; return 1; }
}

each_command_is_completed() {
    "$weir" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | while read -r name; do
        bash_completes "$name" weir "$name" || echo "$name"
    done | grep . && return 1
    return 0
}

claim "bash: each command" each_command_is_completed
claim "bash: commands that begin so" bash_completes "describe" weir de
claim "bash: options of a command" bash_completes "--state-dir" weir-dedup --s
claim "bash: options of weir run" bash_completes "--until-end" weir run --u
claim "bash: values of an option" bash_completes "at-least-once at-most-once" \
    weir produce --guarantee at
claim "bash: those of a letter" bash_completes "beginning" weir consume -o b
claim "bash: files" bash_completes "orders.json" weir run or
claim "bash: processors" bash_completes "route" weir describe ro
claim "bash: commands behind help" bash_completes "schema" weir help sc
claim "bash: nothing where anything may stand" bash_completes "" weir produce --source ""
if command -v zsh >/dev/null 2>&1; then
    claim "zsh takes the syntax" zsh --no-rcs -n docs/completion.zsh
else
    skip "zsh takes the syntax" "zsh not found: apt-get install zsh"
fi
if command -v fish >/dev/null 2>&1; then
    claim "fish: commands that begin so" fish_completes "describe" "weir de"
    claim "fish: options of weir run" fish_completes "--until-end" "weir run --u"
    claim "fish: values of an option" fish_completes "at-least-once at-most-once" \
        "weir produce --guarantee at"
    claim "fish: files" fish_completes "orders.json" "weir run or"
    claim "fish: processors" fish_completes "route" "weir describe ro"
else
    skip "fish completes" "fish not found: apt-get install fish"
fi
finish
