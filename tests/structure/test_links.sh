# SPDX-License-Identifier: BSD-2-Clause
# Links of the Markdown pages to other files, and to headings in them.
srcdir=${srcdir:-.}
. "$srcdir/tests/tap.sh"
cd "$srcdir" || exit 1

pages() {
    find . -name '*.md' ! -path './.git/*' ! -path './*/node_modules/*' ! -path './weir-*' | sed 's|^\./||'
}

# "PAGE LINK" of every link that leads nowhere else than into this tree.
links() {
    pages | while read -r page; do
        # inline code and code blocks have no links
        awk '/^```/ { inside = !inside; next } !inside { gsub(/`[^`]*`/, ""); print }' "$page" |
            grep -oE '\]\([^)]+\)' | sed 's/^](\(.*\))$/\1/; s/ ".*//' |
            grep -vE '^(https?|mailto):' | sed "s|^|$page |"
    done
}

# What a heading is called in a link: lower case, without marks, blanks as dashes.
anchors() { # PAGE
    awk '/^```/ { inside = !inside; next } !inside' "$1" | sed -n 's/^##* *//p' |
        tr 'A-Z' 'a-z' | sed -e 's/`//g' -e 's/[^a-z0-9 _-]//g' -e 's/ /-/g'
}

none() {
    found=$(cat)
    [ -z "$found" ] || { printf '%s\n' "$found"; return 1; }
}

there_are_links() {
    [ "$(links | wc -l)" -gt 10 ]
}

each_leads_somewhere() {
    links | while read -r page link; do
        case $link in
        \#*) target=$page ;;
        *) target=$(dirname "$page")/${link%%#*} ;;
        esac
        [ -e "$target" ] || { echo "$page: $link: there is no such file"; continue; }
        case $link in
        *\#*) anchors "$target" | grep -qxF -- "${link#*#}" || echo "$page: $link: there is no such heading" ;;
        esac
    done | none
}

# Somebody who begins at the README comes everywhere.
each_guide_is_in_the_readme() {
    for page in docs/*.md; do
        grep -qF "($page" README.md || echo "$page"
    done | none
}

claim "the test sees links" there_are_links
claim "each link leads to a file or heading that is there" each_leads_somewhere
claim "the README leads to each page of docs/" each_guide_is_in_the_readme
finish
