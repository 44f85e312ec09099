package filter

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/vmtap/vmtap/test/golden"
)

// isQuestion is what Questions decides of the frame, in plain Go.
func isQuestion(frame []byte) bool {
	byteAt := func(off int) int {
		if off >= len(frame) {
			return -1
		}
		return int(frame[off])
	}
	half := func(off int) int {
		if off+2 > len(frame) {
			return -1
		}
		return int(binary.BigEndian.Uint16(frame[off:]))
	}
	switch half(12) {
	case 0x0800:
		fragment := half(20)
		return byteAt(23) == 17 && fragment >= 0 && fragment&0x3fff == 0 && half(14+byteAt(14)&15*4+2) == 67
	case 0x86dd:
		switch byteAt(20) {
		case 17:
			return half(56) == 547
		case 58:
			return byteAt(54) == 133
		}
	}
	return false
}

// questionsVM runs what looks at the frame. Before it, four instructions look at
// what the kernel knows besides, which bpf.VM cannot.
func questionsVM(t testing.TB) *bpf.VM {
	t.Helper()
	vm, err := bpf.NewVM(disassemble(Questions(nil)[4:]))
	if err != nil {
		t.Fatal(err)
	}
	return vm
}

func TestQuestions(t *testing.T) {
	golden.Compare(t, "questions", text(Questions([]int32{1<<24 + 5})))
	vm := questionsVM(t)
	asked := 0
	for _, test := range frameTests {
		for n := range len(test.frame) + 1 {
			checkQuestion(t, vm, test.frame[:n])
		}
		if isQuestion(test.frame) {
			asked++
		}
	}
	if asked < 8 {
		t.Errorf("%d of the frames are questions", asked)
	}
}

func checkQuestion(t testing.TB, vm *bpf.VM, frame []byte) {
	t.Helper()
	if len(frame) == 0 {
		return // bpf.VM takes none
	}
	want := 0
	if isQuestion(frame) {
		want = takeAll
	}
	if got, err := vm.Run(frame); err != nil || got != want {
		t.Errorf("the program returns %d, %v, want %d: frame %x", got, err, want, frame)
	}
}

func FuzzQuestions(f *testing.F) {
	vm := questionsVM(f)
	for _, test := range frameTests {
		f.Add(test.frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) { checkQuestion(t, vm, frame) })
}

// TestQuestionsMuted: the kernel takes the program for as many links as can be
// muted, and each is looked at.
func TestQuestionsMuted(t *testing.T) {
	muted := make([]int32, MaxMuted+5)
	for i := range muted {
		muted[i] = 1<<24 + int32(i)
	}
	p := Questions(muted)
	if len(p) > maxInstructions {
		t.Errorf("%d instructions", len(p))
	}
	seen := map[uint32]bool{}
	for i, ins := range p {
		if ins.Op == opJeq && ins.Jt == 0 && ins.Jf == 1 && p[i+1] == (bpf.RawInstruction{Op: opRet}) {
			seen[ins.K] = true
		}
	}
	if len(seen) != MaxMuted {
		t.Errorf("%d links are muted, want %d", len(seen), MaxMuted)
	}
}
