# SPDX-License-Identifier: BSD-2-Clause
# Builds the fuzz targets below fuzz-build and runs each for a while; `make fuzz` calls it,
# from the folder of the build. GNU make.
build = fuzz-build
flags = -std=gnu11 -g -O1 -fno-omit-frame-pointer -fPIC -fvisibility=hidden \
	-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	-D_GNU_SOURCE -DWEIR_PROCESSOR_DIR='"/nowhere"' -I. -I$(source) -I$(source)/lib $(cflags)
objects = $(patsubst %.c,$(build)/%.o,$(filter %.c,$(sources)))
programs = $(targets:%=$(build)/fuzz_%)
plugins = $(build)/processors/.libs/route.so $(if $(jq),$(build)/processors/.libs/jq.so)

run: $(programs) $(plugins)
	@for target in $(targets); do $(SHELL) $(source)/tests/fuzz/run.sh $(source) $(build) \
		$$target $(seconds) || exit 1; done

$(build)/%.o: $(source)/%.c
	@mkdir -p $(@D)
	@echo "  CC       $@"
	@$(CC) $(flags) -MMD -c -o $@ $<

$(programs): $(build)/fuzz_%: $(build)/tests/fuzz/fuzz_%.o $(build)/tests/fuzz/fuzz.o $(objects)
	@echo "  CCLD     $@"
	@$(CC) -fsanitize=fuzzer,address,undefined -rdynamic -o $@ $^ $(libs) -lpthread -ldl -lm

$(build)/processors/.libs/route.so: $(build)/processors/route.o
$(build)/processors/.libs/jq.so: $(build)/processors/jq.o $(build)/processors/jq_value.o
$(plugins):
	@mkdir -p $(@D)
	@echo "  CCLD     $@"
	@$(CC) -shared -fsanitize=fuzzer-no-link,address,undefined -o $@ $^ \
		$(if $(findstring jq.so,$@),$(jq_libs))

.SECONDARY:
-include $(shell find $(build) -name '*.d' 2>/dev/null)
