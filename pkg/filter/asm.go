package filter

import (
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
	code     []bpf.RawInstruction
	jumps    []jump
	labels   map[label]int // the index of the instruction behind the label
	verdicts []verdict
	unique   int
	err      error
}

// jump is a jump in code whose distances are not known yet.
type jump struct {
	index   int
	yes, no label
}

// newAssembler returns an assembler with room for a program of that size.
func newAssembler(size int, verdicts ...verdict) *assembler {
	return &assembler{
		code:     make([]bpf.RawInstruction, 0, size),
		jumps:    make([]jump, 0, size*2/3), // mostly, a load and a jump go together
		labels:   make(map[label]int, 32),
		verdicts: verdicts,
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
	opMsh  = 0xb1 // BPF_LDX | BPF_B | BPF_MSH
	opAdd  = 0x04 // BPF_ALU | BPF_ADD | BPF_K
	opAnd  = 0x54 // BPF_ALU | BPF_AND | BPF_K
	opTax  = 0x07 // BPF_MISC | BPF_TAX
	opTxa  = 0x87 // BPF_MISC | BPF_TXA
	opJa   = 0x05 // BPF_JMP | BPF_JA
	opJeq  = 0x15 // BPF_JMP | BPF_JEQ | BPF_K
	opJgt  = 0x25 // BPF_JMP | BPF_JGT | BPF_K
	opJge  = 0x35 // BPF_JMP | BPF_JGE | BPF_K
	opJgeX = 0x3d // BPF_JMP | BPF_JGE | BPF_X
	opJset = 0x45 // BPF_JMP | BPF_JSET | BPF_K
	opRet  = 0x06 // BPF_RET | BPF_K

	modeAbs = 0x20 // BPF_ABS
	modeInd = 0x40 // BPF_IND

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

// A field is a place in the frame: at off, or at X+off.
type field struct {
	off     uint32
	indexed bool
}

// at and atX are the two kinds of fields.
func at(off uint32) field  { return field{off: off} }
func atX(off uint32) field { return field{off: off, indexed: true} }

// load loads 4, 2 or 1 bytes of a field into A.
func (a *assembler) load(f field, size int) {
	var op uint16
	switch size {
	case 4:
		op = opLd
	case 2:
		op = opLdh
	case 1:
		op = opLdb
	default:
		a.fail("instruction %d: a load of %d bytes", len(a.code), size)
	}
	if f.indexed {
		op = op&^modeAbs | modeInd
	}
	a.op(op, f.off)
}

// extension loads into A what the kernel knows about the packet besides its
// bytes, SKF_AD_OFF and a number. It needs no check of the length.
func (a *assembler) extension(number bpf.Extension) {
	const skfAdOff = 0xfffff000
	a.op(opLd, skfAdOff+uint32(number))
}

// ldxHeader loads into X the length of an IPv4 header: four times the low half
// of its first byte.
func (a *assembler) ldxHeader() { a.op(opMsh, offPayload) }

// Arithmetic: A+k, A and k, A to X, X to A.
func (a *assembler) add(k uint32) { a.op(opAdd, k) }
func (a *assembler) and(k uint32) { a.op(opAnd, k) }
func (a *assembler) tax()         { a.op(opTax, 0) }
func (a *assembler) txa()         { a.op(opTxa, 0) }

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

// assemble returns the program, or the first mistake that was made.
func (a *assembler) assemble() (Program, error) {
	a.verdictsHere(0)
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
	for i := range a.verdicts {
		if a.verdicts[i].name == l {
			return a.verdicts[i].behind(from) - from - 1
		}
	}
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
