// Package model is an explicit-state model of vmtap on one node: host links,
// gateways and taps, the locks, the calls that work on them step by step, and
// what the runtime, the kernel and people do meanwhile. Explore goes through
// every state that can be reached and holds each to the rules below; what breaks
// one is shown as a shortest way to it. test/e2e walks ways of the model with the
// real plugin, and compares all links after each step.
//
// # State
//
// There are up to three attachments, of one or two pods, and two vmids, of which
// each VM prefers the first. A host link has a name, which is (vmid, idx), some
// of its altnames, and belongs to the attachment whose ADD made it. Gateways have
// a name, their altname, and the group of their host link. There is one tap for
// each attachment, in the pod; in placement host the host link is the tap. A call
// is where it is (Place), what it has found and made, and the locks that it holds:
// of its attachment, of its VM, of the node's claims. See State and Call.
//
// # Steps
//
// What a call does between two places is one step: one message that changes
// something, one look-up, one lock. Others may work between two messages of a
// send, but there nobody can be killed, since the kernel carries a send out;
// with Rules.Whole nobody works there either. Beside the steps:
//
//   - The runtime starts ADD, DEL and GC of anything at any time, two of one
//     attachment at once included, and retries after what was killed. GC lists
//     everything, what is there, nothing, or says nothing.
//   - A call is killed before any step: its locks go, and its tap if that is not
//     persistent. A step of an ADD fails, and it takes back what it did.
//   - A pod's end of a host link is deleted, and so the host link, or a tap.
//   - A pod's namespace is let go. The kernel takes it down some time later, when
//     no ADD has it open, and then the pod may get a new one.
//
// # Rules
//
// In each state: no two host links have one (vmid, idx), and so no two one
// address. No two VMs have one vmid. As long as a VM has an interface one of its
// host links, and no other, holds the VM's names. What an ADD made that succeeded
// is whole until its DEL, until a GC that does not list it, or until a hand
// deletes it; nobody deletes the link of an ADD that works. An ADD that fails
// leaves nothing. Some call can always go on.
//
// In each state where no call works: DEL of all, in any order, leaves nothing, and
// so does GC when the runtime lists nothing. Then each ADD succeeds, and gets
// what the first on the node would get.
//
// There is an exception to the rule about vmids, Lost: the link with a VM's names
// was deleted by hand while the VM had another interface, or was a tap in the
// host's namespace, of an ADD that was killed. See ADR 9 and ADR 26.
//
// # What it leaves out
//
// Addresses, filters, neighbours, the switch, rdomains, groups, IPAM and placement
// chained; renamed and moved links; the altnames for address and lladdr, which
// follow the name; ifindexes, which are never used twice; a send that fails in
// part (TestCrashTotal has these); the limit of ten seconds for a lock. DEL holds
// no namespace open, so that it is taken down earlier than it might be.
package model
