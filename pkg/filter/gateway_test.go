package filter

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/vmtap/vmtap/test/golden"
)

func TestProgramGolden(t *testing.T) {
	for _, g := range gateways {
		name := "gateway-" + strings.ReplaceAll(strings.ToLower(g.name), " ", "-")
		golden.Compare(t, name, text(g.Program()))
	}
	golden.Compare(t, "drop-all", text(DropAll())+bytecode(DropAll())+"\n")
}

// The tag is asked for before anything else, and a tagged frame is the
// switch's. What follows, bpf.VM can run.
func TestProgramAsksForTheTagFirst(t *testing.T) {
	for _, g := range gateways {
		t.Run(g.name, func(t *testing.T) {
			p := g.Program()
			if got, want := p[0].Disassemble(), (bpf.LoadExtension{Num: bpf.ExtVLANTagPresent}); got != want {
				t.Errorf("instruction 0 is %v, want %v", got, want)
			}
			const jeq = 0x15
			if p[1].Op != jeq || p[1].K != 0 || p[1].Jt != 0 {
				t.Fatalf("instruction 1 is %v, want a jeq #0 that goes on", p[1].Disassemble())
			}
			if got, want := p[2+int(p[1].Jf)].Disassemble(), (bpf.RetConstant{Val: 0}); got != want {
				t.Errorf("a tagged frame comes to %v, want %v", got, want)
			}
		})
	}
}

// programs holds a gateway's program in both forms that tests can run.
type programs struct {
	Gateway
	whole    Program
	untagged *bpf.VM // what follows the tag test
}

func newPrograms(tb testing.TB, g Gateway) programs {
	tb.Helper()
	p := g.Program()
	vm, err := bpf.NewVM(disassemble(p[2:]))
	if err != nil {
		tb.Fatal(err)
	}
	return programs{g, p, vm}
}

// decide returns Match's decision, after a check that both ways to run the
// program come to the same.
func (p programs) decide(tb testing.TB, frame []byte, tagged bool) bool {
	tb.Helper()
	match := p.Match(frame, tagged)
	want := uint32(notMatched)
	if match {
		want = matched
	}
	o := run(p.whole, frame, Tag{Present: tagged})
	if o.ret != want {
		tb.Errorf("the program returns %#x, Match %v: tagged %v, frame %x", o.ret, match, tagged, frame)
	}
	if o.overran {
		tb.Errorf("instruction %d loads beyond the end: tagged %v, frame %x", o.path[len(o.path)-1], tagged, frame)
	}
	if !tagged {
		if got, err := p.untagged.Run(frame); err != nil || uint32(got) != want {
			tb.Errorf("bpf.VM returns %#x, %v, Match %v: frame %x", got, err, match, frame)
		}
	}
	return match
}

// Every frame of the table, cut at every length.
func TestMatch(t *testing.T) {
	for _, g := range gateways {
		p := newPrograms(t, g.Gateway)
		for _, test := range frameTests {
			t.Run(g.name+"/"+test.name, func(t *testing.T) {
				if test.is != none && (test.need == 0 || test.need > len(test.frame)) {
					t.Fatalf("the table says %d bytes of %d", test.need, len(test.frame))
				}
				for n := range len(test.frame) + 1 {
					want := test.is.isFor(g.Gateway) && n >= test.need
					if got := p.decide(t, test.frame[:n:n], false); got != want {
						t.Errorf("%d bytes: the gateway's is %v, want %v", n, got, want)
					}
					if p.decide(t, test.frame[:n:n], true) {
						t.Errorf("%d bytes: the gateway's although tagged", n)
					}
				}
			})
		}
	}
}

// The table leaves no instruction untried, and no jump in one direction only.
func TestFramesCoverProgram(t *testing.T) {
	for _, g := range gateways {
		t.Run(g.name, func(t *testing.T) {
			p := g.Program()
			type step struct{ from, to int }
			seen := map[step]bool{}
			walk := func(frame []byte, tagged bool) {
				path := run(p, frame, Tag{Present: tagged}).path
				for i := range path[1:] {
					seen[step{path[i], path[i+1]}] = true
				}
			}
			for _, test := range frameTests {
				for n := range len(test.frame) + 1 {
					walk(test.frame[:n], false)
				}
				walk(test.frame, true)
			}
			for i, ins := range p {
				var steps []step
				switch ins.Op & 0x07 {
				case 0x05:
					if ins.Op == opJa {
						steps = []step{{i, i + 1 + int(ins.K)}}
					} else {
						steps = []step{{i, i + 1 + int(ins.Jt)}, {i, i + 1 + int(ins.Jf)}}
					}
				case 0x06: // ret; the jumps to it are checked
				default:
					steps = []step{{i, i + 1}}
				}
				for _, s := range steps {
					if !seen[s] {
						t.Errorf("no frame goes from instruction %d to %d", s.from, s.to)
					}
				}
			}
			if t.Failed() {
				t.Logf("the program:\n%s", text(p))
			}
		})
	}
}

func TestProgramIsTheSameTwice(t *testing.T) {
	g := gateways[0].Gateway
	if !slices.Equal(g.Program(), g.Program()) {
		t.Error("two programs of one gateway differ")
	}
	other := g
	other.LLAddr = otherMAC
	if slices.Equal(g.Program(), other.Program()) {
		t.Error("the programs of two gateways are equal")
	}
	first := g.Program()
	clear(first)
	if slices.Equal(first, g.Program()) {
		t.Error("two programs share memory")
	}
}

func FuzzGateway(f *testing.F) {
	for _, test := range frameTests {
		f.Add(test.frame)
	}
	var all []programs
	for _, g := range gateways {
		all = append(all, newPrograms(f, g.Gateway))
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		frame = frame[:min(len(frame), 160)] // nothing behind is looked at
		for _, p := range all {
			full := p.decide(t, frame, false)
			for n := range frame {
				if p.decide(t, frame[:n:n], false) && !full {
					t.Errorf("the gateway's when cut to %d bytes only: %s", n, hex.EncodeToString(frame))
				}
			}
			if p.decide(t, frame, true) {
				t.Errorf("the gateway's although tagged: %s", hex.EncodeToString(frame))
			}
		}
	})
}

func BenchmarkProgram(b *testing.B) {
	g := gateways[0].Gateway
	b.ReportAllocs()
	for b.Loop() {
		g.Program()
	}
}

func BenchmarkMatch(b *testing.B) {
	g, frame := gateways[0].Gateway, ether(multicast6, 0x86dd, solicit(linkLocal))
	b.ReportAllocs()
	for b.Loop() {
		if !g.Match(frame, false) {
			b.Fatal("not the gateway's")
		}
	}
}
