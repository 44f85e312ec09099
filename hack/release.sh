#!/usr/bin/env bash
# Makes what is published of a version: archives and Debian packages for amd64 and
# arm64, bills of materials, and checksums. Or one Debian package.
#
# usage: VERSION=v1.2.3 hack/release.sh all|deb DIRECTORY
#
# "all" makes it a second time, from a copy of the source tree in another place with
# an empty build cache, and fails if a byte differs. The only things that count are
# the source, VERSION, Go's version, and the time of the last commit
# (SOURCE_DATE_EPOCH chooses another). CONTRIBUTING.md says how a
# version is released.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# -eq 2 ] || die "usage: VERSION=v1.2.3 hack/release.sh all|deb DIRECTORY"
what=$1
mkdir -p "$2"
out=$(cd "$2" && pwd)
cd "$root"
umask 022
export LC_ALL=C VERSION
[[ ${VERSION:-} =~ ^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] ||
	die "VERSION is ${VERSION:-empty}: tag the commit, or say VERSION=v1.2.3"
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
nfpm=$("$root/hack/gotool.sh" nfpm)
stage=$(mktemp -d "$cache/release.XXXXXX")
trap 'rm -rf "$stage"' EXIT

# pack makes an archive of the files of a directory, of which only names, modes and
# contents count. Directories are not in it: those of the node stay as they are.
pack() {
	(cd "$1" && find . -type f -print0 | sort -z | tar -c --owner=0 --group=0 --numeric-owner \
		--mtime="@$SOURCE_DATE_EPOCH" --format=gnu --no-recursion --null --files-from=-) | gzip -n -9 >"$2"
}

# programs builds for an architecture, in BIN.
programs() {
	GOOS=linux GOARCH=$1 make --no-print-directory build man BIN="$2" >&2
}

# deb makes the Debian package of the programs in BIN.
deb() {
	local arch=$1 bin=$2 dir=$stage/deb-$1 doc
	mkdir -p "$dir"
	cp conf/deb/* "$dir"
	make --no-print-directory install-built BIN="$bin" DESTDIR="$dir/root" PREFIX=/usr CNI_BIN=/usr/lib/cni >&2
	gzip -n -9 "$dir"/root/usr/share/man/man8/*
	doc=$dir/root/usr/share/doc/vmtap
	install -D -m 644 LICENSE "$doc/copyright"
	install -D -m 644 -t "$doc/examples" conf/*.conflist conf/*.template
	gzip -n -9 <CHANGELOG.md >"$doc/changelog.gz"
	find "$dir/root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	(cd "$dir" && ARCH=$arch "$nfpm" package --config nfpm.yaml --packager deb --target "$3" >&2)
	! command -v dpkg-deb >/dev/null || "$root/hack/deb-check.sh" "$3" "$VERSION" "$arch" >&2
}

# publish makes all for both architectures.
publish() {
	local to=$1 arch bin flat tree file
	mkdir -p "$to"
	for arch in amd64 arm64; do
		say "making $VERSION for $arch"
		bin=$stage/bin-$arch flat=$stage/flat-$arch tree=$stage/tree-$arch
		programs "$arch" "$bin"
		# Like the reference plugins': to be unpacked in /opt/cni/bin.
		mkdir "$flat"
		cp "$bin/vmtap" LICENSE README.md "$flat"
		pack "$flat" "$to/vmtap-linux-$arch-$VERSION.tgz"
		# The daemon and the operator's tool: to be unpacked in /.
		make --no-print-directory install-built BIN="$bin" DESTDIR="$tree" >&2
		pack "$tree" "$to/vmtap-node-linux-$arch-$VERSION.tgz"
		deb "$arch" "$bin" "$to/vmtap_${VERSION#v}_$arch.deb"
		go run ./hack/sbom vmtap "$VERSION" "$bin"/vmtap{,-install,ctl,d} >"$to/vmtap-linux-$arch-$VERSION.cdx.json"
	done
	cd "$to"
	for file in *.tgz *.deb *.json; do
		sha256sum "$file" >"$file.sha256"
		sha512sum "$file" >"$file.sha512"
	done
	cd "$root"
}

case $what in
deb)
	arch=$(go env GOARCH)
	programs "$arch" "$stage/bin"
	deb "$arch" "$stage/bin" "$out/vmtap_${VERSION#v}_$arch.deb"
	;;
all)
	if [ -n "${VMTAP_RELEASE_ONCE:-}" ]; then # the second time
		publish "$out"
		exit
	fi
	publish "$stage/first"
	say "making it again"
	mkdir "$stage/elsewhere" "$stage/gocache"
	git ls-files -z --cached --others --exclude-standard | tar -c --null --files-from=- | tar -x -C "$stage/elsewhere"
	GOCACHE=$stage/gocache VMTAP_RELEASE_ONCE=1 "$stage/elsewhere/hack/release.sh" all "$stage/second"
	diff -r "$stage/first" "$stage/second" >&2 || die "made twice, it is not the same"
	cp "$stage"/first/* "$out"
	say "made twice, it is the same:"
	ls "$out"
	;;
*) die "usage: VERSION=v1.2.3 hack/release.sh all|deb DIRECTORY" ;;
esac
