// Package guest is a guest without a VM: it opens a tap as a VMM does and behaves on it like a simple operating system
// with static addresses. It answers ARP, neighbour solicitations and echo requests, records all that it receives, and
// never speaks first: what it sends on its own is what the test asked for.
package guest
