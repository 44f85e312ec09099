package filter

import (
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/net/bpf"
)

// outcome is what a run of a program came to.
type outcome struct {
	ret     uint32
	overran bool  // it loaded beyond the end of the frame, so ret is 0
	path    []int // the instructions that were executed
}

// run executes a program as the kernel does. bpf.VM knows no extension but
// the length, and does not tell a load beyond the end from ret 0.
func run(p Program, frame []byte, tag Tag) (o outcome) {
	const (
		extensions = 0xfffff000      // SKF_AD_OFF
		vlanTag    = extensions + 44 // SKF_AD_VLAN_TAG: the whole TCI
		tagPresent = extensions + 48
		tpid       = extensions + 60 // SKF_AD_VLAN_TPID
	)
	var a, x uint32
	load := func(off uint64, size int) (uint32, bool) {
		if off+uint64(size) > uint64(len(frame)) {
			o.overran = true
			return 0, false
		}
		switch size {
		case 4:
			return binary.BigEndian.Uint32(frame[off:]), true
		case 2:
			return uint32(binary.BigEndian.Uint16(frame[off:])), true
		}
		return uint32(frame[off]), true
	}
	o.path = make([]int, 0, 96)
	for pc := 0; ; pc++ {
		o.path = append(o.path, pc)
		ins := p[pc]
		ok, branch, taken := true, false, false
		switch ins.Op {
		case 0x20: // ld [k]
			switch {
			case ins.K == tagPresent:
				a = 0
				if tag.Present {
					a = 1
				}
			case ins.K == vlanTag:
				a = 0
				if tag.Present {
					a = uint32(tag.VLAN) | 0xf000 // priority and DEI, which say nothing about the VLAN
				}
			case ins.K == tpid:
				a = 0
				if tag.Present {
					a = 0x8100
					if tag.Service {
						a = 0x88a8
					}
				}
			case ins.K >= extensions:
				panic(fmt.Sprintf("extension %#x", ins.K))
			default:
				a, ok = load(uint64(ins.K), 4)
			}
		case 0x28: // ldh [k]
			a, ok = load(uint64(ins.K), 2)
		case 0x30: // ldb [k]
			a, ok = load(uint64(ins.K), 1)
		case 0x40: // ld [x + k]
			a, ok = load(uint64(x)+uint64(ins.K), 4)
		case 0x48: // ldh [x + k]
			a, ok = load(uint64(x)+uint64(ins.K), 2)
		case 0x50: // ldb [x + k]
			a, ok = load(uint64(x)+uint64(ins.K), 1)
		case 0x80: // ld len
			a = uint32(len(frame))
		case 0xb1: // ldx 4*([k]&0xf)
			if x, ok = load(uint64(ins.K), 1); ok {
				x = x & 15 * 4
			}
		case 0x04: // add #k
			a += ins.K
		case 0x54: // and #k
			a &= ins.K
		case 0x07: // tax
			x = a
		case 0x87: // txa
			a = x
		case 0x05: // ja
			pc += int(ins.K)
		case 0x15: // jeq #k
			branch, taken = true, a == ins.K
		case 0x25: // jgt #k
			branch, taken = true, a > ins.K
		case 0x35: // jge #k
			branch, taken = true, a >= ins.K
		case 0x3d: // jge x
			branch, taken = true, a >= x
		case 0x45: // jset #k
			branch, taken = true, a&ins.K != 0
		case 0x06: // ret #k
			o.ret = ins.K
			return o
		default:
			panic(fmt.Sprintf("operation %#x", ins.Op))
		}
		if !ok {
			return o
		}
		if branch && taken {
			pc += int(ins.Jt)
		} else if branch {
			pc += int(ins.Jf)
		}
	}
}

// text writes a program as tcpdump -d does.
func text(p Program) string {
	var b strings.Builder
	for i, ins := range p {
		const classMask, classJump = 0x07, 0x05
		switch {
		case ins.Op == opJa:
			fmt.Fprintf(&b, "(%03d) %-22s     %d\n", i, "ja", i+1+int(ins.K))
		case ins.Op&classMask == classJump:
			name := map[uint16]string{0x15: "jeq #%#x", 0x25: "jgt #%#x", 0x35: "jge #%#x", 0x45: "jset #%#x", 0x3d: "jge x"}[ins.Op]
			if strings.Contains(name, "%") {
				name = fmt.Sprintf(name, ins.K)
			}
			fmt.Fprintf(&b, "(%03d) %-22s jt %d jf %d\n", i, name, i+1+int(ins.Jt), i+1+int(ins.Jf))
		default:
			fmt.Fprintf(&b, "(%03d) %v\n", i, ins.Disassemble())
		}
	}
	return b.String()
}

// bytecode writes a program as tc takes it.
func bytecode(p Program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", len(p))
	for _, ins := range p {
		fmt.Fprintf(&b, ",%d %d %d %d", ins.Op, ins.Jt, ins.Jf, ins.K)
	}
	return b.String()
}

// disassemble is the form that bpf.NewVM takes.
func disassemble(p Program) []bpf.Instruction {
	var list []bpf.Instruction
	for _, ins := range p {
		list = append(list, ins.Disassemble())
	}
	return list
}
