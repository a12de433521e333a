# WEIR_COVERAGE: --enable-coverage builds for gcov. Before AC_PROG_CC: without CFLAGS of the
# user's it is not optimised, since optimised lines cannot be told apart.
# SPDX-License-Identifier: BSD-2-Clause
AC_DEFUN([WEIR_COVERAGE], [
  AC_ARG_ENABLE([coverage], [AS_HELP_STRING([--enable-coverage], [count executed lines for gcov @<:@no@:>@])],
    [], [enable_coverage=no])
  weir_coverage_flags=
  AS_IF([test "$enable_coverage" = yes], [
    weir_coverage_flags="--coverage"
    : ${CFLAGS="-g -O0"}
    : ${CXXFLAGS="-g -O0"}
  ])
  AC_SUBST([weir_coverage_flags])
])
