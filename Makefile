# The front door. Everything is done by meson and by the scripts in tools/; nothing is decided here.
#
# make build                the program, optimised: build/sternpost; its manual pages
# make run                  installs what the build needs (Debian), builds, and runs the demonstration
# make test                 installs what the tests need, then units, fuzz corpora and real peers under ASan and UBSan
# make test ARGS="PATH..."  only these pytest paths (`ARGS=unit` for the unit tests and corpora alone)
# make bench                the benchmarks, on an optimised build
# make fuzz T=NAME SECONDS=60   explores one fuzz target (all of them in turn without T)
# make lint                 clang-tidy, cppcheck, a second compiler, includes between rooms, file names
# make lint ARGS="FILE..."  the same, but only these files for clang-tidy and cppcheck
# make format               clang-format over the C sources
# make install PREFIX=/usr/local DESTDIR=   after make build
# make clean                removes the build directories
# make help                 this text

PREFIX  ?= /usr/local
SECONDS ?= 60
MESON    = meson setup --prefix $(PREFIX)
PARTS    = sternpost sternpost.1 sternpost.conf.5 sternpost.bash
SAN      = -Db_sanitize=address,undefined -Db_lundef=false

.PHONY: build run test bench fuzz lint format install clean help

build: build/build.ninja
	ninja -C build $(addprefix src/cli/,$(PARTS))
	ln -f build/src/cli/sternpost build/sternpost

build/build.ninja:
	$(MESON) --buildtype=release -Db_lto=true -Db_ndebug=false build

build-asan/build.ninja:
	$(MESON) --buildtype=debugoptimized $(SAN) build-asan

run:
	tools/install-deps
	$(MAKE) --no-print-directory build
	build/sternpost demo

test:
	tools/install-deps --test
	$(MAKE) --no-print-directory build-asan/build.ninja
	ninja -C build-asan
	tools/run-tests build-asan $(ARGS)

bench:
	tools/install-deps --test
	$(MAKE) --no-print-directory build
	ninja -C build
	bench/run $(ARGS)

fuzz:
	tools/install-deps --fuzz
	tools/fuzz $(SECONDS) $(T)

lint:
	tools/install-deps --lint
	tools/lint $(ARGS)

format:
	tools/install-deps --lint
	git ls-files '*.c' '*.h' | xargs clang-format -i

install:
	meson install -C build --no-rebuild

clean:
	rm -rf build build-asan build-fuzz build-clang

help:
	@sed -n 's/^# \{0,1\}//p' Makefile
