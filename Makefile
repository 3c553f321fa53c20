# Two commands do everything: `make run` and `make check`. One by one:
#
#   make            the programs and their texts, in build/
#   make deps       installs what is missing (Debian, Ubuntu)
#   make check      every test; T=pattern runs the ones that match
#   make lint       what a reviewer should not have to say; make format
#                   mends what it says about format
#   make fuzz       libFuzzer for FUZZ_SECONDS in all
#   make bench      calls and casts per second
#   make pot        brings common/po up to date with the sources
#   make install    under PREFIX, below DESTDIR; make uninstall
#
# SAN=1 (address and undefined), TSAN=1 (threads) and another CC are flavours
# with a build directory of their own: build/san, build/clang, build/clang-san.
# WERROR=1 makes warnings errors, V=1 shows the commands, CFLAGS, CPPFLAGS and
# LDFLAGS are added after ours, BUILD=dir builds elsewhere.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 30
PKG_CONFIG ?= pkg-config
Q := $(if $(V),,@)

# Flavours

space := $(subst ,, )
compiler := $(notdir $(lastword $(filter-out -%,$(CC))))
ifeq ($(FUZZ),1)
flavour := fuzz
SANITIZE := -fsanitize=fuzzer-no-link,address,undefined
else
flavour := $(filter-out cc gcc,$(compiler))
ifeq ($(SAN),1)
flavour += san
SANITIZE := -fsanitize=address,undefined
else ifeq ($(TSAN),1)
flavour += tsan
SANITIZE := -fsanitize=thread
endif
endif
flavour := $(subst $(space),-,$(strip $(flavour)))
BUILD := build$(flavour:%=/%)

# Flags. pkg-config may find nothing here: have-libs says so when it matters.

MSGPACK := $(shell $(PKG_CONFIG) --exists msgpack-c 2>/dev/null && \
	echo msgpack-c || echo msgpack)
PKGS := libevent_core $(MSGPACK) readline libsodium jansson
pkg = $(shell $(PKG_CONFIG) $1 2>/dev/null)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes $(if $(filter 1,$(WERROR)),-Werror)
HARDEN := -fstack-protector-strong -fPIE -U_FORTIFY_SOURCE
ifdef SANITIZE
HARDEN += $(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
else
HARDEN += -D_FORTIFY_SOURCE=2
endif

# The last word is ours: assert stays on, whatever CFLAGS says.
COMPILE := $(CC) -std=c11 -O2 -g $(WARN) $(HARDEN) -D_GNU_SOURCE -I. \
	$(patsubst -I%,-isystem %,$(call pkg,--cflags-only-I $(PKGS) check)) \
	$(CPPFLAGS) $(CFLAGS) -UNDEBUG
# --as-needed keeps readline, which is GPL, out of the server.
LINK := $(CC) $(HARDEN) -pie -Wl,-z,relro,-z,now,--as-needed \
	$(CFLAGS) $(LDFLAGS)
LIBS := $(call pkg,--libs $(PKGS))
CHECK_LIBS := $(call pkg,--libs check)

# What there is. Everything but the two main files is in an archive, which
# depends on its directory too: a source that goes leaves the archive.

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %/main.c,$1))
room = $(call objects,$(wildcard $1/*.c)) $(wildcard $1)
programs = $(patsubst tests/$1/%.c,$(BUILD)/$2%,$(wildcard tests/$1/$3*.c))

PROGRAMS := $(patsubst %/main.c,$(BUILD)/tareas_%,\
	$(wildcard server/main.c client/main.c))
TEXTS := $(patsubst common/po/%.po,$(BUILD)/locale/%/LC_MESSAGES/tareas.mo,\
	$(wildcard common/po/*.po))
TESTS := $(call programs,unit,tests/,test_)
BENCHES := $(call programs,bench,bench/,)
FUZZERS := $(call programs,fuzz,,fuzz_)
HEADERS := $(wildcard proto/*.h common/*.h server/*.h client/*.h tests/*/*.h)
SOURCES := $(sort $(foreach d,proto common server client,$(wildcard $d/*.[ch])))
DOCS := $(wildcard README.md README.es.md proto/PROTOCOL.md LICENSE)
ARCHIVES := $(patsubst %,$(BUILD)/lib%.a,client server common proto)

all: $(PROGRAMS) $(TEXTS)
tests: all $(TESTS)
benches: all $(BENCHES)
fuzzers: $(FUZZERS)
headers: $(HEADERS:%=$(BUILD)/headers/%.ok)
everything: tests benches headers $(call objects,$(wildcard tests/fuzz/*.c))

# Building

$(BUILD)/libproto.a: $(call room,proto)
$(BUILD)/libcommon.a: $(call room,common)
$(BUILD)/libserver.a: $(call room,server)
$(BUILD)/libclient.a: $(call room,client)
$(BUILD)/libtests.a: $(call room,tests/lib)

$(BUILD)/lib%.a:
	@mkdir -p $(@D)
	@echo '  AR    $@'
	$Qrm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

define link
@mkdir -p $(@D)
@echo '  LD    $@'
$Q$(LINK) -o $@ $(filter %.o %.a,$^)
endef

$(BUILD)/tareas_%: $(BUILD)/obj/%/main.o $(BUILD)/lib%.a \
    $(BUILD)/libcommon.a $(BUILD)/libproto.a
	$(link) $(LIBS)

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libtests.a $(ARCHIVES)
	$(link) $(LIBS) $(CHECK_LIBS)

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(ARCHIVES)
	$(link) $(LIBS)

$(BUILD)/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(ARCHIVES)
	$(link) -fsanitize=fuzzer $(LIBS)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo '  CC    $<'
	$Q$(COMPILE) $(ONLY_HERE) -MMD -MP -c -o $@ $<

$(BUILD)/obj/common/lang.o: ONLY_HERE = -DLOCALEDIR='"$(PREFIX)/share/locale"'
$(BUILD)/obj/common/lang.o: $(BUILD)/prefix
$(call objects,$(wildcard tests/unit/*.c tests/lib/*.c)): | have-check

# A header compiles alone.
$(BUILD)/headers/%.ok: % $(BUILD)/flags
	@mkdir -p $(@D)
	$Qprintf '#include "%s"\ntypedef int not_empty;\n' $< | \
	    $(COMPILE) -MMD -MP -MF $(@:.ok=.d) -MT $@ -fsyntax-only -x c -
	@touch $@

$(BUILD)/locale/%/LC_MESSAGES/tareas.mo: common/po/%.po | have-libs
	@mkdir -p $(@D)
	@echo '  MO    $@'
	$Qmsgfmt --check -o $@ $<

# Files that change when their text does: other flags, everything again.
$(BUILD)/flags: TEXT = $(COMPILE) $(LINK)
$(BUILD)/prefix: TEXT = $(PREFIX)
$(BUILD)/flags $(BUILD)/prefix: FORCE | have-libs
	@mkdir -p $(@D)
	@text='$(subst ','\'',$(TEXT))'; \
	    [ "$$text" = "$$(cat $@ 2>/dev/null)" ] || printf '%s\n' "$$text" >$@

have-libs:
	@$(PKG_CONFIG) --print-errors --exists $(PKGS) && \
	    command -v msgfmt >/dev/null || \
	    { echo 'Something is missing to build: run "make deps".' >&2; exit 1; }

have-check:
	@$(PKG_CONFIG) --print-errors --exists check || \
	    { echo 'The tests need libcheck: run "make deps".' >&2; exit 1; }

-include $(shell find $(BUILD)/obj $(BUILD)/headers -name '*.d' 2>/dev/null)

# Running. First deps, then make again: pkg-config is asked after it.

deps:
	@scripts/deps

run check bench:
	@scripts/deps
	@$(MAKE) --no-print-directory $@-now

run-now: all
	@BUILD=$(abspath $(BUILD)) scripts/run

check-now: tests
	@BUILD=$(abspath $(BUILD)) T='$(T)' scripts/test-all $(TESTS)

bench-now: benches
	@BUILD=$(abspath $(BUILD)) scripts/bench

lint:
	+@scripts/lint

format:
	clang-format -i $(wildcard $(SOURCES) tests/*/*.[ch])

fuzz:
	@$(MAKE) --no-print-directory FUZZ=1 \
	    CC=$(if $(findstring clang,$(CC)),'$(CC)',clang) fuzz-now

fuzz-now: fuzzers
	@BUILD=$(abspath $(BUILD)) FUZZ_SECONDS=$(FUZZ_SECONDS) \
	    scripts/fuzz $(FUZZERS)

# Texts. The sources' msgids, and the catalogues brought up to date with them.
# X:3 are the sentences of proto's error table, where there is no N_().

$(BUILD)/tareas.pot: $(SOURCES)
	@mkdir -p $(@D)
	$Qxgettext --from-code=UTF-8 --keyword=_ --keyword=N_ --keyword=X:3 \
	    --force-po --add-location=file --add-comments=TRANSLATORS \
	    --package-name=tareas --copyright-holder='The Tareas authors' -o $@ $(SOURCES)

pot: $(BUILD)/tareas.pot
	mkdir -p common/po
	cp $< common/po/tareas.pot
	msgmerge --update --backup=none --no-fuzzy-matching common/po/es.po $<

# Installing

bindir = $(DESTDIR)$(PREFIX)/bin
docdir = $(DESTDIR)$(PREFIX)/share/doc/tareas
localedir = $(DESTDIR)$(PREFIX)/share/locale

install: all
	install -d $(bindir) $(docdir)
	install -m 755 $(PROGRAMS) $(bindir)
	install -m 644 $(DOCS) $(docdir)
	for mo in $(TEXTS:$(BUILD)/locale/%=%); do \
	    install -D -m 644 $(BUILD)/locale/$$mo $(localedir)/$$mo || exit; \
	done

uninstall:
	rm -f $(addprefix $(bindir)/,$(notdir $(PROGRAMS)))
	rm -f $(TEXTS:$(BUILD)/locale/%=$(localedir)/%)
	rm -rf $(docdir)

clean:
	rm -rf $(BUILD)

FORCE:
.PHONY: FORCE all tests benches fuzzers headers everything have-libs \
    have-check deps run run-now check check-now bench bench-now lint format \
    fuzz fuzz-now pot install uninstall clean
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
