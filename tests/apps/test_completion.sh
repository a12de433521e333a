# SPDX-License-Identifier: BSD-2-Clause
# What the shells complete: bash by its own functions, fish by its own command, and zsh by a
# key pressed in a terminal, as zsh's own tests do it.
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

# zsh completes in its line editor alone: a shell in a terminal of its own (zpty) says, at ^T,
# which words were offered to it.
mkdir "$tmp/functions" && ln -s "$here/docs/completion.zsh" "$tmp/functions/_weir" || exit 1
cat >"$tmp/.zshrc" <<'END'
fpath=($ZDOTDIR/functions $fpath)
autoload -Uz compinit && compinit -u -D
compadd() {
    local -a words
    # with one of these it only asks
    (( ${@[(I)-[OAD]*]} )) || { builtin compadd -A words "$@"; offered+=($words) }
    builtin compadd "$@"
}
say_offered() {
    typeset -ga offered=()
    zle complete-word
    print -r -- "<<${(j: :)${(ou)offered}}|$BUFFER>>"
}
zle -N say_offered
bindkey '^T' say_offered
PS1='=ready= ' # drawn again, it is no answer
END
cat >"$tmp/ask.zsh" <<'END'
zmodload zsh/zpty && zpty shell zsh -d -i || exit
zpty -r shell said '*=ready=*'
zpty -w -n shell $1$'\C-t'
zpty -r shell said '*<<*>>*'
print -r -- ${${said##*<<}%%>>*}
zpty -d shell
END

zsh_completes() { # "WANTED|THE LINE AFTERWARDS" LINE
    got=$(cd "$tmp/here" && ZDOTDIR=$tmp TERM=dumb timeout 60 zsh -f "$tmp/ask.zsh" "$2" 2>&1)
    [ "$got" = "$1" ] || { echo "got: $got"; return 1; }
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
claim "bash: options behind a name" bash_completes "--state" weir new foo --s
claim "bash: options without a command" bash_completes "--help" weir --h
claim "bash: values of an option" bash_completes "at-least-once at-most-once" \
    weir produce --guarantee at
claim "bash: those of a letter" bash_completes "beginning" weir consume -o b
claim "bash: files" bash_completes "orders.json" weir run or
claim "bash: processors" bash_completes "route" weir describe ro
claim "bash: commands behind help" bash_completes "schema" weir help sc
claim "bash: nothing where anything may stand" bash_completes "" weir produce --source ""
if ! command -v zsh >/dev/null 2>&1; then
    skip "zsh completes" "zsh not found: apt-get install zsh"
elif ! why=$(zsh -f -c 'zmodload zsh/zpty && zpty shell true' 2>&1); then
    skip "zsh completes" "$why"
else
    claim "zsh: commands that begin so" zsh_completes "describe|weir describe " "weir de"
    claim "zsh: options of weir run" zsh_completes "--until-end|weir run --until-end " "weir run --u"
    claim "zsh: options behind a name" zsh_completes "--state|weir new foo --state " "weir new foo --s"
    claim "zsh: options without a command" zsh_completes "--help|weir --help " "weir --h"
    claim "zsh: an option that takes a value" zsh_completes \
        "--state-dir|weir-dedup --state-dir=" "weir-dedup --s"
    claim "zsh: values of an option" zsh_completes "at-least-once at-most-once|weir produce --guarantee at-" \
        "weir produce --guarantee at"
    claim "zsh: and behind =" zsh_completes "at-least-once at-most-once|weir produce --guarantee=at-" \
        "weir produce --guarantee=at"
    claim "zsh: those of a letter" zsh_completes "beginning|weir consume -o beginning " "weir consume -o b"
    claim "zsh: files" zsh_completes "orders.json|weir run orders.json " "weir run or"
    claim "zsh: a file behind options" zsh_completes "orders.json|weir run -v --set /x=1 orders.json " \
        "weir run -v --set /x=1 or"
    claim "zsh: processors" zsh_completes "route|weir describe route " "weir describe ro"
    claim "zsh: commands behind help" zsh_completes "schema|weir help schema " "weir help sc"
    claim "zsh: nothing where anything may stand" zsh_completes "|weir produce --source o" \
        "weir produce --source o"
fi
if command -v fish >/dev/null 2>&1; then
    claim "fish: commands that begin so" fish_completes "describe" "weir de"
    claim "fish: options of weir run" fish_completes "--until-end" "weir run --u"
    claim "fish: options behind a name" fish_completes "--state" "weir new foo --s"
    claim "fish: options without a command" fish_completes "--help" "weir --h"
    claim "fish: values of an option" fish_completes "at-least-once at-most-once" \
        "weir produce --guarantee at"
    claim "fish: files" fish_completes "orders.json" "weir run or"
    claim "fish: processors" fish_completes "route" "weir describe ro"
else
    skip "fish completes" "fish not found: apt-get install fish"
fi
finish
