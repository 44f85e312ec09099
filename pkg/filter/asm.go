package filter

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"golang.org/x/net/bpf"
)

// A label names a place in a program that jumps lead to.
type label string

// next is the place right behind a jump.
const next label = ""

// maxInstructions is what the kernel takes, BPF_MAXINSNS.
const maxInstructions = 4096

// assembler builds one program. Its methods have the mnemonics of bpf_asm and
// tcpdump -d and append one instruction each; at puts a label before the
// instruction that follows; assemble computes the jumps. Jumps only lead
// forward, as the kernel wants it, so whatever a program does, it ends.
//
// The first mistake is kept and returned by assemble, so that the code that
// builds a program reads like the program.
type assembler struct {
	code   []bpf.RawInstruction
	jumps  []jump
	labels map[label]int // the index of the instruction behind the label
	unique int
	err    error
}

// jump is a jump in code whose distances are not known yet.
type jump struct {
	index   int
	yes, no label
}

// newAssembler returns an assembler with room for a program of that size.
func newAssembler(size int) *assembler {
	return &assembler{
		code:   make([]bpf.RawInstruction, 0, size),
		jumps:  make([]jump, 0, size/2), // mostly, a load and a jump go together
		labels: make(map[label]int, 16),
	}
}

func (a *assembler) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf("bpf: "+format, args...)
	}
}

// emit appends an instruction that has no mnemonic below and is no jump.
func (a *assembler) emit(ins bpf.Instruction) {
	raw, err := ins.Assemble()
	if err != nil {
		a.fail("instruction %d: %w", len(a.code), err)
	}
	a.code = append(a.code, raw)
}

// The operations that have a mnemonic, as linux/bpf_common.h puts them
// together. They do not go through bpf.Instruction, an interface that costs
// an allocation each.
const (
	opLd   = 0x20 // BPF_LD | BPF_W | BPF_ABS
	opLdh  = 0x28 // BPF_LD | BPF_H | BPF_ABS
	opLdb  = 0x30 // BPF_LD | BPF_B | BPF_ABS
	opLen  = 0x80 // BPF_LD | BPF_W | BPF_LEN
	opJa   = 0x05 // BPF_JMP | BPF_JA
	opJeq  = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
	opJgt  = 0x25 // BPF_JMP | BPF_JGT | BPF_K
	opJge  = 0x35 // BPF_JMP | BPF_JGE | BPF_K
	opJgeX = 0x3d // BPF_JMP | BPF_JGE | BPF_X
	opJset = 0x45 // BPF_JMP | BPF_JSET | BPF_K
	opRet  = 0x06 // BPF_RET | BPF_K

	opClassMask = 0x07
	opClassRet  = 0x06
)

func (a *assembler) op(op uint16, k uint32) {
	a.code = append(a.code, bpf.RawInstruction{Op: op, K: k})
}

// Loads into A: a word, a half word or a byte of the frame, or its length.
// The length is the only one that needs no check before it.
func (a *assembler) ld(off uint32)  { a.op(opLd, off) }
func (a *assembler) ldh(off uint32) { a.op(opLdh, off) }
func (a *assembler) ldb(off uint32) { a.op(opLdb, off) }
func (a *assembler) ldlen()         { a.op(opLen, 0) }

// ret ends the program with a verdict.
func (a *assembler) ret(verdict uint32) { a.op(opRet, verdict) }

// Jumps: to yes if A is equal to, greater than, greater than or equal to k,
// or has one of k's bits; else to no.
func (a *assembler) jeq(k uint32, yes, no label)  { a.jump(opJeq, k, yes, no) }
func (a *assembler) jgt(k uint32, yes, no label)  { a.jump(opJgt, k, yes, no) }
func (a *assembler) jge(k uint32, yes, no label)  { a.jump(opJge, k, yes, no) }
func (a *assembler) jset(k uint32, yes, no label) { a.jump(opJset, k, yes, no) }

// jgex jumps to yes if A is greater than or equal to X, else to no.
func (a *assembler) jgex(yes, no label) { a.jump(opJgeX, 0, yes, no) }

// ja jumps to a label at any distance; the other jumps reach 255
// instructions.
func (a *assembler) ja(to label) { a.jump(opJa, 0, to, to) }

func (a *assembler) jump(op uint16, k uint32, yes, no label) {
	a.jumps = append(a.jumps, jump{index: len(a.code), yes: yes, no: no})
	a.op(op, k)
}

// at puts a label before the next instruction.
func (a *assembler) at(l label) {
	if l == next {
		a.fail("instruction %d: a label without a name", len(a.code))
	}
	if _, twice := a.labels[l]; twice {
		a.fail("instruction %d: label %q stands twice", len(a.code), l)
	}
	a.labels[l] = len(a.code)
}

// fresh returns a label that is used nowhere else.
func (a *assembler) fresh() label {
	a.unique++
	return label("." + strconv.Itoa(a.unique))
}

// match jumps to yes if the frame holds these bytes at off, else to no. Both
// may be next.
func (a *assembler) match(off uint32, want []byte, yes, no label) {
	if len(want) == 0 {
		a.fail("instruction %d: a match of nothing", len(a.code))
	}
	miss := no
	if no == next {
		miss = a.fresh()
	}
	for len(want) > 0 {
		var n int
		var k uint32
		switch {
		case len(want) >= 4:
			n, k = 4, binary.BigEndian.Uint32(want)
			a.ld(off)
		case len(want) >= 2:
			n, k = 2, uint32(binary.BigEndian.Uint16(want))
			a.ldh(off)
		default:
			n, k = 1, uint32(want[0])
			a.ldb(off)
		}
		off, want = off+uint32(n), want[n:]
		if len(want) > 0 {
			a.jeq(k, next, miss)
		} else {
			a.jeq(k, yes, miss)
		}
	}
	if no == next {
		a.at(miss)
	}
}

// assemble returns the program, or the first mistake that was made.
func (a *assembler) assemble() (Program, error) {
	for _, j := range a.jumps {
		yes, no := a.distance(j.index, j.yes), a.distance(j.index, j.no)
		raw := &a.code[j.index]
		if raw.Op == opJa {
			raw.K = uint32(yes)
			continue
		}
		const reach = 255
		if yes > reach || no > reach {
			a.fail("instruction %d: %d instructions to label %q and %d to %q, a jump reaches %d; put a ja between",
				j.index, yes, j.yes, no, j.no, reach)
		}
		raw.Jt, raw.Jf = uint8(yes), uint8(no)
	}
	switch n := len(a.code); {
	case n == 0 || a.code[n-1].Op&opClassMask != opClassRet:
		a.fail("the program does not end with ret")
	case n > maxInstructions:
		a.fail("the program has %d instructions, the kernel takes %d", n, maxInstructions)
	}
	if a.err != nil {
		return nil, a.err
	}
	return a.code, nil
}

// distance returns how many instructions a jump to l skips.
func (a *assembler) distance(from int, l label) int {
	if l == next {
		return 0
	}
	to, ok := a.labels[l]
	switch {
	case !ok:
		a.fail("instruction %d: label %q stands nowhere", from, l)
	case to <= from:
		a.fail("instruction %d: label %q stands before it, jumps lead forward", from, l)
	case to == len(a.code):
		a.fail("instruction %d: no instruction follows label %q", from, l)
	}
	return to - from - 1
}
