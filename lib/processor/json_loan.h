/*
 * Debugging of plugins: JSON that is lent as the record's bytes are, and what jansson
 * allocates for a processor.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_PROCESSOR_JSON_LOAN_H
#define WEIR_PROCESSOR_JSON_LOAN_H

#include <stddef.h>

/* Let jansson ask here for memory from now on, and go on to whom it asked before. */
void weir__json_loan_install(void);

/* Between these calls jansson's values of this thread are of the current loan, if any. */
void weir__json_loan_begin(size_t text_bytes);
void weir__json_loan_end(void);

#endif
