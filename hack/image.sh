#!/usr/bin/env bash
# Packs a directory as a container image of one layer, without docker.
#
# usage: hack/image.sh DIRECTORY NAME CONFIG FILE
#
# NAME has a tag. CONFIG is the image's configuration in JSON, such as
# {"Entrypoint": ["/start"]}. FILE is what "docker load" and "ctr images import"
# take. The same content makes the same image.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

[ $# -eq 4 ] || die "usage: hack/image.sh DIRECTORY NAME CONFIG FILE"
directory=$1 name=$2 config=$3 file=$4
parts=$(mktemp -d "$cache/image.XXXXXX")
trap 'rm -rf "$parts"' EXIT

pack() { tar -c --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$1" -f "$2" "${@:3}"; }
pack "$directory" "$parts/layer.tar" .
layer=$(sha256sum "$parts/layer.tar" | cut -d ' ' -f 1)
cat >"$parts/config.json" <<END
{
  "architecture": "amd64", "os": "linux",
  "config": $config,
  "rootfs": {"type": "layers", "diff_ids": ["sha256:$layer"]}
}
END
echo '[{"Config": "config.json", "RepoTags": ["'"$name"'"], "Layers": ["layer.tar"]}]' >"$parts/manifest.json"
pack "$parts" "$file" manifest.json config.json layer.tar
