// A processor written in C++.
//
// SPDX-License-Identifier: BSD-2-Clause
#include <weir/json.h>

namespace {

struct Options {
	const char *text;
	bool twice;
};

const weir_option options[] = {
	WEIR_OPT_STRING(Options, text, "from C++", "what to emit"),
	WEIR_OPT_BOOL(Options, twice, "false", "emit it twice"),
	WEIR_OPT_END
};

weir_verdict
record(weir_context *ctx, void *, const weir_record *)
{
	const auto *opts = static_cast<const Options *>(weir_options(ctx));
	json_t *json = json_pack("{s:s}", "said", opts->text);
	int code = weir_emit_json(ctx, json);

	if (code == 0 && opts->twice)
		weir_emit_json(ctx, json);
	json_decref(json);
	return WEIR_DONE;
}

const weir_processor processor = {
	WEIR_PROCESSOR_HEADER,
	"cpp", "emit an object", options, sizeof(Options), nullptr, 0, 0,
	nullptr, nullptr, nullptr, record, nullptr, nullptr, nullptr, 0, nullptr, nullptr,
	"Emits an object, whatever it gets.", nullptr
};

}

WEIR_PLUGIN(processor);
