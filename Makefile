# Overcast. `make` alone says what there is.

GO       ?= go
FUZZTIME ?= 20s
BENCH    ?= .

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null)
# Outside of a repository, or in one that git will not read, the Go tool cannot ask it either.
STAMP    := $(if $(VERSION),-ldflags '-X main.version=$(VERSION)',-buildvcs=false)
# The race detector needs a C compiler.
RACE     := $(if $(shell command -v gcc),-race)
# In CI nothing counts that was measured before.
FRESH    := $(if $(CI),-count=1)
UNITS    := ./cipher/... ./fs/... ./cmd/...
# The race detector is slow. Without it there are ten times the stories of package mirror, all worlds of package judge, more
# through a mount, and whole commands, which take longest and so come first.
RACED    := ./cipher/... ./fs/... ./cmd/overcast/internal/...
REST     := ./integration/... ./fs/mirror ./fs/mirror/internal/judge ./fs/mount ./cmd/overcast

# Where things are installed. DESTDIR is a tree to put them into, as packagers do. mount(8) finds its helpers only in /sbin, and
# a user cannot write there.
PREFIX    ?= /usr/local
SBIN      ?= $(if $(or $(DESTDIR),$(filter 0,$(shell id -u))),/sbin)
BIN       := $(PREFIX)/bin
MAN       := $(PREFIX)/share/man/man1
BASH      := $(PREFIX)/share/bash-completion/completions
ZSH       := $(PREFIX)/share/zsh/site-functions
FISH      := $(PREFIX)/share/fish/vendor_completions.d
SYSTEMD   := $(PREFIX)/$(if $(filter $(HOME)/%,$(PREFIX)),share,lib)/systemd/user
INSTALLED := $(BIN)/overcast $(addprefix $(MAN)/,$(notdir $(wildcard docs/man/*.1))) \
	$(BASH)/overcast $(ZSH)/_overcast $(FISH)/overcast.fish $(SYSTEMD)/overcast@.service $(if $(SBIN),$(SBIN)/mount.fuse.overcast)

.DEFAULT_GOAL := help
.PHONY: help demo demo-clean build install uninstall test test-long lint fuzz bench bench-cipher

help: ## say what there is
	@echo 'usage: make TARGET'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## make a vault over two folders and mount it, in demo/
	@GO='$(GO)' MAKE='$(MAKE)' sh integration/demo.sh up

demo-clean: ## unmount the demo and remove it
	@sh integration/demo.sh down

build: ## leave the program in bin/overcast
	$(GO) build -trimpath $(STAMP) -o bin/overcast ./cmd/overcast

install: ## install what was built, below PREFIX (/usr/local)
	@test -x bin/overcast || { echo 'make build comes first'; exit 1; }
	install -d $(addprefix $(DESTDIR),$(sort $(dir $(INSTALLED))))
	install -m 755 bin/overcast $(DESTDIR)$(BIN)/overcast
	install -m 644 docs/man/*.1 $(DESTDIR)$(MAN)
	umask 022 && bin/overcast completion bash >$(DESTDIR)$(BASH)/overcast
	umask 022 && bin/overcast completion zsh >$(DESTDIR)$(ZSH)/_overcast
	umask 022 && bin/overcast completion fish >$(DESTDIR)$(FISH)/overcast.fish
	umask 022 && sed 's|@BIN@|$(BIN)|' docs/overcast@.service >$(DESTDIR)$(SYSTEMD)/overcast@.service
	$(if $(SBIN),ln -sf $(BIN)/overcast $(DESTDIR)$(SBIN)/mount.fuse.overcast,@echo '$(BIN) is ready; for fstab root has to install')

uninstall: ## remove what install put there
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	$(if $(DESTDIR),cd $(DESTDIR) && rmdir -p --ignore-fail-on-non-empty $(patsubst /%,%,$(sort $(dir $(INSTALLED)))) 2>/dev/null || true)

test: ## run every test, real mounts included
	@GO='$(GO)' sh integration/needs.sh test
	$(GO) test $(FRESH) -tags purego ./cipher/...
	$(GO) test $(FRESH) $(RACE) -timeout 20m $(RACED)
	$(GO) test -count=1 -timeout 30m $(REST)

test-long: ## run the tests that take an hour, too
	@GO='$(GO)' sh integration/needs.sh test-long
	$(GO) test -count=1 $(RACE) -tags long -timeout 60m -skip '^TestRandomStories$$' $(UNITS)
	$(GO) test -count=1 -tags long -timeout 120m -run '^TestRandomStories$$' -v ./fs/mirror
	$(GO) test -count=1 -tags long -timeout 60m ./fs/mirror/internal/judge
	$(GO) test -count=1 -tags long -timeout 240m ./integration/...

lint: ## gofmt, vet and staticcheck, and build for what is not this machine
	@unformatted=$$(gofmt -l cipher fs cmd integration); \
	if [ -n "$$unformatted" ]; then printf 'gofmt -w is needed for:\n%s\n' "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) vet -tags long,purego ./...
	GOARCH=arm64 CGO_ENABLED=0 $(GO) vet ./...
	$(GO) tool staticcheck ./...

fuzz: ## run each fuzz target for FUZZTIME (20s)
	@set -e; for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -run '^$$' -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

bench: build ## run the benchmarks; BENCH=REGEXP chooses, BESIDE=PROGRAM compares with another build
	OVERCAST_BENCH_BESIDE='$(abspath $(BESIDE))' $(GO) test -run '^$$' -bench '$(BENCH)' -timeout 120m ./...

bench-cipher: build ## the ciphers beside the standard library
	$(GO) test -run '^$$' -bench . -timeout 60m ./cipher/...
	bin/overcast speed
