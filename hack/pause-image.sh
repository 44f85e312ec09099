#!/usr/bin/env bash
# Makes the container image that pods' sandboxes run where none can be pulled, and
# prints the path of its archive.
#
# usage: hack/pause-image.sh
#
# It holds a static busybox, which sleeps. Its name is vmtap.test/pause:1. It is
# made once for each content and kept in the cache.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

"$root/hack/deps.sh" busybox
busybox=$(command -v busybox)
key=$(cat "$0" "$root/hack/image.sh" "$busybox" | sha256sum | head -c 16)
image=$cache/pause-image-$key.tar
if [ ! -e "$image" ]; then
	new=$(mktemp -d "$cache/pause-image.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	mkdir "$new/layer"
	cp "$busybox" "$new/layer/busybox"
	"$root/hack/image.sh" "$new/layer" vmtap.test/pause:1 \
		'{"Entrypoint": ["/busybox", "sleep", "2147483647"]}' "$new/image.tar"
	mv "$new/image.tar" "$image"
fi
echo "$image"
