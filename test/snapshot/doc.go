// Package snapshot writes down what a network namespace holds, so that a test can show that a DEL, or an ADD that
// failed, left everything as it was.
//
// A snapshot is sorted lines such as "link eth0 mtu: 1500" or "route 10.0.0.0/8 dev=eth0 ...". What the kernel numbers
// (ifindexes), counts (statistics) or changes by itself (carrier, timers, neighbours that come and go, addresses still
// in duplicate address detection) is left out, so that two snapshots differ only where somebody did something.
package snapshot
