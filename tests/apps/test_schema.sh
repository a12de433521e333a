# SPDX-License-Identifier: BSD-2-Clause
# weir schema, by a validator of JSON Schema.
. "${srcdir:-.}/tests/tap.sh"
. "${srcdir:-.}/tests/apps/command.sh"
have_jq || skip_all "the processor jq is not built: the README's pipeline uses it"

python=
for candidate in python3 /usr/bin/python3; do
    "$candidate" -c 'import jsonschema; jsonschema.Draft202012Validator' >/dev/null 2>&1 || continue
    python=$candidate
    break
done
[ -n "$python" ] || skip_all "python3 with jsonschema (4.0 or later) not found: apt-get install python3-jsonschema"

"$python" "${srcdir:-.}/tests/apps/schema.py" "$(cd "${srcdir:-.}" && pwd)" "$weir"
