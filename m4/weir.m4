# SPDX-License-Identifier: BSD-2-Clause
# serial 1
#
# WEIR_PROCESSOR([MINIMUM-VERSION])
# ---------------------------------
# For packages of others that build a processor for weir as a plugin. Finds weir and jansson by
# pkg-config, and sets for Makefile.am:
#
#   WEIR_CFLAGS             to compile it
#   WEIR_PROCESSOR_LDFLAGS  for libtool: a module, which has no version
#   WEIR_PROCESSOR_LIBS     to link it; a plugin does not link libweir
#   WEIR                    the command, for `$(WEIR) test`; a variable that users may set
#   processordir            where processors go: processor_LTLIBRARIES. That of weir, unless
#                           --with-processordir names another
#
# Needs LT_INIT. With `AM_DISTCHECK_CONFIGURE_FLAGS = --with-processordir='$${libdir}/weir'` in
# Makefile.am `make distcheck` installs nothing outside of its own folder.
AC_DEFUN([WEIR_PROCESSOR], [
AC_REQUIRE([LT_INIT])
PKG_CHECK_MODULES([WEIR], [weir m4_ifval([$1], [>= $1])])
PKG_CHECK_MODULES([WEIR_JANSSON], [jansson])
AC_ARG_VAR([WEIR], [the command weir])
AC_PATH_PROG([WEIR], [weir], [weir])
AC_ARG_WITH([processordir],
  [AS_HELP_STRING([--with-processordir=DIR], [where processors of weir go @<:@that of weir@:>@])],
  [processordir=$withval],
  [processordir=`$PKG_CONFIG --variable=processordir weir`])
AC_SUBST([processordir])
AC_SUBST([WEIR_PROCESSOR_LDFLAGS], ['-module -avoid-version -shared'])
AC_SUBST([WEIR_PROCESSOR_LIBS], ['$(WEIR_JANSSON_LIBS)'])
])
