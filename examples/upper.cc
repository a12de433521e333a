// Upper: the same in C++. A processor's memory is a struct of plain values; callbacks do not
// throw.
//
//   upper BROKERS     reads topic "words", writes topic "loud", until its end
//
// SPDX-License-Identifier: BSD-2-Clause
#include <cctype>
#include <cstdio>
#include <memory>
#include <string>

#include <weir/app.h>

namespace {

weir_verdict
shout(weir_context *ctx, void *, const weir_record *record)
{
	const weir_bytes value = weir_record_value(record);
	std::string text(static_cast<const char *>(value.data), value.size);

	for (char &c : text)
		c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
	weir_emit_value(ctx, weir_bytes{text.data(), text.size()});
	return WEIR_DONE;
}

weir_processor
make_processor()
{
	weir_processor made = {};

	made.abi = WEIR_PROCESSOR_ABI;
	made.size = sizeof(weir_processor);
	made.option_row_size = sizeof(weir_option);
	made.output_row_size = sizeof(weir_output);
	made.name = "shout";
	made.summary = "in capital letters";
	made.record = shout;
	return made;
}

const weir_processor processor = make_processor();

const char pipeline[] = R"({
	"name": "upper",
	"inputs": ["words"],
	"steps": [ { "use": "shout" } ],
	"outputs": { "default": "loud" },
	"state_dir": "${STATE_DIR:-./state}"
})";

} // namespace

int
main(int argc, char **argv)
{
	std::unique_ptr<weir_app, void (*)(weir_app *)> app(weir_app_new(), weir_app_free);
	weir_error error = {};

	if (argc != 2)
		return std::fprintf(stderr, "usage: upper BROKERS\n"), 2;
	weir_app_set(app.get(), "/kafka/bootstrap.servers", argv[1]);
	weir_app_set_until_end(app.get(), true);
	if (weir_app_add_processor(app.get(), &processor, &error) == 0 &&
	    weir_app_load_text(app.get(), pipeline, "upper", &error) == 0 &&
	    weir_app_run(app.get(), &error) == 0)
		return 0;
	std::fprintf(stderr, "upper: %s\n", error.message);
	return 1;
}
