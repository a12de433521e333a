# WEIR_SANITIZER: --with-sanitizer=LIST gives -fsanitize=LIST to compiler and linker.
# SPDX-License-Identifier: BSD-2-Clause
AC_DEFUN([WEIR_SANITIZER], [
  AC_ARG_WITH([sanitizer],
    [AS_HELP_STRING([--with-sanitizer=LIST], [build with -fsanitize=LIST: address,undefined or thread @<:@no@:>@])],
    [], [with_sanitizer=no])
  weir_sanitizer_flags=
  AS_IF([test "$with_sanitizer" != no], [
    weir_sanitizer_flags="-fsanitize=$with_sanitizer -fno-omit-frame-pointer -fno-sanitize-recover=all"
    weir_save_cflags=$CFLAGS
    CFLAGS="$CFLAGS $weir_sanitizer_flags"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [],
      [AC_MSG_ERROR([$CC cannot build with -fsanitize=$with_sanitizer])])
    CFLAGS=$weir_save_cflags])
  AC_SUBST([weir_sanitizer_flags])
  AC_SUBST([weir_sanitizer], [$with_sanitizer])
  AM_CONDITIONAL([TSAN], [test "$with_sanitizer" = thread])
  AM_CONDITIONAL([SANITIZED], [test "$with_sanitizer" != no])
])
