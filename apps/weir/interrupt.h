/*
 * SIGINT and SIGTERM as a number to look at: 1 asks to finish with what is in hand, 2 and
 * more to stop at once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_APPS_INTERRUPT_H
#define WEIR_APPS_INTERRUPT_H

/* Catch both from now on. What cannot be written (SIGPIPE, SIGXFSZ) is an error there. */
void weir__interrupt_catch(void);

/* How many came since. */
int weir__interrupt_count(void);

#endif
