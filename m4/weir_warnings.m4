# WEIR_WARNINGS: our own compiler flags, in AM_CFLAGS; the user's CFLAGS are the user's.
# SPDX-License-Identifier: BSD-2-Clause
AC_DEFUN([WEIR_WARNINGS], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [warnings are errors @<:@no@:>@])],
    [], [enable_werror=no])
  weir_cflags="-std=gnu11 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wno-missing-field-initializers -fvisibility=hidden"
  weir_cxxflags="-Wall -Wextra -Wshadow"
  AS_IF([test "$enable_werror" = yes], [
    weir_cflags="$weir_cflags -Werror"
    weir_cxxflags="$weir_cxxflags -Werror"])
  AC_SUBST([weir_cflags])
  AC_SUBST([weir_cxxflags])
])
