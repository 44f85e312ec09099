#!/usr/bin/env bash
# Looks for faults in the source: golangci-lint for Go (.golangci.yml says what),
# bash -n and shellcheck for scripts. It also checks the formatting of Go files.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

cd "$root"
"$root/hack/deps.sh" git shellcheck
lint=$("$root/hack/gotool.sh" golangci-lint)

mapfile -t scripts < <(grep -rlE --exclude-dir=.git --exclude-dir=bin --exclude='*.go' --exclude='*.md' '^#!(/usr/bin/env bash|/bin/busybox sh)' .)
status=0
for script in "${scripts[@]}"; do
	if head -n 1 "$script" | grep -q bash; then
		bash -n "$script" || status=1
	fi
done
shellcheck -x "${scripts[@]}" || status=1
"$lint" run ./... || status=1
exit $status
