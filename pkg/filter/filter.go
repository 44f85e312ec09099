package filter

import "golang.org/x/net/bpf"

// Program is a classic BPF program as the kernel takes it. slices.Equal
// compares two.
type Program []bpf.RawInstruction

// tcActShot is TC_ACT_SHOT, what a program with direct action returns to drop
// a frame. (TC_ACT_OK is 0, which is also what a load beyond the end of the
// frame returns.)
const tcActShot = 2

// DropAll returns the program, with direct action, that drops every frame. It
// stands at the ingress of a bridge that vmtap made: a bridge is a layer 3
// interface, too, and every guest on it could use it as its router. What the
// bridge forwards does not pass there.
func DropAll() Program {
	return Program{{Op: opRet, K: tcActShot}}
}
