#!/usr/bin/env bash
# Installs what building, testing and the demo need and this machine lacks.
#
# usage: hack/deps.sh [COMMAND...]    default: all the commands of the first list
#
# Nothing is installed, and apt is not asked, if all the commands are there.
# On systems without apt-get it only says what is missing.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

# A command, and the Debian package that has it.
declare -A package=(
	[arping]=iputils-arping
	[awk]=mawk
	[bridge]=iproute2
	[busybox]=busybox-static
	[cpio]=cpio
	[curl]=curl
	[dhclient]=isc-dhcp-client
	[dhcpcd]=dhcpcd-base
	[git]=git
	[ip]=iproute2
	[iptables]=iptables
	[make]=make
	[nc]=netcat-openbsd
	[nft]=nftables
	[ping]=iputils-ping
	[qemu-system-x86_64]=qemu-system-x86
	[secilc]=secilc
	[shellcheck]=shellcheck
	[strace]=strace
	[sysctl]=procps
	[systemd-analyze]=systemd
	[tc]=iproute2
	[ss]=iproute2
	[tcpdump]=tcpdump
	[xz]=xz-utils
	[/usr/lib/klibc/bin/ipconfig]=klibc-utils
)
# What only some targets need is installed when it is named.
declare -A more=(
	[debootstrap]=debootstrap
	[gcc]=build-essential
)

missing=()
if [ $# -eq 0 ]; then
	set -- "${!package[@]}"
	# Go modules come over TLS.
	! command -v apt-get >/dev/null || [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
fi
for command in "$@"; do
	needs=${package[$command]:-${more[$command]:-}}
	[ -n "$needs" ] || die "no package known for the command $command"
	command -v "$command" >/dev/null || missing+=("$needs")
done

# An initramfs needs a busybox that is linked statically: Debian's package
# busybox has the same command, but needs a C library.
if [[ " $* " == *" busybox "* ]] && command -v busybox >/dev/null &&
	head -c 4096 "$(command -v busybox)" | grep -aq ld-linux; then
	missing+=(busybox-static)
fi

[ ${#missing[@]} -gt 0 ] || exit 0
mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
command -v apt-get >/dev/null || die "please install: ${missing[*]}"
[ "$(id -u)" = 0 ] || die "please install, or run as root: ${missing[*]}"

say "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt="apt-get -q -o DPkg::Lock::Timeout=300"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $apt update && $apt install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
	tail -n 30 "$log" >&2
	die "apt-get could not install ${missing[*]}"
fi
