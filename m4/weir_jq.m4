# WEIR_CHECK_JQ: libjq for the processor `jq`. libjq 1.6 ships no .pc file, so after
# pkg-config comes header and library.
# SPDX-License-Identifier: BSD-2-Clause
AC_DEFUN([WEIR_CHECK_JQ], [
  AC_ARG_WITH([jq], [AS_HELP_STRING([--with-jq], [build the processor jq, with libjq @<:@if found@:>@])],
    [], [with_jq=auto])
  have_jq=no
  AS_IF([test "$with_jq" != no], [
    PKG_CHECK_MODULES([JQ], [libjq], [have_jq=yes], [
      weir_save_libs=$LIBS
      LIBS="$LIBS -ljq"
      AC_CHECK_HEADER([jq.h], [
        AC_MSG_CHECKING([for jq_init in -ljq])
        AC_LINK_IFELSE([AC_LANG_CALL([], [jq_init])], [have_jq=yes JQ_LIBS=-ljq], [])
        AC_MSG_RESULT([$have_jq])])
      LIBS=$weir_save_libs])
    AS_IF([test "$with_jq$have_jq" = yesno], [AC_MSG_ERROR([--with-jq: libjq was not found (Debian: libjq-dev)])])])
  AC_SUBST([JQ_CFLAGS])
  AC_SUBST([JQ_LIBS])
  AM_CONDITIONAL([HAVE_JQ], [test "$have_jq" = yes])
  AS_IF([test "$have_jq" = yes], [with_jq_summary="yes"], [with_jq_summary="no (libjq not found or --without-jq)"])
])
