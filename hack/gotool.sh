#!/usr/bin/env bash
# Installs a Go program of a fixed version in the cache and prints its path.
#
# usage: hack/gotool.sh NAME
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

case ${1:-} in
golangci-lint)
	package=github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	version=v2.15.0
	;;
cnitool)
	package=github.com/containernetworking/cni/cnitool
	version=v1.3.1
	;;
*)
	die "usage: hack/gotool.sh golangci-lint|cnitool"
	;;
esac

tool=$cache/bin/$1
if ! go version -m "$tool" 2>/dev/null | grep -Eq "^[[:space:]]mod[[:space:]].*[[:space:]]$version([[:space:]]|$)"; then
	say "building $package@$version"
	(cd / && GOFLAGS='' GOBIN=$cache/bin CGO_ENABLED=0 go install "$package@$version")
fi
echo "$tool"
