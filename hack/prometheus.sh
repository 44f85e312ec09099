#!/usr/bin/env bash
# Gets Debian's Prometheus and prints the directory that the program is in.
#
# usage: hack/prometheus.sh
#
# Nothing is installed: the package would start a server on this machine. It is
# unpacked in the cache, once.
# shellcheck source=hack/lib.sh
. "$(dirname "$0")/lib.sh"

dir=$cache/prometheus
if [ ! -x "$dir/prometheus" ]; then
	command -v apt-get >/dev/null || die "needs apt-get to fetch Debian's prometheus"
	new=$(mktemp -d "$cache/prometheus.XXXXXX")
	trap 'rm -rf "$new"' EXIT
	say "fetching Debian's prometheus"
	(
		cd "$new"
		if ! apt-get -q download prometheus >download.log 2>&1; then
			# The package lists are missing or too old.
			apt-get -q update >download.log 2>&1 || true
			apt-get -q download prometheus >download.log 2>&1 || { cat download.log >&2; exit 1; }
		fi
		dpkg-deb -x ./*.deb unpacked
		mv unpacked/usr/bin/prometheus .
		rm -rf unpacked ./*.deb download.log
	)
	chmod 755 "$new"
	rm -rf "$dir"
	mv "$new" "$dir"
	trap - EXIT
fi
echo "$dir"
