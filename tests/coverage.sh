#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Print how many lines of each file and room were run: coverage.sh SOURCE, in a build that
# was configured with --enable-coverage and has been tested. `make coverage` calls it. GCOV
# names the gcov that goes with the compiler, where it is not plain gcov.
set -eu
source=$1

[ -n "$(find . -name '*.gcda' | head -n 1)" ] || {
    echo "coverage: nothing was counted; ./configure --enable-coverage && make check first" >&2
    exit 1
}

# gcov prints for each object its source files: a line with the name, then one with the share.
find lib apps processors -name '*.gcda' | while read -r counts; do
    LC_ALL=C ${GCOV:-gcov} -n "$counts" 2>/dev/null
done | awk -v source="$source/" '
    /^File / {
        file = $0
        gsub(/^File .|.$/, "", file)
        if (index(file, source) == 1) file = substr(file, length(source) + 1)
        next
    }
    /^Lines executed:/ && file ~ /^(lib|apps|processors)\/.*\.c$/ {
        share = $0
        sub(/^Lines executed:/, "", share)
        split(share, part, "% of ")
        # an object may be built twice, for a library and for a program: take the better
        run = part[1] * part[2] / 100
        if (run > best[file] || !(file in lines)) best[file] = run
        lines[file] = part[2]
        file = ""
    }
    END {
        for (file in lines) {
            room = file
            sub(/\/[^\/]*$/, "", room)
            printf "%s %s %.0f %d\n", room, file, best[file], lines[file]
        }
    }' | LC_ALL=C sort | awk '
    function flush() {
        if (room != "") printf "%-44s %5.1f %%  of %d lines\n\n", room " in all", 100 * run / all, all
    }
    {
        if ($1 != room) { flush(); room = $1; run = all = 0 }
        run += $3; all += $4; total_run += $3; total += $4
        if ($4 > 0) printf "  %-42s %5.1f %%\n", $2, 100 * $3 / $4
    }
    END {
        flush()
        if (total == 0) {
            print "coverage: gcov reads none of it; GCOV=... names the one of the compiler" >"/dev/stderr"
            exit 1
        }
        printf "%-44s %5.1f %%  of %d lines\n", "weir", 100 * total_run / total, total
    }'
