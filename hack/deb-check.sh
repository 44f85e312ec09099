#!/usr/bin/env bash
# Looks whether a Debian package of vmtap is as docs/install.md says, and installs,
# upgrades and removes it in a root of its own.
#
# usage: hack/deb-check.sh FILE VERSION ARCHITECTURE
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# -eq 3 ] || die "usage: hack/deb-check.sh FILE VERSION ARCHITECTURE"
file=$1 version=$2 arch=$3
"$root/hack/deps.sh" busybox
node=$(mktemp -d "$cache/deb-check.XXXXXX")
trap 'rm -rf "$node"' EXIT

field() {
	local have
	have=$(dpkg-deb -f "$file" "$1")
	[ "$have" = "$2" ] || die "$file: $1 is \"$have\", want \"$2\""
}
field Package vmtap
number=${version#v}
field Version "${number/-/\~}" # v1.0.0-rc.1 comes before v1.0.0
field Architecture "$arch"

# In it, by mode and owner; all of these and nothing else in these directories.
listing=$(dpkg-deb -c "$file" | awk '{ $3 = $4 = $5 = ""; print }' | tr -s ' ')
while read -r want; do
	grep -qFx -- "$want" <<<"$listing" || die "$file lacks: $want"
done <<'END'
-rwxr-xr-x root/root ./usr/lib/cni/vmtap
l--------- root/root ./opt/cni/bin/vmtap -> /usr/lib/cni/vmtap
-rwxr-xr-x root/root ./usr/sbin/vmtapd
-rwxr-xr-x root/root ./usr/sbin/vmtapctl
-rw-r--r-- root/root ./usr/lib/systemd/system/vmtapd.service
-rw-r--r-- root/root ./usr/lib/systemd/network/10-vmtap.link
-rw-r--r-- root/root ./usr/lib/systemd/network/10-vmtap.network
-rw-r--r-- root/root ./usr/lib/systemd/networkd.conf.d/vmtap.conf
-rw-r--r-- root/root ./usr/lib/NetworkManager/conf.d/vmtap.conf
-rw-r--r-- root/root ./usr/share/man/man8/vmtapctl.8.gz
-rw-r--r-- root/root ./usr/share/bash-completion/completions/vmtapctl
-rw-r--r-- root/root ./usr/share/doc/vmtap/copyright
-rw-r--r-- root/root ./usr/share/doc/vmtap/changelog.gz
-rw-r--r-- root/root ./usr/share/doc/vmtap/examples/20-switch.conflist
END
! grep -E ' \./(etc|usr/local|var|run)/' <<<"$listing" || die "$file: that is the administrator's"

# A root in which nothing is but dpkg's lists and a shell for the package's scripts.
# For another architecture dpkg must be told not to mind.
mkdir -p "$node"/{bin,var/lib/dpkg/info,var/lib/dpkg/updates}
touch "$node/var/lib/dpkg/status"
cp "$(command -v busybox)" "$node/bin/sh"
dpkg=(dpkg --root="$node" --force-architecture)
log=$node.log
trap 'rm -rf "$node" "$log"' EXIT
for what in "-i $file" "-i $file" "-r vmtap"; do # installed, upgraded to the same, removed
	# shellcheck disable=SC2086 # two words
	"${dpkg[@]}" $what >"$log" 2>&1 || { cat "$log" >&2; die "dpkg $what failed"; }
	[ "$what" != "-i $file" ] || {
		[ -x "$node/usr/lib/cni/vmtap" ] || die "dpkg $what did not put the plugin in place"
		grep -q '^ExecStart=/usr/sbin/vmtapd ' "$node/usr/lib/systemd/system/vmtapd.service" || die "the unit starts another vmtapd"
	}
	if [ "$what" != "-r vmtap" ] && [ "$arch" = "$(dpkg --print-architecture)" ]; then
		said=$("$node/usr/lib/cni/vmtap" 2>&1 || true)
		[[ $said == "vmtap $version: "* ]] || die "the plugin says ${said%%$'\n'*}, want $version"
	fi
done
left=$(cd "$node" && find . -type f ! -path './var/lib/dpkg/*' ! -path ./bin/sh)
[ -z "$left" ] || die "dpkg -r left $left"
say "$(basename "$file") installs, upgrades and is removed"
