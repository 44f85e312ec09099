package filter

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"
)

func TestAssemblerMistakes(t *testing.T) {
	far := func(a *assembler, n int) {
		for range n {
			a.ldlen()
		}
	}
	for _, test := range []struct {
		name  string
		build func(a *assembler)
		want  string // part of the message, "" for none
	}{
		{"label that stands nowhere", func(a *assembler) { a.jeq(1, "x", next); a.ret(0) }, `instruction 0: label "x" stands nowhere`},
		{"label that stands twice", func(a *assembler) { a.at("x"); a.ret(0); a.at("x"); a.ret(0) }, `instruction 1: label "x" stands twice`},
		{"label without a name", func(a *assembler) { a.at(next); a.ret(0) }, "instruction 0: a label without a name"},
		{"label at the end", func(a *assembler) { a.jeq(1, "x", next); a.ret(0); a.at("x") }, `no instruction follows label "x"`},
		{"jump backwards", func(a *assembler) { a.at("x"); a.ldlen(); a.jeq(1, "x", next); a.ret(0) }, `instruction 1: label "x" stands before it`},
		{"jump to itself", func(a *assembler) { a.at("x"); a.ja("x"); a.ret(0) }, `instruction 0: label "x" stands before it`},
		{"yes at 255", func(a *assembler) { a.jeq(1, "x", next); far(a, 255); a.at("x"); a.ret(0) }, ""},
		{"yes at 256", func(a *assembler) { a.jeq(1, "x", next); far(a, 256); a.at("x"); a.ret(0) }, `instruction 0: 256 instructions to label "x"`},
		{"no at 255", func(a *assembler) { a.jgex(next, "x"); far(a, 255); a.at("x"); a.ret(0) }, ""},
		{"no at 256", func(a *assembler) { a.jgex(next, "x"); far(a, 256); a.at("x"); a.ret(0) }, `256 to "x", a jump reaches 255`},
		{"ja at 256", func(a *assembler) { a.ja("x"); far(a, 256); a.at("x"); a.ret(0) }, ""},
		{"nothing", func(a *assembler) {}, "does not end with ret"},
		{"no ret at the end", func(a *assembler) { a.ret(0); a.ldlen() }, "does not end with ret"},
		{"as long as the kernel takes", func(a *assembler) { far(a, 4095); a.ret(0) }, ""},
		{"longer than that", func(a *assembler) { far(a, 4096); a.ret(0) }, "has 4097 instructions, the kernel takes 4096"},
		{"match of nothing", func(a *assembler) { a.match(0, nil, next, next); a.ret(0) }, "a match of nothing"},
		{"instruction that is none", func(a *assembler) { a.ldlen(); a.emit(bpf.LoadAbsolute{Size: 3}); a.ret(0) }, "instruction 1: "},
		{"the first mistake is told", func(a *assembler) { a.at(next); a.jeq(1, "x", next) }, "a label without a name"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAssembler(8)
			test.build(a)
			p, err := a.assemble()
			switch {
			case test.want == "":
				if err != nil || len(p) == 0 {
					t.Errorf("got %d instructions and error %v, want a program", len(p), err)
				}
			case err == nil || !strings.Contains(err.Error(), test.want):
				t.Errorf("got error %v, want %q", err, test.want)
			case p != nil:
				t.Errorf("got a program besides the error")
			}
		})
	}
}

// Every condition with an A below, at and above its constant.
func TestAssemblerJumps(t *testing.T) {
	const yes, no = 1, 2
	for _, test := range []struct {
		name string
		jump func(a *assembler)
		want [3]uint32 // for frames of 3, 4 and 5 bytes
	}{
		{"jeq", func(a *assembler) { a.jeq(4, "yes", "no") }, [...]uint32{no, yes, no}},
		{"jgt", func(a *assembler) { a.jgt(4, "yes", "no") }, [...]uint32{no, no, yes}},
		{"jge", func(a *assembler) { a.jge(4, "yes", "no") }, [...]uint32{no, yes, yes}},
		{"jset", func(a *assembler) { a.jset(4, "yes", "no") }, [...]uint32{no, yes, yes}},
		{"jset of several", func(a *assembler) { a.jset(3, "yes", "no") }, [...]uint32{yes, no, yes}},
		{"jgex", func(a *assembler) { a.jgex("yes", "no") }, [...]uint32{no, yes, yes}},
		{"yes is next", func(a *assembler) { a.jeq(4, next, "no"); a.ja("yes") }, [...]uint32{no, yes, no}},
		{"no is next", func(a *assembler) { a.jeq(4, "yes", next); a.ja("no") }, [...]uint32{no, yes, no}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAssembler(8)
			a.emit(bpf.LoadConstant{Dst: bpf.RegX, Val: 4})
			a.ldlen()
			test.jump(a)
			a.ret(3) // never reached
			a.at("no")
			a.ret(no)
			a.at("yes")
			a.ret(yes)
			p, err := a.assemble()
			if err != nil {
				t.Fatal(err)
			}
			vm, err := bpf.NewVM(disassemble(p))
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range test.want {
				if got, err := vm.Run(make([]byte, 3+i)); err != nil || got != int(want) {
					t.Errorf("with A %d: got %d, %v, want %d", 3+i, got, err, want)
				}
			}
		})
	}
}

// match, for every length and with each byte wrong once.
func TestAssemblerMatch(t *testing.T) {
	frame := []byte{9, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18}
	const off, hit, missed = 1, 1, 2
	for size := 1; size <= 16; size++ {
		for _, targets := range [][2]label{{"yes", "no"}, {next, "no"}, {"yes", next}} {
			t.Run(fmt.Sprintf("%d bytes to %q and %q", size, targets[0], targets[1]), func(t *testing.T) {
				a := newAssembler(16)
				a.match(off, frame[off:off+size], targets[0], targets[1])
				switch next {
				case targets[0]:
					a.ja("yes")
				case targets[1]:
					a.ja("no")
				}
				a.at("no")
				a.ret(missed)
				a.at("yes")
				a.ret(hit)
				p, err := a.assemble()
				if err != nil {
					t.Fatal(err)
				}
				for i := range frame {
					if got := run(p, frame[:off+size], Tag{}); got.ret != hit {
						t.Fatalf("got %d, want a hit", got.ret)
					}
					wrong, want := slices.Clone(frame), uint32(hit)
					wrong[i] ^= 0x80
					if off <= i && i < off+size {
						want = missed
					}
					if got := run(p, wrong, Tag{}); got.ret != want {
						t.Errorf("byte %d wrong: got %d, want %d", i, got.ret, want)
					}
				}
			})
		}
	}
}

// Two lists in one program: fresh labels do not meet.
func TestAssemblerMatchList(t *testing.T) {
	a := newAssembler(16)
	for _, want := range []string{"ab", "cd"} {
		a.match(0, []byte(want), "yes", next)
	}
	for _, want := range []string{"ef", "gh"} {
		a.match(0, []byte(want), "yes", next)
	}
	a.ret(0)
	a.at("yes")
	a.ret(1)
	p, err := a.assemble()
	if err != nil {
		t.Fatal(err)
	}
	for frame, want := range map[string]uint32{"ab": 1, "cd": 1, "ef": 1, "gh": 1, "ad": 0, "cb": 0, "xx": 0} {
		if got := run(p, []byte(frame), Tag{}); got.ret != want {
			t.Errorf("%q: got %d, want %d", frame, got.ret, want)
		}
	}
}
