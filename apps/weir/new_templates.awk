# SPDX-License-Identifier: BSD-2-Clause
# The files of apps/weir/new/, and m4/weir.m4, as C: for `state.test.json.in` a string template_state_test_json.
# As it stands in a string of C. (What gsub() makes of backslashes differs from awk to awk.)
function escaped(text, out, i, letter) {
	for (i = 1; i <= length(text); i++) {
		letter = substr(text, i, 1)
		if (letter == "\\" || letter == "\"")
			out = out "\\"
		out = out (letter == "\t" ? "\\t" : letter)
	}
	return out
}
BEGIN {
	print "/*"
	print " * Made from apps/weir/new/ by apps/weir/new_templates.awk; for new_files.c alone."
	print " *"
	print " * SPDX-License-Identifier: BSD-2-Clause"
	print " */"
	print "#ifndef WEIR_APPS_NEW_TEMPLATES_H"
	print "#define WEIR_APPS_NEW_TEMPLATES_H"
}
FNR == 1 {
	name = FILENAME
	sub(/.*\//, "", name)
	sub(/\.in$/, "", name)
	gsub(/[^A-Za-z0-9]/, "_", name)
	printf "%sstatic const char template_%s[] =", (NR == 1 ? "" : ";\n"), name
}
/SPDX-License-Identifier/ { # what is made of them is its maker's
	next
}
{
	printf "\n\t\"%s\\n\"", escaped($0)
}
END {
	print ";"
	print "#endif"
}
