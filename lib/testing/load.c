/*
 * The load: input records that say themselves what shall become of them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <testing/oracle.h>

/* One word behind the plan. */
static bool
parse_word(const char *word, struct weir_oracle_load *load)
{
	if (!strcmp(word, "early"))
		load->early = true;
	else if (!strcmp(word, "hold"))
		load->hold = true;
	else if (!strcmp(word, "retry"))
		load->retry = true;
	else if (!strncmp(word, "slow=", 5))
		load->slow_ms = strtoll(word + 5, NULL, 10);
	else
		return false;
	return true;
}

static bool
parse_plan(const char *plan, struct weir_oracle_load *load)
{
	if (!strcmp(plan, "-"))
		return true;
	for (; *plan && *plan != 'x'; plan++) {
		if (*plan < 'a' || *plan >= 'a' + WEIR_ORACLE_OUTPUTS ||
		    load->copies == WEIR_ORACLE_COPIES)
			return false;
		load->output[load->copies++] = *plan - 'a';
	}
	load->reject = *plan == 'x';
	return !load->reject || !plan[1];
}

bool
weir__oracle_load_parse(struct weir_bytes value, struct weir_oracle_load *load)
{
	char text[WEIR_ORACLE_LOAD_SIZE], *rest = NULL, *word, *end;

	memset(load, 0, sizeof(*load));
	if (!value.data || !value.size || value.size >= sizeof(text))
		return false;
	memcpy(text, value.data, value.size);
	text[value.size] = '\0';
	load->id = strtoull(text, &end, 10);
	if (end == text || (*end && *end != ' '))
		return false;
	word = strtok_r(end, " ", &rest);
	if (!parse_plan(word ? word : "a", load))
		return false;
	while (word && (word = strtok_r(NULL, " ", &rest))) {
		if (!parse_word(word, load))
			return false;
	}
	return true;
}

size_t
weir__oracle_load_print(const struct weir_oracle_load *load, char *text)
{
	char plan[WEIR_ORACLE_COPIES + 2], slow[32] = "";
	int length = 0;

	for (; length < load->copies; length++)
		plan[length] = (char)('a' + load->output[length]);
	if (load->reject)
		plan[length++] = 'x';
	if (!length)
		plan[length++] = '-';
	plan[length] = '\0';
	if (load->slow_ms)
		snprintf(slow, sizeof(slow), " slow=%" PRId64, load->slow_ms);
	return (size_t)snprintf(text, WEIR_ORACLE_LOAD_SIZE, "%" PRIu64 " %s%s%s%s%s",
				load->id, plan, load->early ? " early" : "",
				load->hold ? " hold" : "", load->retry ? " retry" : "",
				slow);
}

bool
weir__oracle_load_is_counted(const struct weir_oracle_load *load)
{
	return !load->reject && !load->early && !load->retry;
}

void
weir__oracle_load_invent(struct weir_oracle_load *load, uint64_t id,
			 const struct weir_oracle_variety *variety, unsigned *seed)
{
	int dice = rand_r(seed) % 100;

	*load = (struct weir_oracle_load){.id = id};
	load->copies = dice < 10 ? 0 : dice < 70 ? 1 : dice < 95 ? 2 : 3;
	for (int copy = 0; copy < load->copies; copy++)
		load->output[copy] = rand_r(seed) % variety->outputs;
	if (variety->may_reject) {
		load->reject = rand_r(seed) % 50 == 0;
		load->early = rand_r(seed) % 100 == 0;
	}
	load->retry = variety->may_retry && rand_r(seed) % 1000 == 0;
	/* at a batch's end there is no record to reject, or to try again */
	load->hold = variety->may_hold && !load->reject && !load->retry &&
		     rand_r(seed) % 10 == 0;
}
