# SPDX-License-Identifier: BSD-2-Clause
# The files of apps/weir/new/ as C: for `state.test.json.in` a string template_state_test_json.
BEGIN {
	print "/* Made from apps/weir/new/ by apps/weir/new_templates.awk. */"
}
FNR == 1 {
	name = FILENAME
	sub(/.*\//, "", name)
	sub(/\.in$/, "", name)
	gsub(/[^A-Za-z0-9]/, "_", name)
	printf "%sstatic const char template_%s[] =", (NR == 1 ? "" : ";\n"), name
}
{
	gsub(/\\/, "&&")
	gsub(/"/, "\\\"")
	gsub(/\t/, "\\t")
	printf "\n\t\"%s\\n\"", $0
}
END {
	print ";"
}
