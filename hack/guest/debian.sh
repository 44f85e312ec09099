#!/usr/bin/env bash
# Makes the root of a Debian guest and prints the directory that it is in.
#
# It is Debian's smallest system with systemd, systemd-networkd, systemd-resolved
# and NetworkManager, made by debootstrap and kept in the cache: two minutes the
# first time. Nothing in it is configured.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/../lib.sh"

need_root
packages=systemd-sysv,systemd-resolved,libnss-resolve,libpam-systemd,dbus,udev,iproute2,iputils-ping,network-manager
release=bookworm
mirror=${VMTAP_DEBIAN:-http://deb.debian.org/debian}

dir=$cache/debian-$(sha256sum "$0" | head -c 16)
if [ ! -e "$dir" ]; then
	"$root/hack/deps.sh" debootstrap
	new=$(mktemp -d "$cache/debian.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	say "making a Debian guest"
	debootstrap --variant=minbase --include=$packages $release "$new/root" "$mirror" >"$new/log" 2>&1 || { tail -n 30 "$new/log" >&2; die "debootstrap failed"; }
	rm -rf "$new"/root/var/cache/apt/archives/*.deb
	mv "$new/root" "$dir"
fi
echo "$dir"
