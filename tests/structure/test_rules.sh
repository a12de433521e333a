# SPDX-License-Identifier: BSD-2-Clause
# docs/rules.md and what it names: files, functions, tests, mutants. And those of its rules
# that the source itself can break.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"
cd "$srcdir" || exit 1
page=docs/rules.md

# Rows of the tables, without their heads: "| 1 | rule | from | kept in | test |".
rows() {
    grep -E '^\| [0-9]+ \|' "$page"
}

# What is in backquotes in a column of row $1, one a line.
quoted() { # ROW COLUMN
    printf '%s\n' "$1" | cut -d '|' -f "$2" | grep -o '`[^`]*`' | tr -d '`'
}

# "FILE: NAME" and "FILE" say their file; a NAME alone is of the file before it.
check_names() { # ROW COLUMN
    file=
    quoted "$1" "$2" | while IFS= read -r item; do
        case $item in
        */*': '* ) file=${item%%: *} name=${item#*: } ;;
        */* | .ci/*) file=$item name= ;;
        *) name=$item ;;
        esac
        if [ ! -f "$file" ]; then
            echo "there is no file $file: $item"
        elif [ -n "$name" ] && ! grep -qwF -- "$name" "$file"; then
            echo "$file has no $name"
        fi
    done
}

none() { # prints what was found, and fails, if there is anything
    found=$(cat)
    [ -z "$found" ] || { echo "$found"; return 1; }
}

all_names_exist() { # COLUMN
    rows | while IFS= read -r row; do check_names "$row" "$1"; done | none
}

# A test that is named is run: START_TEST in it, and its case or loop is in the suite.
tests_are_run() {
    rows | while IFS= read -r row; do
        quoted "$row" 6 | while IFS= read -r item; do
            case $item in
            *.c': '*) file=${item%%: *} name=${item#*: } ;;
            */*) file= ; continue ;;
            *) name=$item ;;
            esac
            [ -n "$file" ] || continue
            grep -q "^START_TEST($name)" "$file" || echo "$file has no test $name"
            [ "$(grep -cw -- "$name" "$file")" -gt 1 ] || echo "$file does not run $name"
        done
    done | none
}

each_rule_has_a_test_or_says_why_not() {
    rows | while IFS= read -r row; do
        case $(printf '%s\n' "$row" | cut -d '|' -f 6) in
        *'`tests/'* | *M:* | *'No test: '*) ;;
        *) echo "no test: $row" ;;
        esac
    done | none
}

mutants_exist() {
    rows | grep -o 'M:[A-Z_]*' | while IFS=: read -r _ name; do
        grep -qw "X($name" lib/base/mutation.h || echo "there is no mutant $name"
    done | none
}

rows_are_counted() {
    rows | awk '{ if ($2 != NR) { print "row " NR " has the number " $2; exit } }' | none
    [ "$(rows | wc -l)" -gt 50 ]
}

# Calls that no file makes, whatever it is for.
nobody_calls() { # FUNCTION
    grep -rnw -- "$1" lib apps processors --include='*.[ch]' | grep -v ': \*\|//' | none
}

claim "rows are numbered in order" rows_are_counted
claim "what keeps each rule exists" all_names_exist 5
claim "what tests each rule exists" all_names_exist 6
claim "each test that is named is in its suite" tests_are_run
claim "each rule has a test, or a reason why it has none" each_rule_has_a_test_or_says_why_not
claim "each mutant that is named exists" mutants_exist
claim "nobody asks librdkafka what was processed" nobody_calls rd_kafka_position
claim "nobody polls several records at once" nobody_calls rd_kafka_consume_batch_queue
finish
