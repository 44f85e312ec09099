#!/usr/bin/env bash
# Installs a Go program of a fixed version in the cache and prints its path.
#
# usage: hack/gotool.sh NAME
#
# Plugins of containernetworking/plugins go to a directory of their own, for
# CNI_PATH: one of them is called bridge, as is a command of iproute2.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

dir=$cache/bin
flags='-s -w'
case ${1:-} in
golangci-lint)
	package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	version=v2.15.0
	;;
govulncheck)
	package=golang.org/x/vuln/cmd/govulncheck
	version=v1.9.0
	;;
cnitool)
	package=github.com/containernetworking/cni/cnitool
	version=v1.3.1
	;;
crictl)
	package=sigs.k8s.io/cri-tools/cmd/crictl
	module=$root/hack/crictl # go install looks for a module of the package's name first, for which not all proxies say that there is none
	version=$(sed -n 's/^require .*cri-tools //p' "$module/go.mod")
	;;
multus)
	dir=$cache/cni
	package=gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/multus
	module=$root/hack/multus # go install wants a list of its versions, which the module proxy does not give
	version=$(sed -n 's/^require .*multus-cni.v4 //p' "$module/go.mod")
	;;
kubelet)
	package=k8s.io/kubernetes/cmd/kubelet
	module=$root/hack/kubelet # Kubernetes' own go.mod replaces modules, which go install refuses
	version=$(sed -n 's/^require k8s.io\/kubernetes //p' "$module/go.mod")
	flags+=" -X k8s.io/component-base/version.gitVersion=$version" # what it says it is
	;;
nfpm)
	package=github.com/goreleaser/nfpm/v2/cmd/nfpm
	version=v2.48.0
	;;
bridge | loopback | ptp | tap)
	dir=$cache/cni
	package=github.com/containernetworking/plugins/plugins/main/$1
	version=v1.9.1
	;;
host-local | static | dhcp)
	dir=$cache/cni
	package=github.com/containernetworking/plugins/plugins/ipam/$1
	version=v1.9.1
	;;
bandwidth | firewall | portmap | tuning)
	dir=$cache/cni
	package=github.com/containernetworking/plugins/plugins/meta/$1
	version=v1.9.1
	;;
*)
	die "usage: hack/gotool.sh golangci-lint|govulncheck|cnitool|crictl|kubelet|bandwidth|bridge|dhcp|firewall|host-local|loopback|multus|nfpm|portmap|ptp|static|tap|tuning"
	;;
esac

mkdir -p "$dir"
tool=$dir/$1
if ! go version -m "$tool" 2>/dev/null | grep -Eq "^[[:space:]]mod[[:space:]].*[[:space:]]$version([[:space:]]|$)"; then
	say "building $package@$version"
	if [ -n "${module:-}" ]; then
		(cd "$module" && GOFLAGS='' CGO_ENABLED=0 go build -trimpath -ldflags "$flags" -o "$tool" "$package")
	else
		(cd / && GOFLAGS='' GOBIN=$dir CGO_ENABLED=0 go install "$package@$version")
	fi
fi
echo "$tool"
