# vmtap: building, testing and trying it. "make help" lists the targets.

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 30s
BENCH    ?=
CONF     ?= conf/20-switch.conflist
CONTAINERD ?= debian
DESTDIR  ?=
PREFIX   ?= /usr/local
CNI_BIN  ?= /opt/cni/bin
NM_CONF  ?= $(if $(filter /usr,$(PREFIX)),/usr/lib,/etc)/NetworkManager/conf.d
BIN      ?= bin
DIST     ?= dist
IMAGE    ?= vmtap:$(VERSION)

export CGO_ENABLED = 0
export FUZZTIME

.DEFAULT_GOAL := help

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build the plugin, bin/vmtap, and beside it vmtapd, vmtapctl and vmtap-install
	go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)' -o $(BIN)/ ./plugins/vmtap ./cmd/vmtapd ./cmd/vmtapctl ./cmd/vmtap-install

.PHONY: man
man: ## write vmtapctl's manual pages and shells' completions to bin/share
	SOURCE_DATE_EPOCH="$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)}" GOOS= GOARCH= go run ./hack/man $(BIN)

.PHONY: install
install: build man ## copy the plugin to CNI_BIN, /opt/cni/bin by default, and the rest under PREFIX, /usr/local by default
	@$(MAKE) --no-print-directory install-built

.PHONY: install-built
install-built: # what was built in BIN already
	install -D -m 755 $(BIN)/vmtap $(DESTDIR)$(CNI_BIN)/vmtap
	install -d $(DESTDIR)$(PREFIX)/sbin
	install -m 755 $(BIN)/vmtapd $(BIN)/vmtapctl $(DESTDIR)$(PREFIX)/sbin/
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|/usr/local/sbin/|$(PREFIX)/sbin/|' conf/vmtapd.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/vmtapd.service
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib/systemd/network conf/network/10-vmtap.link conf/network/10-vmtap.network
	install -D -m 644 conf/network/networkd-vmtap.conf $(DESTDIR)$(PREFIX)/lib/systemd/networkd.conf.d/vmtap.conf
	install -D -m 644 conf/network/NetworkManager-vmtap.conf $(DESTDIR)$(NM_CONF)/vmtap.conf
	cd $(BIN) && find share -type f -exec install -D -m 644 {} $(abspath $(DESTDIR)$(PREFIX))/{} \;

.PHONY: image
image: build ## make the image for a cluster's nodes, bin/image.tar, without network; IMAGE is its name
	hack/node-image.sh $(IMAGE) $(BIN)/image.tar

.PHONY: deb
deb: ## make a Debian package of this machine's architecture in DIST, dist by default
	VERSION=$(VERSION) hack/release.sh deb $(DIST)

.PHONY: release
release: ## make what is published of VERSION in DIST, and make it again elsewhere to see that it is the same; takes minutes
	VERSION=$(VERSION) hack/release.sh all $(DIST)

.PHONY: lint
lint: ## look for faults in Go code and scripts
	hack/lint.sh

.PHONY: test
test: ## run all tests, here and in a VM with another kernel (needs root)
	hack/test.sh

.PHONY: test-host
test-host: ## run the tests here only
	hack/test.sh host

.PHONY: test-vm
test-vm: ## run the tests in the VM only
	hack/test.sh vm

.PHONY: soak
soak: race ## have ADD and DEL fail and be killed in each way at each step, which takes an hour (needs root)
	hack/test.sh soak

.PHONY: race
race: ## run what has goroutines, and the plugin many at once, with the race detector (needs root)
	hack/race.sh

.PHONY: e2e
e2e: ## run pods by containerd, Debian's and a new one, and the tests with other runtimes' libraries
	hack/test.sh e2e

.PHONY: e2e-kubelet
e2e-kubelet: ## run a VM as a kubelet's pod; builds the kubelet the first time, which takes minutes (needs root)
	hack/test.sh kubelet

.PHONY: e2e-debian
e2e-debian: ## boot a Debian, and a kernel with ip=dhcp, that get their addresses by themselves; makes the Debian the first time, which takes minutes (needs root)
	hack/test.sh debian

.PHONY: e2e-upgrade
e2e-upgrade: ## see that this version and FROM, an earlier one, understand each other's links; FROM is a tag or a commit, the latest tag by default (needs root)
	FROM='$(FROM)' hack/test.sh upgrade

.PHONY: demo
demo: ## give a VM its network and ping it, away from the machine's own; CONF chooses the configuration (needs root)
	hack/demo.sh $(CONF)

.PHONY: demo-pod
demo-pod: ## run a VM as a pod by containerd, on a machine of its own; CONTAINERD is debian or 2 (needs root)
	hack/demo-pod.sh $(CONTAINERD)

.PHONY: bench
bench: ## measure beside other plugins and write docs/performance.md; BENCH is a part of it (growth, many ...), or the name of other benchmarks (needs root)
	hack/bench.sh '$(BENCH)'

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME, 30s by default
	hack/fuzz.sh

.PHONY: vuln
vuln: ## look for known vulnerabilities in what the program calls
	hack/vuln.sh

.PHONY: golden
golden: ## rewrite the golden files from what the code does now
	hack/golden.sh

.PHONY: docs
docs: ## rewrite docs/configuration.md and docs/vmtap.schema.json from hack/confdoc
	go run ./hack/confdoc docs

.PHONY: clean
clean: ## remove what was built; the cache stays
	rm -rf bin dist
