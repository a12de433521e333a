/*
 * Where to begin reading: what people write, and the offset it means in a partition. One
 * thread.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "consume_run.h"

/* A whole number of digits only. */
static int
parse_number(const char *text, int64_t *number)
{
	char *end;

	if (*text < '0' || *text > '9')
		return WEIR_EINVALID;
	errno = 0;
	*number = strtoll(text, &end, 10);
	return errno || *end ? WEIR_EINVALID : 0;
}

/* Exactly two digits; -1 when they are none. */
static int
two_digits(const char *text)
{
	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return -1;
	return (text[0] - '0') * 10 + text[1] - '0';
}

/* "Z", "+HH", "+HHMM", "+HH:MM", or nothing: seconds to take off. */
static int
parse_zone(const char *text, int64_t *seconds)
{
	const char *at = text + 1;
	int hours;
	int minutes = 0;

	*seconds = 0;
	if (*text == '\0' || strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return 0;
	if (*text != '+' && *text != '-')
		return WEIR_EINVALID;
	hours = two_digits(at);
	if (hours < 0 || hours > 14)
		return WEIR_EINVALID;
	at += 2;
	if (*at != '\0') {
		at += *at == ':';
		minutes = two_digits(at);
		if (minutes < 0 || minutes > 59 || at[2] != '\0')
			return WEIR_EINVALID;
	}
	*seconds = (hours * 3600 + minutes * 60) * (*text == '-' ? -1 : 1);
	return 0;
}

/* ".5", ".123", ".123456": milliseconds; *text moves behind it. */
static int
parse_fraction(const char **text, int64_t *ms)
{
	int scale = 100;
	const char *at = *text;

	*ms = 0;
	if (*at != '.' && *at != ',')
		return 0;
	if (*++at < '0' || *at > '9')
		return WEIR_EINVALID;
	for (; *at >= '0' && *at <= '9'; at++, scale /= 10)
		*ms += (*at - '0') * scale;
	*text = at;
	return 0;
}

static int
parse_time(const char *text, int64_t *ms)
{
	struct tm tm = {0};
	struct tm check;
	int64_t fraction = 0;
	int64_t zone = 0;
	const char *rest = strptime(text, "%Y-%m-%d", &tm);
	time_t seconds;

	if (!rest)
		return WEIR_EINVALID;
	if (*rest == 'T' || *rest == 't' || *rest == ' ') {
		const char *at = strptime(rest + 1, "%H:%M", &tm);

		if (!at)
			return WEIR_EINVALID;
		if (*at == ':')
			at = strptime(at, ":%S", &tm);
		if (!at || parse_fraction(&at, &fraction) != 0 ||
		    parse_zone(at, &zone) != 0)
			return WEIR_EINVALID;
	} else if (*rest != '\0') {
		return WEIR_EINVALID;
	}
	check = tm;
	seconds = timegm(&check);
	if (check.tm_mday != tm.tm_mday || tm.tm_year < 70)
		return WEIR_EINVALID; /* 31 April */
	*ms = (seconds - zone) * 1000 + fraction;
	return *ms < 0 ? WEIR_EINVALID : 0;
}

int
weir__from_parse(const char *text, struct weir_from *from)
{
	from->value = 0;
	if (strcmp(text, "beginning") == 0) {
		from->kind = WEIR_FROM_BEGINNING;
		return 0;
	}
	if (strcmp(text, "end") == 0) {
		from->kind = WEIR_FROM_END;
		return 0;
	}
	if (*text == '-') {
		from->kind = WEIR_FROM_LAST;
		return parse_number(text + 1, &from->value);
	}
	if (*text == '@') {
		from->kind = WEIR_FROM_TIME;
		return parse_number(text + 1, &from->value);
	}
	from->kind = WEIR_FROM_OFFSET;
	if (parse_number(text, &from->value) == 0)
		return 0;
	from->kind = WEIR_FROM_TIME;
	return parse_time(text, &from->value);
}

int
weir__from_resolve(const struct weir_from *from, struct weir_broker *broker,
		   const char *topic, int32_t partition, int64_t *offset,
		   int64_t timeout_ms, struct weir_error *error)
{
	int64_t low;
	int64_t high;
	int code;

	if (from->kind == WEIR_FROM_TIME)
		return weir__topic_offset_at(broker, topic, partition, from->value,
					     offset, timeout_ms, error);
	code = weir__topic_range(broker, topic, partition, &low, &high, timeout_ms,
				 error);
	if (code != 0)
		return code;
	switch (from->kind) {
	case WEIR_FROM_END:
		*offset = high;
		break;
	case WEIR_FROM_LAST:
		*offset = high - low > from->value ? high - from->value : low;
		break;
	case WEIR_FROM_OFFSET:
		*offset = from->value < low    ? low
			  : from->value > high ? high
					       : from->value;
		break;
	default:
		*offset = low;
	}
	return 0;
}
