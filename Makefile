# SPDX-License-Identifier: ISC
# policyd-storm. GNU make. All that is built goes below $(B).
#
#	make			the daemon and stormctl, in build/
#	make check		installs what is missing, then all tests (see tests/check.sh)
#	make demo		installs what is missing, then shows a storm being stopped on a private Postfix
#	make unit		the unit tests alone		make system	the tests that drive the real binary
#	make bench		installs what is missing, then measures (PEERS=1: other policy servers too); see tests/bench/run.py
#	make lab		the storms of the record between several real Postfix sites, without and with the daemon
#	make mtas		the same stories through every mail server, at full size
#	make scenario		storms, harmless mail and stories against the engine
#	make fuzz		some seconds of fuzzing of each reader, with clang; FUZZ=300 for longer
#	make lint		layers, banned functions, documentation	make fmt	clang-format in place
#	make SAN=address,undefined ...	with sanitizers	make CC=clang ...
#	make install DESTDIR= PREFIX=/usr
#	make uninstall DESTDIR= PREFIX=/usr	takes that away, but for the configuration
#	make dist		a tarball that builds without git, in build/dist
#	make deb		installs what is missing, then Debian packages in build/deb: built twice, examined by lintian
#	make lifecycle		what becomes of that package in a Debian of its own: installed, upgraded, removed, purged; root
#	make rpm		installs what is missing, then packages for Fedora's kin in build/rpm, tried in a root of their own
#	make release-check	all that must hold before a version is given away, see HACKING.md

VERSION := $(shell cat VERSION)
PREFIX ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr /usr/,$(PREFIX)),/etc,$(PREFIX)/etc)
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/policyd-storm
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
BASHDIR ?= $(PREFIX)/share/bash-completion/completions

# make V=1 shows the commands
Q := $(if $(V),,@)
say = $(if $(V),,@echo "  $(1)	$(patsubst $(B)/%,%,$@)")

PKG_CONFIG ?= pkg-config
B ?= build$(if $(SAN),/san)$(if $(filter clang,$(CC)),/clang)

# A warning is an error with every compiler that this was tried with. A later one may warn of more, which is no reason to
# leave its users without the program.
TRIED := $(if $(findstring clang,$(shell $(CC) --version 2>/dev/null)),21,16)
WERROR := $(if $(filter-out 0,$(shell expr $$($(CC) -dumpversion 2>/dev/null | cut -d. -f1) '>' $(TRIED) 2>/dev/null)),,-Werror)
# psabi: on 32-bit x86 vectors would be passed in another way with SSE; those of base/bytes.h never leave their file.
WARN := -Wall -Wextra $(WERROR) -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wvla -Wundef -Wformat=2 -Wimplicit-fallthrough -Wno-psabi
CFLAGS ?= -O2 -g
# Ubuntu and Gentoo have compilers that define it by themselves. Where the builder's flags do, it is as they say.
HARDEN ?= -fstack-protector-strong $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,\
	-U_FORTIFY_SOURCE $(if $(SAN),,-D_FORTIFY_SOURCE=2))
# GCC clears and copies some hundred bytes by "rep stos" and "rep movs" on x86, which takes longer than plain moves do.
# A copy of some bytes, how many is not known, is memcpy's: a loop would take them one by one.
MOVES := -mmemset-strategy=vector_loop:1024:noalign,libcall:-1:noalign -mmemcpy-strategy=libcall:-1:noalign
MOVES := $(shell $(CC) $(MOVES) -E -x c /dev/null >/dev/null 2>&1 && echo $(MOVES))
# What the compiler tells of the machine: 2 if 64 bits are counted at once, and the bytes of an address.
MACHINE := $(shell echo __GCC_ATOMIC_LLONG_LOCK_FREE __SIZEOF_POINTER__ | $(CC) $(CFLAGS) -E -P -x c - 2>/dev/null | tail -n 1)
# With 32 bits glibc's open(2) and stat(2) fail on a file of 2 GB, and time ends in 2038, if nobody asks for more. No library
# is handed such a number.
LARGE := $(if $(filter 4,$(word 2,$(MACHINE))),-D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64)
# At -Og GCC does not inline what is called by a pointer, which xxhash.h insists on.
HINTS := $(if $(filter -Og,$(CFLAGS)),-DXXH_NO_INLINE_HINTS)
override CPPFLAGS += -D_GNU_SOURCE $(LARGE) $(HINTS) -DSTORM_VERSION='"$(VERSION)"' -DSTORM_SYSCONFDIR='"$(SYSCONFDIR)"' -Ipolicyd
ALL_CFLAGS = -std=c11 $(WARN) $(HARDEN) $(MOVES) $(CFLAGS) -pthread $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all)
ALL_LDFLAGS = $(LDFLAGS) -pthread $(if $(SAN),-fsanitize=$(SAN))

pkg = $(shell $(PKG_CONFIG) --$(1) $(2) 2>/dev/null)
# libev and inih have no .pc file everywhere: fall back to the plain library name.
EV_LIBS := $(or $(call pkg,libs,libev),-lev)
INIH_LIBS := $(or $(call pkg,libs,inih),-linih)
SQLITE_LIBS := $(or $(call pkg,libs,sqlite3),-lsqlite3)
NETTLE_LIBS := $(or $(call pkg,libs,nettle),-lnettle)
CJSON_LIBS := $(or $(call pkg,libs,libcjson),-lcjson)
CRITERION_LIBS := $(or $(call pkg,libs,criterion),-lcriterion)
# Counting in 64 bits where the processor cannot (armel, mipsel, powerpc) is in a library of the compiler.
ATOMIC_LIBS := $(if $(filter 0 1,$(word 1,$(MACHINE))),-latomic)

# A room links with itself and the rooms below; rooms of one layer do not see each other.
ROOMS := base mail codec judge store serve
below_base := base
below_mail := mail base
below_codec := codec mail base
below_judge := judge mail base
below_store := store mail base
below_serve := serve codec judge store mail base
libs_base := $(INIH_LIBS) $(ATOMIC_LIBS)
libs_mail := $(NETTLE_LIBS) $(libs_base)
libs_codec := $(libs_mail)
libs_judge := $(libs_mail)
libs_store := $(SQLITE_LIBS) $(libs_mail)
libs_serve := $(EV_LIBS) $(SQLITE_LIBS) $(libs_mail)

src = $(sort $(wildcard policyd/$(1)/*.c))
obj = $(patsubst %.c,$(B)/obj/%.o,$(call src,$(1)))
archives = $(foreach r,$(below_$(1)),$(B)/lib$(r).a)

all: $(B)/policyd-storm $(B)/stormctl

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# A program of all that it depends on, and of these libraries.
define link
	@mkdir -p $(@D)
	$(call say,LD)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(1)
endef

define room_rules
$(B)/lib$(1).a: $(call obj,$(1)) $(if $(filter store,$(1)),$(B)/obj/gen/schema.o)
	@mkdir -p $$(@D)
	$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach r,$(ROOMS),$(eval $(call room_rules,$(r))))

$(B)/gen/schema.c: $(sort $(wildcard schema/*.sql)) schema/embed.sh
	@mkdir -p $(@D)
	$(Q)sh schema/embed.sh $(sort $(wildcard schema/*.sql)) > $@.tmp && mv $@.tmp $@
$(B)/obj/gen/schema.o: $(B)/gen/schema.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -c -o $@ $<

DAEMON_SRC := policyd/main.c policyd/version.c $(sort $(wildcard policyd/config*.c))
CTL_SRC := $(sort $(wildcard policyd/stormctl*.c)) policyd/version.c $(sort $(wildcard policyd/config*.c))
# Told by -V, and known to nobody else.
$(B)/obj/policyd/version.o: override CPPFLAGS += -DSTORM_SANITIZERS='"$(SAN)"' -DSTORM_INIH='"$(call pkg,modversion,inih)"'
$(B)/policyd-storm: $(DAEMON_SRC:%.c=$(B)/obj/%.o) $(call archives,serve)
	$(call link,$(libs_serve))
$(B)/stormctl: $(CTL_SRC:%.c=$(B)/obj/%.o) $(call archives,serve)
	$(call link,$(CJSON_LIBS) $(libs_serve))

# Coverage-guided fuzzing of what reads a peer's bytes or a disk's, with clang's libFuzzer: FUZZ seconds each.
FUZZ := 5
FUZZ_BIN := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*.c))
$(B)/obj/tests/fuzz/%.o: override CPPFLAGS += -Itests
$(B)/obj/tests/unit/%.o: override CPPFLAGS += -Itests/unit
$(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(patsubst %,$(B)/obj/policyd/%.o,stormctl_event_json config config_keys) $(call archives,serve)
	$(call link,-fsanitize=fuzzer $(CJSON_LIBS) $(libs_serve))
fuzz-bin: $(FUZZ_BIN)
# What any compiler can do of it.
fuzz-obj: $(FUZZ_BIN:$(B)/fuzz/%=$(B)/obj/tests/fuzz/%.o)
fuzz:
	sh tests/fuzz/run.sh $(B) $(FUZZ)
.PHONY: fuzz fuzz-bin fuzz-obj

# Unit tests: tests/unit/ROOM/test_*.c, one Criterion binary each. Where Criterion is not to be had they are skipped, in words.
CRITERION := $(shell $(CC) $(CPPFLAGS) -include criterion/criterion.h -E -x c /dev/null >/dev/null 2>&1 && echo yes)
UNIT_SRC := $(if $(CRITERION),$(sort $(wildcard tests/unit/*/test_*.c)))
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)
define unit_rules
$(B)/unit/$(1)/%: $(B)/obj/tests/unit/$(1)/%.o $(call archives,$(1))
	$$(call link,$(CRITERION_LIBS) $(libs_$(1)))
endef
$(foreach r,$(ROOMS),$(eval $(call unit_rules,$(r))))
# The configuration stands above all rooms.
$(B)/unit/config/%: $(B)/obj/tests/unit/config/%.o $(B)/obj/policyd/config.o $(B)/obj/policyd/config_keys.o $(call archives,serve)
	$(call link,$(CRITERION_LIBS) $(libs_serve))
# What stormctl reads and is not a room's.
$(B)/unit/stormctl/%: $(B)/obj/tests/unit/stormctl/%.o $(B)/obj/policyd/stormctl_event_json.o $(call archives,base)
	$(call link,$(CRITERION_LIBS) $(CJSON_LIBS) $(libs_base))
.PRECIOUS: $(B)/obj/%.o

# The runner of stories: the doors and the engine under a clock of its own, which takes the place of base/clock.o.
STORY_SRC := $(sort $(wildcard tests/scenario/*.c)) $(sort $(wildcard policyd/config*.c))
$(B)/scenario/story: $(STORY_SRC:%.c=$(B)/obj/%.o) $(call archives,serve)
	$(call link,$(libs_serve))
scenario-bin: $(B)/scenario/story
scenario: all scenario-bin
	sh tests/scenario/run.sh $(B)

# The incidents at their own size, by replay. Takes some minutes; the table is in $(B)/stories too.
stories: all
	python3 tests/scenario/incidents.py $(B) --full
	python3 tests/scenario/traffic.py $(B) --full

# The storms of the record between real Postfix sites, each without and with the daemon; root. COPIES: where story A is cut
# off. Takes some minutes; the table is in $(B)/lab, as text and JSON.
COPIES := 100000
lab: deps-demo
	$(MAKE) --no-print-directory all
	python3 tests/lab/record.py $(B) --full --copies=$(COPIES)
	$(MAKE) --no-print-directory lab-spread lab-flood
.PHONY: lab

# How far a storm spreads when only some sites run policyd-storm. Takes some minutes; tables and pictures in $(B)/lab/.
lab-spread: all
	python3 tests/scenario/spread.py $(B) --full
# How long legitimate mail waits during a flood through both doors; the real daemon in real time: let nothing else run.
lab-flood: all $(B)/bench/load
	python3 tests/bench/flood.py $(B)
.PHONY: lab-spread lab-flood

# The stories through every mail server and every form of it, long, and without the daemon too. The table is in $(B)/lab.
mtas: deps-check all
	LAB_FULL=1 sh tests/lab/run.sh $(B) test_stories.

# The benchmark: a load generator, what the daemon is compared with, and a maker of large stores. What needs a library
# that is not here is left out, and the run says so.
GMIME := $(shell $(PKG_CONFIG) --exists gmime-3.0 2>/dev/null && echo yes)
MILTER_H := $(wildcard /usr/include/libmilter/mfapi.h /usr/local/include/libmilter/mfapi.h)
BENCH := load null-policy straw scan fill $(if $(MILTER_H),null-milter)
BENCH_BIN := $(BENCH:%=$(B)/bench/%)
bench_obj = $(patsubst %,$(B)/obj/tests/bench/%.o,bench $(1))
$(B)/bench/load: $(call bench_obj,load load_policy load_milter text hist)
$(B)/bench/null-policy: $(call bench_obj,null_policy)
$(B)/bench/straw: $(call bench_obj,straw)
$(B)/bench/null-milter: $(call bench_obj,null_milter)
$(B)/bench/scan: $(call bench_obj,scan text) $(call archives,mail)
$(B)/bench/fill: $(call bench_obj,fill) $(call archives,store)
$(B)/bench/null-policy: BENCH_LIBS = $(EV_LIBS)
$(B)/bench/straw: BENCH_LIBS = $(EV_LIBS) $(SQLITE_LIBS)
$(B)/bench/null-milter: BENCH_LIBS = -lmilter
$(B)/bench/scan: BENCH_LIBS = $(libs_mail) $(if $(GMIME),$(call pkg,libs,gmime-3.0))
$(B)/bench/fill: BENCH_LIBS = $(libs_store)
$(B)/gen/gmime: REMEMBERED = $(GMIME)
$(B)/obj/tests/bench/scan.o: $(B)/gen/gmime
$(B)/obj/tests/bench/scan.o: override CPPFLAGS += $(if $(GMIME),-DBENCH_GMIME $(patsubst -I%,-isystem %,$(call pkg,cflags,gmime-3.0)))
$(BENCH_BIN):
	$(call link,$(BENCH_LIBS))
bench-bin: $(BENCH_BIN)
bench: deps-bench
	$(MAKE) --no-print-directory all bench-bin
	sh tests/bench/run.sh $(B)

unit-bin: $(UNIT_BIN)
unit: unit-bin
ifeq ($(CRITERION),)
	@echo "skip unit tests: Criterion is not here"; echo "unit: 0 passed, 0 failed, 1 skipped"
else
	sh tests/unit/run.sh $(B) $(UNIT_BIN)
endif
# One room alone: make unit-mail
unit-%:
	$(MAKE) --no-print-directory $(filter $(B)/unit/$*/%,$(UNIT_BIN))
	sh tests/unit/run.sh $(B) $(filter $(B)/unit/$*/%,$(UNIT_BIN))

system: all
	sh tests/system/run.sh $(B)

lint: all
	sh tests/lint/run.sh $(B)

deps:
	sh packaging/install-deps.sh build
deps-check:
	sh packaging/install-deps.sh check
deps-demo:
	sh packaging/install-deps.sh demo
deps-bench:
	sh packaging/install-deps.sh bench
	$(if $(filter-out 0,$(PEERS)),sh packaging/install-deps.sh bench-peers)

check: deps-check
	sh tests/check.sh

demo: deps-demo
	$(MAKE) --no-print-directory all
	python3 tests/lab/demo.py $(B)

fmt:
	clang-format -i $(shell find policyd tests -name '*.[ch]')
fmt-check:
	clang-format --dry-run -Werror $(shell find policyd tests -name '*.[ch]')

# What stands in binaries and is no file of ours: when it changes, what holds it is built again.
$(B)/gen/paths $(B)/gen/gmime: force
	@mkdir -p $(@D)
	@echo '$(REMEMBERED)' | cmp -s - $@ || echo '$(REMEMBERED)' >$@
$(B)/gen/paths: REMEMBERED = $(VERSION) $(SYSCONFDIR)
$(sort $(DAEMON_SRC:%.c=$(B)/obj/%.o) $(CTL_SRC:%.c=$(B)/obj/%.o) $(B)/obj/policyd/serve/console.o): $(B)/gen/paths

# Man pages and unit name the paths that they are installed to. Below DESTDIR, for packages, the configuration is put
# down as it is; on the running system a file that stands there already is kept.
# Of an earlier "sudo make install" the file in between is root's, in a folder that is not.
# UNDO=1 takes away what these would put there; from the command line alone, lest somebody has it in his environment.
UNDO :=
in_paths = $(if $(UNDO),rm -f "$(DESTDIR)$(2)/$(3)",umask 022 && install -d -m 755 "$(DESTDIR)$(2)" && rm -f $(B)/gen/installed && \
	sed -e 's|/etc/policyd-storm|$(SYSCONFDIR)/policyd-storm|g' -e 's|/usr/sbin/|$(SBINDIR)/|g' \
	-e 's|^\.Os$$|.Os policyd-storm $(VERSION)|' $(1) >$(B)/gen/installed && \
	install -m 644 $(B)/gen/installed "$(DESTDIR)$(2)/$(3)")
put = $(if $(UNDO),for file in $(1); do rm -f "$(DESTDIR)$(2)/$${file##*/}" || exit 1; done,umask 022 && \
	install -d -m 755 "$(DESTDIR)$(2)" && install -m $(3) $(1) "$(DESTDIR)$(2)/")
put_conf = $(if $(UNDO),rm -f "$(DESTDIR)$(2)/policyd-storm.conf",umask 022 && install -d -m 755 "$(DESTDIR)$(2)" && \
	install -m 644 $(1) "$(DESTDIR)$(2)/policyd-storm.conf")

install: $(if $(UNDO),,all)
	$(Q)$(call put,$(B)/policyd-storm $(B)/stormctl,$(SBINDIR),755)
	$(Q)for page in packaging/man/*.[578]; do \
		name=$${page##*/}; \
		$(call in_paths,$$page,$(MANDIR)/man$${page##*.},$$name) || exit 1; \
	done
	$(Q)$(call in_paths,packaging/systemd/policyd-storm.service,$(UNITDIR),policyd-storm.service)
	$(Q)$(call put_conf,packaging/systemd/policyd-storm.sysusers,$(SYSUSERSDIR))
	$(Q)$(call put_conf,packaging/systemd/policyd-storm.tmpfiles,$(TMPFILESDIR))
	$(Q)$(call put,$(wildcard packaging/completion/*),$(BASHDIR),644)
	$(Q)$(call put,README.md NEWS.md LICENSE,$(DOCDIR),644)
	$(Q)$(call put,etc/postfix/*,$(DOCDIR)/postfix,644)
	$(Q)$(call put,etc/sendmail/*,$(DOCDIR)/sendmail,644)
	$(Q)$(call put,$(wildcard etc/exim/[!c]*),$(DOCDIR)/exim,644)
	$(Q)for part in main acl router; do $(call put,etc/exim/conf.d/$$part/*,$(DOCDIR)/exim/conf.d/$$part,644) || exit 1; done
	$(Q)umask 022; $(if $(UNDO),,install -d -m 755 "$(DESTDIR)$(SYSCONFDIR)/policyd-storm";) \
	for name in policyd-storm.conf rules.conf lists; do \
		to="$(DESTDIR)$(SYSCONFDIR)/policyd-storm/$$name"; \
		if [ $(if $(UNDO),1,-z "$(DESTDIR:/=)") ] && [ -e "$$to" ]; then echo "kept $$to"; continue; fi; \
		$(if $(UNDO),,install -m 644 etc/$$name "$$to" || exit 1;) \
	done

uninstall:
	$(Q)$(MAKE) --no-print-directory install UNDO=1
	$(Q)if [ -d "$(DESTDIR)$(DOCDIR)" ]; then find "$(DESTDIR)$(DOCDIR)" -type d -empty -delete; fi

clean:
	rm -rf build

# Releases: HACKING.md has the steps.
dist:
	sh packaging/release/dist.sh $(B)/dist
deb_tarball = $(B)/dist/policyd-storm-$(VERSION).tar.gz
deb: deps-deb dist
	LINTIAN=1 REPRODUCE=1 sh packaging/deb.sh $(deb_tarball) $(B)/deb
# The package, and one of a lower version to come from.
lifecycle: deps-lifecycle dist
	DEB_BUILD_OPTIONS=nocheck sh packaging/deb.sh $(deb_tarball) $(B)/lifecycle/debs
	sh packaging/deb.sh $(deb_tarball) $(B)/lifecycle/debs 0.0.9
	python3 tests/package/lifecycle.py $(B)/lifecycle/debs $(B)/lifecycle
deps-deb:
	sh packaging/install-deps.sh deb
deps-lifecycle:
	sh packaging/install-deps.sh lifecycle
# An rpm package, and what becomes of it in a root of its own: installed, upgraded, erased (needs root).
rpm: deps-rpm
	sh packaging/rpm/make.sh $(B)
	python3 tests/package/rpm_root.py $(B)
# What the present version leaves behind is kept for the tests of those to come; see tests/released/freeze.sh.
freeze: scenario-bin
	sh tests/released/freeze.sh $(B)
deps-rpm:
	sh packaging/install-deps.sh rpm
release-check: deps-check
	sh packaging/release/check.sh $(B)
.PHONY: dist deb lifecycle rpm freeze deps-deb deps-lifecycle deps-rpm release-check

.PHONY: all unit-bin unit system scenario-bin scenario stories mtas bench-bin bench lint deps deps-check deps-demo deps-bench check demo fmt fmt-check install uninstall clean force
-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
