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
case ${1:-} in
golangci-lint)
	package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	version=v2.15.0
	;;
cnitool)
	package=github.com/containernetworking/cni/cnitool
	version=v1.3.1
	;;
multus)
	dir=$cache/cni
	package=gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/multus
	module=$root/hack/multus # go install wants a list of its versions, which the module proxy does not give
	version=$(sed -n 's/^require .*multus-cni.v4 //p' "$module/go.mod")
	;;
bridge | ptp)
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
	die "usage: hack/gotool.sh golangci-lint|cnitool|bandwidth|bridge|dhcp|firewall|host-local|multus|portmap|ptp|static|tuning"
	;;
esac

mkdir -p "$dir"
tool=$dir/$1
if ! go version -m "$tool" 2>/dev/null | grep -Eq "^[[:space:]]mod[[:space:]].*[[:space:]]$version([[:space:]]|$)"; then
	say "building $package@$version"
	if [ -n "${module:-}" ]; then
		(cd "$module" && GOFLAGS='' CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$tool" "$package")
	else
		(cd / && GOFLAGS='' GOBIN=$dir CGO_ENABLED=0 go install "$package@$version")
	fi
fi
echo "$tool"
