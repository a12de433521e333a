# SPDX-License-Identifier: BSD-2-Clause
# A weir that is not installed finds the processors that were built beside it, and only
# where nobody else can have put them.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
unset WEIR_PLUGIN_PATH

# A build folder as libtool leaves it: $tree/weir, $tree/processors/.libs/route.so.
tree=$tmp/tree
mkdir -p "$tree/processors/.libs" "$tree/.libs" "$tree/bin" || exit 1
chmod 755 "$tree" "$tree/processors" "$tree/processors/.libs"
touch "$tree/config.status"
cp processors/.libs/route.so "$tree/processors/.libs" || exit 1
cp weir "$tree/weir" && cp weir "$tree/bin/weir" && cp weir "$tree/.libs/weir" || exit 1

# finds COMMAND: does it list the route of this tree? From another folder.
finds() {
    (cd / && "$1" list --json) | grep -q "$tree/processors/.libs/route.so"
}

finds_not() {
    ! finds "$1"
}

# with MODE FOLDER COMMAND...: while the folder has that mode
with_mode() {
    mode=$1 folder=$2
    shift 2
    before=$(stat -c %a "$folder")
    chmod "$mode" "$folder"
    "$@"
    result=$?
    chmod "$before" "$folder"
    return $result
}

the_path_comes_first() {
    mkdir -p "$tmp/first" && cp "$tree/processors/.libs/route.so" "$tmp/first" || return 1
    WEIR_PLUGIN_PATH=$tmp/first "$tree/weir" list --json | grep -q "$tmp/first/route.so"
}

others_in_the_path_leave_it() {
    mkdir -p "$tmp/empty"
    WEIR_PLUGIN_PATH=$tmp/empty finds "$tree/weir"
}

through_a_link() {
    ln -s "$tree/weir" "$tmp/link" && finds "$tmp/link"
}

without_mark() {
    rm "$tree/config.status"
    finds_not "$tree/weir"
    result=$?
    touch "$tree/config.status"
    return $result
}

head -c 4 weir | grep -q ELF || skip_all "weir is a script here"
claim "./weir finds the processors built beside it" finds "$tree/weir"
claim "so it does below .libs, where libtool puts it" finds "$tree/.libs/weir"
claim "and through a link to it" through_a_link
claim "folders of WEIR_PLUGIN_PATH come first" the_path_comes_first
claim "and do not hide the others" others_in_the_path_leave_it
claim "a command in another folder does not look there" finds_not "$tree/bin/weir"
claim "nor one beside which nothing was configured" without_mark
for folder in "$tree" "$tree/processors" "$tree/processors/.libs"; do
    claim "nothing is loaded where everybody may write to ${folder#"$tmp/"}" \
        with_mode 1777 "$folder" finds_not "$tree/weir"
done
finish
