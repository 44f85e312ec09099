#!/usr/bin/env bash
# Gets containerd and what it needs to run pods, and prints where the programs are.
#
# usage: hack/containerd.sh debian|2
#
# "debian" is the version of Debian's package (1.6 in Debian 12), with Debian's
# runc and ctr. "2" is built from source. What is printed are directories for
# PATH, joined by colons. Nothing is installed: containerd's package would start
# a daemon on this machine. Packages are unpacked in the cache, once.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

version=v2.4.2
debian=$cache/containerd-debian
built=$cache/containerd-$version

# fetch downloads packages; apt's lists may be missing or too old.
fetch() {
	apt-get -q download "$@" >download.log 2>&1 && return
	apt-get -q update >download.log 2>&1 || true
	apt-get -q download "$@" >download.log 2>&1 || { cat download.log >&2; return 1; }
}

if [ ! -x "$debian/bin/containerd" ]; then
	command -v apt-get >/dev/null || die "needs apt-get to fetch Debian's containerd and runc"
	new=$(mktemp -d "$cache/containerd.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	say "fetching Debian's containerd and runc"
	(
		cd "$new"
		fetch containerd runc
		for package in ./*.deb; do
			dpkg-deb -x "$package" unpacked
		done
		mkdir bin
		mv unpacked/usr/bin/{containerd,containerd-shim-runc-v2,ctr} unpacked/usr/sbin/runc bin
		rm -rf unpacked ./*.deb download.log
	)
	chmod 755 "$new"
	rm -rf "$debian"
	mv "$new" "$debian"
	trap - EXIT
fi

case ${1:-} in
debian) echo "$debian/bin" ;;
2)
	if [ ! -x "$built/containerd" ] || [ ! -x "$built/containerd-shim-runc-v2" ]; then
		say "building containerd $version"
		package=github.com/containerd/containerd/v2
		(cd / && GOFLAGS='' GOBIN=$built CGO_ENABLED=0 go install -trimpath \
			-ldflags "-s -w -X $package/version.Version=$version" \
			"$package/cmd/containerd@$version" "$package/cmd/containerd-shim-runc-v2@$version")
	fi
	echo "$built:$debian/bin"
	;;
*) die "usage: hack/containerd.sh debian|2" ;;
esac
