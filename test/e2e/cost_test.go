package e2e

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// maxCalls is what an ADD in placement pod stays below.
const maxCalls = 400

// TestCost counts what ADD, CHECK, DEL and STATUS cost that can be counted: one
// process, which executes nothing, no dump of all links, and for ADD the number of
// system calls. That of others is held to the same.
//
// Those with which threads wait are not counted, since how many there are is a
// matter of time: nanosleep of the Go runtime's monitor, which looks every 20 us,
// sched_yield until threads have stopped, and futex. clock_gettime is a system call
// where the kernel trusts no clock, as in the test VM, and theirs, too.
func TestCost(t *testing.T) {
	wantsNoVRF(t)
	t.Setenv("GOMAXPROCS", "2")              // a machine with more processors has more threads
	t.Setenv("GODEBUG", "asyncpreemptoff=1") // a slow one interrupts them more often
	node, first, pod := netns.New(t), netns.New(t), netns.New(t)
	p := cni.New(t, node)
	conf := `{"cniVersion": "1.1.0", "name": "vmnet", "type": "vmtap", "switch": {"interface": "bridge0", "create": true}, "local": true, "group": ["web", "db"]}`
	if _, fault := p.Add(t, cni.Call{ContainerID: "first", IfName: "eth0", Netns: first.Path(), Conf: conf}); fault != nil {
		t.Fatal(fault)
	}
	trace := filepath.Join(t.TempDir(), "trace")
	traced := p.Wrap("strace", "-f", "-o", trace, "-e", "raw=sendto", "-e", "write=all")
	call := cni.Call{ContainerID: "c1", IfName: "eth0", Netns: pod.Path(), Conf: conf}
	for _, verb := range []string{cni.ADD, cni.CHECK, cni.STATUS, cni.DEL} {
		stdout, fault, err := traced.Invoke(verb, call)
		if fault != nil || err != nil {
			t.Fatalf("%s: %v %v", verb, fault, err)
		}
		if verb == cni.ADD {
			call = call.With(stdout)
		}
		text, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		calls, programs, dumps := countCalls(t, string(text))
		total := 0
		for _, n := range calls {
			total += n
		}
		t.Logf("%s: %d system calls", verb, total)
		if total >= maxCalls {
			t.Errorf("%s makes %d system calls, want less than %d: %v", verb, total, maxCalls, calls)
		}
		if programs != 1 {
			t.Errorf("%s: %d programs were executed or processes begun, want the plugin alone", verb, programs)
		}
		if dumps != 0 {
			t.Errorf("%s dumps all links, %d times", verb, dumps)
		}
	}
}

// countCalls reads what strace wrote. programs are executed ones and processes
// begun, dumps how many messages ask for all links.
func countCalls(t *testing.T, trace string) (calls map[string]int, programs, dumps int) {
	t.Helper()
	calls = map[string]int{}
	var sent []byte // by the last send
	for line := range strings.Lines(trace) {
		if strings.HasPrefix(line, " | ") { // 16 bytes in hex, and as text
			b, err := hex.DecodeString(strings.ReplaceAll(line[10:59], " ", ""))
			if err != nil {
				t.Fatalf("read a trace: %s: %v", line, err)
			}
			sent = append(sent, b...)
			continue
		}
		dumps += linkDumps(sent)
		sent = nil
		_, what, _ := strings.Cut(line, " ")
		name, _, ok := strings.Cut(strings.TrimLeft(what, " "), "(")
		if !ok || strings.ContainsAny(name, "<+- ") {
			continue // the end of a call, of a process, or a signal
		}
		switch name {
		case "nanosleep", "clock_nanosleep", "sched_yield", "futex", "clock_gettime":
			continue
		case "execve":
			programs++
		case "clone", "clone3", "vfork", "fork":
			if !strings.Contains(what, "CLONE_THREAD") {
				programs++
			}
		}
		calls[name]++
	}
	return calls, programs, dumps
}

// linkDumps counts the netlink messages that ask for all links. What the plugin
// prints is none.
func linkDumps(sent []byte) (n int) {
	for len(sent) >= unix.SizeofNlMsghdr {
		length := int(binary.NativeEndian.Uint32(sent)+3) &^ 3
		kind, flags := binary.NativeEndian.Uint16(sent[4:]), binary.NativeEndian.Uint16(sent[6:])
		if length < unix.SizeofNlMsghdr || length > len(sent) {
			break
		}
		if kind == unix.RTM_GETLINK && flags&unix.NLM_F_DUMP == unix.NLM_F_DUMP {
			n++
		}
		sent = sent[length:]
	}
	return n
}
