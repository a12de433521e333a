# SPDX-License-Identifier: BSD-2-Clause
# The rooms of lib/ and the arrows between them: who may include whom.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"
cd "$srcdir" || exit 1

# Lines "FILE HEADER" of every include in these folders.
includes() {
    find "$@" -name '*.[ch]' -exec \
        sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]\([^>"]*\)[>"].*/\1/;t print;d;:print;F;p' {} + |
        paste -d ' ' - -
}

# Each room and the rooms whose headers it may include: itself, and what is below.
below='
weir: weir
base: base weir
config: config base weir
observe: observe config base weir
broker: broker config base weir
processor: processor broker config observe base weir
state: state broker config observe base weir
run: run state processor broker config observe base weir
testing: testing run state processor broker config observe base weir
apps: apps processors testing run state processor broker config observe base weir
'

# Print the includes of a room that go elsewhere. Headers without a folder are the system's
# or of the same folder.
upward() { # ROOM FOLDER
    allowed=$(printf '%s' "$below" | sed -n "s/^$1: //p")
    includes "$2" | awk -v allowed="$allowed" '
        BEGIN {
            n = split("weir base config observe broker processor state run testing apps " \
                      "processors tests lib", names, " ")
            for (i = 1; i <= n; i++) room[names[i]] = 1
            n = split(allowed, names, " ")
            for (i = 1; i <= n; i++) may[names[i]] = 1
        }
        index($2, "..") == 1 { print $1 " includes " $2; next }
        index($2, "/") {
            split($2, part, "/")
            if ((part[1] in room) && !(part[1] in may)) print $1 " includes " $2
        }'
}

only_downwards() { # ROOM FOLDER
    found=$(upward "$1" "$2")
    [ -z "$found" ] || { echo "$found"; return 1; }
}

# A header of a foreign library is included in files of these patterns (for case) alone.
only_in() { # HEADER PATTERN...
    header=$1
    shift
    strays=$(includes lib apps processors | awk -v header="$header" '$2 == header { print $1 }' |
        while read -r file; do
            for pattern in "$@"; do
                # shellcheck disable=SC2254  # it is a pattern
                case $file in $pattern) continue 2 ;; esac
            done
            echo "$file includes $header"
        done)
    [ -z "$strays" ] || { echo "$strays"; return 1; }
}

# A processor is what users write: of weir it knows the installed headers only.
processors_know_installed_headers_only() {
    strays=$(includes processors | awk '
        $2 ~ /^(base|config|observe|broker|processor|state|run|testing|apps|tests|lib)\// ||
        index($2, "..") { print $1 " includes " $2 }')
    [ -z "$strays" ] || { echo "$strays"; return 1; }
}

# Neither do the programs that are models for those who link libweir.
ready_programs_know_installed_headers_only() {
    strays=$(includes apps/ready apps/weir-dedup apps/weir-enrich examples | awk '
        $2 ~ /^(base|config|observe|broker|processor|state|run|testing|tests|lib|apps\/weir)\// ||
        index($2, "..") { print $1 " includes " $2 }')
    [ -z "$strays" ] || { echo "$strays"; return 1; }
}

rooms_are_known() {
    for folder in lib/*/; do
        room=$(basename "$folder")
        printf '%s' "$below" | grep -q "^$room: " ||
            { echo "lib/$room is not in this test's table"; return 1; }
    done
}

includes_are_found() {
    [ "$(includes lib | wc -l)" -gt 50 ]
}

claim "the test sees includes" includes_are_found
claim "every room is in the table" rooms_are_known
for room in lib/*/; do
    room=$(basename "$room")
    claim "$room includes downwards only" only_downwards "$room" "lib/$room"
done
claim "apps include downwards only" only_downwards apps apps
claim "processors include installed headers only" processors_know_installed_headers_only
claim "ready programs and examples include installed headers only" ready_programs_know_installed_headers_only
claim "librdkafka is known to lib/broker/kafka* alone" only_in librdkafka/rdkafka.h 'lib/broker/kafka*'
claim "rdkafka.h is included by its full name" only_in rdkafka.h
claim "librdkafka's mock is known to tests alone" only_in librdkafka/rdkafka_mock.h
claim "LMDB is known to lib/state/store* alone" only_in lmdb.h 'lib/state/store*'
claim "libjq is known to the processor jq alone" only_in jq.h 'processors/jq*'
claim "jansson is known where JSON is the matter" only_in jansson.h \
    lib/weir/json.h 'lib/config/*' 'lib/processor/json*' 'lib/testing/*' 'apps/*' 'processors/*'
finish
