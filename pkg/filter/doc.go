// Package filter makes the classic BPF programs that stand at the ingress of
// vmtap's links, and the plain functions that decide the same about a frame.
// The functions are what the programs are tested against; both are pure.
//
// Classic BPF needs no more rights than netlink does, runs on any kernel and
// dies with its link. Two of its habits shape every program here. A load
// beyond the end of the frame ends the program with 0, whatever stood there
// to be decided, so each load comes after a check of the length. And a frame's
// outer VLAN tag is not in the frame any more when a program sees it but in
// the packet's metadata, so that is looked at first.
package filter
