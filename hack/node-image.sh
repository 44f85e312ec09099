#!/usr/bin/env bash
# Makes vmtap's image for nodes of what "make build" has made in bin, without network
# and without docker.
#
# usage: hack/node-image.sh NAME FILE
#
# NAME has a tag. FILE is what "docker load" and "ctr images import" take.
# Dockerfile.prebuilt says what is in the image. Where there is buildah, and root, it
# builds that; else hack/image.sh packs the same. The same programs make the same
# image.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# -eq 2 ] || die "usage: hack/node-image.sh NAME FILE"
name=$1 file=$(realpath "$2")
cd "$root"
mapfile -t programs < <(sed -n 's/^COPY \(.*\) \/bin\/$/\1/p' Dockerfile.prebuilt | tr ' ' '\n')
entrypoint=$(sed -n 's/^ENTRYPOINT //p' Dockerfile.prebuilt)
for program in "${programs[@]}"; do
	[ -x "$program" ] || die "$program is missing: make build makes it"
done
new=$(mktemp -d "$cache/node-image.XXXXXX")
trap 'rm -rf "$new"' EXIT

if command -v buildah >/dev/null && [ "$(id -u)" = 0 ]; then
	# Nothing is run, so nothing but a directory is needed, in containers too.
	buildah=(buildah --root "$new/root" --runroot "$new/run" --storage-driver vfs)
	if ! {
		"${buildah[@]}" build --isolation chroot --timestamp 0 -f Dockerfile.prebuilt -t "$name" . &&
			"${buildah[@]}" push "$name" "docker-archive:$new/image.tar:$name"
	} >"$new/log" 2>&1; then
		cat "$new/log" >&2
		die "buildah could not make the image"
	fi
else
	mkdir -p "$new/layer/bin"
	install -m 755 "${programs[@]}" "$new/layer/bin"
	"$root/hack/image.sh" "$new/layer" "$name" "{\"Entrypoint\": $entrypoint}" "$new/image.tar"
fi
mv "$new/image.tar" "$file"
