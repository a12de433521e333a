/*
 * Lists of librdkafka properties, their files, and which of them are secret.
 *
 * A list is short (tens), so names are searched one by one. One thread at a time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/alloc.h>
#include <config/properties.h>

#define LARGEST_FILE_BYTES (1024 * 1024)

static struct weir_property *
find(const struct weir_properties *properties, const char *name)
{
	for (size_t i = 0; i < properties->count; i++) {
		if (strcmp(properties->items[i].name, name) == 0)
			return &properties->items[i];
	}
	return NULL;
}

static void
wipe(char *value)
{
	explicit_bzero(value, strlen(value));
	free(value);
}

void
weir__properties_set(struct weir_properties *properties, const char *name,
		     const char *value)
{
	struct weir_property *item = find(properties, name);
	char *copy = weir__strdup(value); /* first: `value` may be the old one */

	if (item) {
		wipe(item->value);
		item->value = copy;
		return;
	}
	properties->items =
		weir__realloc(properties->items, (properties->count + 1) * sizeof(*item));
	item = &properties->items[properties->count++];
	item->name = weir__strdup(name);
	item->value = copy;
}

void
weir__properties_default(struct weir_properties *properties, const char *name,
			 const char *value)
{
	if (!find(properties, name))
		weir__properties_set(properties, name, value);
}

const char *
weir__properties_get(const struct weir_properties *properties, const char *name)
{
	const struct weir_property *item = find(properties, name);

	return item ? item->value : NULL;
}

void
weir__properties_remove(struct weir_properties *properties, const char *name)
{
	struct weir_property *item = find(properties, name);
	size_t behind;

	if (!item)
		return;
	free(item->name);
	wipe(item->value);
	behind = properties->count - (size_t)(item - properties->items) - 1;
	memmove(item, item + 1, behind * sizeof(*item));
	properties->count--;
}

void
weir__properties_copy(struct weir_properties *to, const struct weir_properties *from)
{
	for (size_t i = 0; i < from->count; i++)
		weir__properties_set(to, from->items[i].name, from->items[i].value);
}

void
weir__properties_fini(struct weir_properties *properties)
{
	for (size_t i = 0; i < properties->count; i++) {
		free(properties->items[i].name);
		wipe(properties->items[i].value);
	}
	free(properties->items);
	*properties = (struct weir_properties){0};
}

/*
 * By parts of names, so that a secret of a future librdkafka is one too. File locations
 * and public certificates are not secret and help to find faults.
 */
bool
weir__property_secret(const char *name)
{
	static const char *const parts[] = {"password",          "secret", "token",
					    "credential",        "jaas",   ".pem",
					    "oauthbearer.config"};
	static const char *const open_names[] = {"ssl.certificate.pem", "ssl.ca.pem",
						 "sasl.oauthbearer.token.endpoint.url"};

	for (size_t i = 0; i < sizeof(open_names) / sizeof(open_names[0]); i++) {
		if (strcasecmp(name, open_names[i]) == 0)
			return false;
	}
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcasestr(name, parts[i]))
			return true;
	}
	return false;
}

static char *
trim(char *text)
{
	size_t length;

	text += strspn(text, " \t\r\n");
	length = strlen(text);
	while (length > 0 && strchr(" \t\r\n", text[length - 1]))
		length--;
	text[length] = '\0';
	return text;
}

/* One line of the file. The value is not in the message: it may be a secret. */
static int
read_line(struct weir_properties *properties, char *line, const char *path, size_t number,
	  struct weir_error *error)
{
	char *name = trim(line);
	char *equals;

	if (*name == '\0' || *name == '#')
		return 0;
	equals = strchr(name, '=');
	if (!equals)
		return weir_error_set(error, WEIR_EINVALID, "%s:%zu: expected NAME=VALUE",
				      path, number);
	*equals = '\0';
	name = trim(name);
	if (*name == '\0')
		return weir_error_set(error, WEIR_EINVALID,
				      "%s:%zu: no name before the equals sign", path,
				      number);
	weir__properties_set(properties, name, trim(equals + 1));
	return 0;
}

static int
read_lines(struct weir_properties *properties, FILE *file, const char *path,
	   struct weir_error *error)
{
	char *line = NULL;
	size_t capacity = 0, number = 0, total_bytes = 0;
	ssize_t length;
	int code = 0;

	errno = 0;
	while (code == 0 && (length = getline(&line, &capacity, file)) >= 0) {
		number++;
		total_bytes += (size_t)length;
		if (total_bytes > LARGEST_FILE_BYTES)
			code = weir_error_set(error, WEIR_ELIMIT, "%s: larger than 1 MiB",
					      path);
		else if (strlen(line) != (size_t)length)
			code = weir_error_set(error, WEIR_EINVALID,
					      "%s:%zu: holds a zero byte", path, number);
		else
			code = read_line(properties, line, path, number, error);
	}
	if (code == 0 && ferror(file))
		code = weir_error_set(error, WEIR_EIO, "%s: %s", path, strerror(errno));
	if (line)
		explicit_bzero(line, capacity);
	free(line);
	return code;
}

int
weir__properties_read(struct weir_properties *properties, const char *path,
		      struct weir_error *error)
{
	FILE *file = fopen(path, "re");
	int code;

	if (!file)
		return weir_error_set(error, errno == ENOENT ? WEIR_ENOTFOUND : WEIR_EIO,
				      "%s: %s", path, strerror(errno));
	code = read_lines(properties, file, path, error);
	fclose(file);
	return code;
}
