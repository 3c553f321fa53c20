# Two commands do everything: `make run` and `make check`. One by one:
#
#   make            the programs and their texts, in build/
#   make lib        libgenserver, the runtime for other programs
#   make deps       installs what is missing (Debian, Ubuntu)
#   make check      every test; T=pattern runs the ones that match
#   make lint       what a reviewer should not have to say; make format
#                   mends what it says about format
#   make fuzz       libFuzzer for FUZZ_SECONDS in all
#   make bench      what it costs, beside the bars, an echo and Redis
#   make sim        SEEDS=N simulated runs of a server and its clients, in
#                   JOBS processes; SEED=x TRACE=1 replays one
#   make pot        brings common/po up to date with the sources
#   make install    under PREFIX, below DESTDIR; make uninstall
#
# SAN=1 (address and undefined), TSAN=1 (threads) and another CC are flavours
# with a build directory of their own: build/san, build/clang, build/clang-san.
# WERROR=1 makes warnings errors, V=1 shows the commands, CFLAGS, CPPFLAGS and
# LDFLAGS are added after ours, BUILD=dir builds elsewhere.

PREFIX ?= /usr/local
FUZZ_SECONDS ?= 30
SEEDS ?= 1000
JOBS ?= $(shell nproc)
PKG_CONFIG ?= pkg-config
OBJCOPY ?= objcopy
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
PKGS := libevent_core $(MSGPACK) readline libsodium jansson sqlite3
pkg = $(shell $(PKG_CONFIG) $1 2>/dev/null)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes $(if $(filter 1,$(WERROR)),-Werror)
HARDEN := -fstack-protector-strong -fPIE -U_FORTIFY_SOURCE
ifdef SANITIZE
HARDEN += $(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
else
HARDEN += -D_FORTIFY_SOURCE=2
endif

# The programs are optimised as one, where the compiler can keep what that
# takes beside ordinary objects: tests and the library are of those.
LTO := $(if $(SANITIZE),,$(shell $(CC) -Werror -flto=auto -ffat-lto-objects \
	-c -x c -o /dev/null /dev/null 2>/dev/null && \
	echo -flto=auto -ffat-lto-objects))

# The last word is ours: assert stays on, whatever CFLAGS says.
COMPILE := $(CC) -std=c11 -O2 -g $(LTO) $(WARN) $(HARDEN) -D_GNU_SOURCE -I. \
	$(patsubst -I%,-isystem %,$(call pkg,--cflags-only-I $(PKGS) check)) \
	$(CPPFLAGS) $(CFLAGS) -UNDEBUG
# --as-needed keeps readline, which is GPL, out of the server.
LINK = $(CC) $(HARDEN) $(if $(LTO),$(or $(LTO_HERE),-fno-lto)) \
	-pie -Wl,-z,relro,-z,now,--as-needed $(CFLAGS) $(LDFLAGS)
LIBS := $(call pkg,--libs $(PKGS))

# The runtime's objects are the library's too. What it exports says api.h.
PIC := -fPIC -fno-semantic-interposition -fvisibility=hidden
LIB_PKGS := libevent_core libsodium
LIB_LINK := $(CC) $(SANITIZE) $(if $(LTO),-fno-lto) -shared \
	-Wl,-z,relro,-z,now,--as-needed \
	$(if $(SANITIZE),,-Wl,-z,defs) $(CFLAGS) $(LDFLAGS)
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
BENCH_PARTS := operation
BENCHES := $(filter-out $(BENCH_PARTS:%=$(BUILD)/bench/%),\
	$(call programs,bench,bench/,))
EXAMPLES := $(call programs,examples,examples/,)
SIM := $(BUILD)/sim/tareas_sim
# What is preloaded does not mix with a sanitizer.
CRASH := $(addprefix $(BUILD)/crash/,tareas_server_early images \
	$(if $(SANITIZE),,libdisk.so))
FUZZERS := $(call programs,fuzz,,fuzz_)
HEADERS := $(wildcard proto/*.h common/*.h server/*.h client/*.h tests/*/*.h)
SOURCES := $(sort $(foreach d,proto common server client,$(wildcard $d/*.[ch])))
DOCS := $(wildcard README.md README.es.md proto/PROTOCOL.md LICENSE)

# The library: its version, its headers, the prefixes of what it exports, and
# what is for the two programs only. The shared one's first number changes
# when programs that use it have to be built again.
LIB_VERSION := 1.0.0
LIB_SO := libgenserver.so.$(firstword $(subst ., ,$(LIB_VERSION)))
LIB_FILE := libgenserver.so.$(LIB_VERSION)
LIB_HEADERS := $(addprefix common/,address.h agent.h gen_server.h inspect.h \
	log.h loop.h message.h net_kernel.h node.h proc.h registry.h \
	supervisor.h timer.h world.h) \
	$(addprefix proto/,api.h blob.h buf.h err.h limits.h term.h)
LIB_PREFIXES := address agent blob buf err gs hook inspect listener log loop \
	message net node proc reason reg slice stream sup term timer timers \
	watch world
LIB_OBJECTS := $(filter-out $(addprefix $(BUILD)/obj/common/,cookie.o lang.o \
	tarea.o),$(call objects,$(wildcard proto/*.c common/*.c)))
LIBRARY := $(addprefix $(BUILD)/,libgenserver.a $(LIB_FILE) genserver.pc)
MAN := $(wildcard common/man/*.3)

ARCHIVES := $(patsubst %,$(BUILD)/lib%.a,client server common proto)

all: $(PROGRAMS) $(TEXTS)
lib: $(LIBRARY)
tests: all lib $(TESTS) $(EXAMPLES) $(SIM) $(CRASH)
benches: all $(BENCHES)
fuzzers: $(FUZZERS)
crash: $(BUILD)/tareas_server $(CRASH)
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

# One object, so that what is hidden in the shared library is in the archive.
$(BUILD)/genserver.o: $(LIB_OBJECTS)
	@echo '  LD    $@'
	$Q$(CC) $(if $(LTO),-fno-lto) -nostdlib -r -o $@ $^ && \
	    $(OBJCOPY) --localize-hidden --remove-section='.gnu.lto_*' $@

$(BUILD)/libgenserver.a: $(BUILD)/genserver.o

$(BUILD)/$(LIB_FILE): $(LIB_OBJECTS) $(BUILD)/genserver.map
	@echo '  LD    $@'
	$Q$(LIB_LINK) -Wl,-soname,$(LIB_SO) \
	    -Wl,--version-script=$(BUILD)/genserver.map -o $@ $(LIB_OBJECTS) \
	    $(call pkg,--libs $(LIB_PKGS))

$(BUILD)/genserver.map: $(BUILD)/library
	@{ echo 'GENSERVER_$(subst libgenserver.so.,,$(LIB_SO)) { global:'; \
	    printf '\t%s_*;\n' $(LIB_PREFIXES); \
	    echo 'local: *; };'; } >$@

$(BUILD)/genserver.pc: common/genserver.pc.in $(BUILD)/library
	@sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(LIB_VERSION)|' \
	    -e 's|@PRIVATE@|$(LIB_PKGS)|' $< >$@

define link
@mkdir -p $(@D)
@echo '  LD    $@'
$Q$(LINK) -o $@ $(filter %.o %.a,$^)
endef

$(BUILD)/tareas_%: $(BUILD)/obj/%/main.o $(BUILD)/lib%.a \
    $(BUILD)/libcommon.a $(BUILD)/libproto.a
	$(link) $(LIBS)

$(BUILD)/tareas_% $(BUILD)/bench/%: private LTO_HERE = $(LTO)

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libtests.a $(ARCHIVES)
	$(link) $(LIBS) $(CHECK_LIBS)

$(BUILD)/examples/%: $(BUILD)/obj/tests/examples/%.o \
    $(BUILD)/libcommon.a $(BUILD)/libproto.a
	$(link) $(LIBS)

# The simulation looks over the core's shoulder where the linker lets it.
SIM_WRAP := proc_run gs_start_under engine_local_new engine_propose
$(SIM): $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/sim/*.c)) \
    $(BUILD)/libtests.a $(ARCHIVES)
	$(link) $(SIM_WRAP:%=-Wl,--wrap=%) $(LIBS)

# Crashes: a server that answers too early, what a power loss leaves, and
# the library that stands before libc's calls.
$(BUILD)/crash/tareas_server_early: $(BUILD)/obj/server/main.o \
    $(BUILD)/obj/tests/crash/early.o $(filter-out %client.a,$(ARCHIVES))
	$(link) -Wl,--wrap=engine_saved $(LIBS)

$(BUILD)/crash/images: $(BUILD)/obj/tests/crash/images.o \
    $(filter-out %client.a,$(ARCHIVES))
	$(link) $(LIBS)

$(BUILD)/crash/libdisk.so: $(BUILD)/obj/tests/crash/disk.o
	@mkdir -p $(@D)
	@echo '  LD    $@'
	$Q$(CC) -fno-lto -shared -o $@ $< -ldl $(LDFLAGS)
$(BUILD)/obj/tests/crash/disk.o: ONLY_HERE = -fPIC -fno-lto -U_FORTIFY_SOURCE

$(BUILD)/libbench.a: $(BENCH_PARTS:%=$(BUILD)/obj/tests/bench/%.o)

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libbench.a $(ARCHIVES)
	$(link) $(LIBS)

$(BUILD)/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(ARCHIVES)
	$(link) -fsanitize=fuzzer $(LIBS)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	@echo '  CC    $<'
	$Q$(COMPILE) $(PIC_HERE) $(ONLY_HERE) -MMD -MP -c -o $@ $<

$(BUILD)/obj/common/%.o $(BUILD)/obj/proto/%.o: PIC_HERE = $(PIC)
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
$(BUILD)/flags: TEXT = $(COMPILE) $(LINK) $(PIC)
$(BUILD)/prefix: TEXT = $(PREFIX)
$(BUILD)/library: TEXT = $(PREFIX) $(LIB_VERSION) $(LIB_PREFIXES) $(LIB_PKGS)
$(BUILD)/flags $(BUILD)/prefix $(BUILD)/library: FORCE | have-libs
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

sim: $(SIM)
	@$(SIM) $(if $(SEED),-s $(SEED) $(if $(TRACE),-t),-n $(SEEDS) -j $(JOBS))

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
libdir = $(DESTDIR)$(PREFIX)/lib
includedir = $(DESTDIR)$(PREFIX)/include/genserver
mandir = $(DESTDIR)$(PREFIX)/share/man/man3

install: all install-lib
	install -d $(bindir) $(docdir)
	install -m 755 $(PROGRAMS) $(bindir)
	install -m 644 $(DOCS) $(docdir)
	for mo in $(TEXTS:$(BUILD)/locale/%=%); do \
	    install -D -m 644 $(BUILD)/locale/$$mo $(localedir)/$$mo || exit; \
	done

install-lib: lib
	install -d $(libdir)/pkgconfig $(mandir) $(includedir)/common \
	    $(includedir)/proto
	install -m 755 $(BUILD)/$(LIB_FILE) $(libdir)
	ln -sf $(LIB_FILE) $(libdir)/$(LIB_SO)
	ln -sf $(LIB_SO) $(libdir)/libgenserver.so
	install -m 644 $(BUILD)/libgenserver.a $(libdir)
	install -m 644 $(BUILD)/genserver.pc $(libdir)/pkgconfig
	install -m 644 common/genserver.h $(includedir)
	install -m 644 $(filter common/%,$(LIB_HEADERS)) $(includedir)/common
	install -m 644 $(filter proto/%,$(LIB_HEADERS)) $(includedir)/proto
	install -m 644 $(MAN) $(mandir)

uninstall: uninstall-lib
	rm -f $(addprefix $(bindir)/,$(notdir $(PROGRAMS)))
	rm -f $(TEXTS:$(BUILD)/locale/%=$(localedir)/%)
	rm -rf $(docdir)

uninstall-lib:
	rm -f $(addprefix $(libdir)/,$(LIB_FILE) $(LIB_SO) libgenserver.so \
	    libgenserver.a pkgconfig/genserver.pc)
	rm -f $(addprefix $(mandir)/,$(notdir $(MAN)))
	rm -rf $(includedir)

clean:
	rm -rf $(BUILD)

FORCE:
.PHONY: FORCE all lib tests benches fuzzers crash headers everything have-libs \
    have-check deps run run-now check check-now bench bench-now lint format \
    sim fuzz fuzz-now pot install install-lib uninstall uninstall-lib clean
.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
