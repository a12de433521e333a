/*
 * What the fuzz targets share. A target is one LLVMFuzzerTestOneInput(), which checks what
 * must hold of any input, not only that nothing crashes. libFuzzer's main drives it (make
 * fuzz), or replay.c (make check).
 *
 * An input is text in parts, with a line "--" between them, so that corpora can be read
 * and written by people.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef WEIR_TESTS_FUZZ_H
#define WEIR_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <base/alloc.h>
#include <weir/processor.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold; else the process ends with the place, which the driver reports. */
#define FUZZ_CHECK(condition, ...)                                                       \
	((condition) ? (void)0 : fuzz_fail(__FILE__, __LINE__, #condition, __VA_ARGS__))
void fuzz_fail(const char *file, int line, const char *condition, const char *format, ...)
	WEIR_PRINTF(4, 5) __attribute__((noreturn));

/* The next part of the input, which moves behind it. Empty at the end. */
struct weir_bytes fuzz_part(struct weir_bytes *input);

/* The same as a string, cut at a zero byte; the caller frees it. */
char *fuzz_part_text(struct weir_bytes *input);

/* The next line of a text, without its newline; NULL at the end. Writes NULs into it. */
char *fuzz_line(char **text);

bool fuzz_same(struct weir_bytes a, struct weir_bytes b);

/* One line of words for people: not empty, no control bytes. */
void fuzz_check_words(const char *words);

/* An error that was returned as `code`: set, the same code, and its words as above. */
void fuzz_check_error(int code, const struct weir_error *error);

/* A file of memory with these bytes; its path, which stays for the process. */
int fuzz_file(const char *name);
void fuzz_file_put(int fd, struct weir_bytes bytes);
char *fuzz_file_path(int fd, char *path, size_t size);

/* A folder for files that need names; it is removed at exit. Static. */
const char *fuzz_folder(void);

#endif
