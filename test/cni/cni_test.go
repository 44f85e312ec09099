package cni

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
)

// The test binary is also the plugin that these tests run: CNI_COMMAND says so, as it does to any plugin.
func TestMain(m *testing.M) {
	if os.Getenv("CNI_COMMAND") != "" {
		fake()
		os.Exit(0)
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // else the plugin takes a second to end if it was built to find races
	os.Exit(m.Run())
}

var native = binary.NativeEndian

const result = `{"cniVersion": "1.0.0", "interfaces": [{"name": "eth0"}], "ips": [{"interface": 0, "address": "100.64.1.3/31"}]}`

// fake does what the configuration's key "do" says.
func fake() {
	stdin, _ := io.ReadAll(os.Stdin)
	var conf struct{ Do, File string }
	_ = json.Unmarshal(stdin, &conf)
	switch conf.Do {
	case "succeed":
		if os.Getenv("CNI_COMMAND") == ADD {
			fmt.Print(result)
		}
	case "fail":
		fmt.Print(`{"cniVersion": "1.0.0", "code": 7, "msg": "no", "details": "not at all"}`)
		os.Exit(1)
	case "print twice":
		fmt.Print(result, result)
	case "print text":
		fmt.Print("done")
	case "print nothing":
	case "whisper":
		fmt.Fprint(os.Stderr, "warning")
		fmt.Print(result)
	case "fail silently":
		os.Exit(1)
	case "fail without code":
		fmt.Print(`{"cniVersion": "1.0.0", "msg": "no"}`)
		os.Exit(1)
	case "panic":
		panic("at the disco")
	case "die":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		select {}
	case "tell":
		said := map[string]string{"stdin": string(stdin)}
		for _, key := range []string{"COMMAND", "CONTAINERID", "NETNS", "ARGS", "IFNAME", "PATH"} {
			if value, ok := os.LookupEnv("CNI_" + key); ok {
				said[key] = value
			}
		}
		said["netns"], _ = os.Readlink("/proc/thread-self/ns/net")
		_ = json.NewEncoder(os.Stdout).Encode(said)
	case "mkdirs":
		mkdirs(conf.File)
	case "links":
		links()
	case "lock":
		lock(conf.File)
	}
}

// mkdirs makes four directories, each from another thread, and undoes that if one fails.
func mkdirs(base string) {
	runtime.LockOSThread()
	for i := range 4 {
		var err error
		var wg sync.WaitGroup
		wg.Add(1)
		go func() {
			defer wg.Done()
			runtime.LockOSThread() // its own, which ends with it
			err = unix.Mkdirat(unix.AT_FDCWD, fmt.Sprint(base, i), 0o700)
		}()
		wg.Wait()
		if err != nil {
			for j := range i {
				_ = unix.Rmdir(fmt.Sprint(base, j))
			}
			fmt.Printf(`{"code": 5, "msg": %q}`, err)
			os.Exit(1)
		}
	}
	fmt.Print(result)
}

// links makes two bridges by one send of two messages.
func links() {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err == nil {
		err = unix.Sendto(fd, append(newBridge("sw0"), newBridge("sw1")...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	if err != nil {
		fmt.Printf(`{"code": 5, "msg": %q}`, err)
		os.Exit(1)
	}
	var errnos []int32
	for range 2 {
		b := make([]byte, 4096)
		n, _, err := unix.Recvfrom(fd, b, 0)
		if err != nil || n < 20 {
			panic(fmt.Sprint(n, err))
		}
		errnos = append(errnos, -int32(native.Uint32(b[16:])))
	}
	_ = json.NewEncoder(os.Stdout).Encode(errnos)
}

// lock makes a directory, waits for the lock of a file in it, and makes another directory.
func lock(dir string) {
	_ = unix.Mkdirat(unix.AT_FDCWD, dir+"/before", 0o700)
	fd, err := unix.Open(dir+"/lock", unix.O_RDWR, 0)
	if err == nil {
		err = unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLKW, &unix.Flock_t{Type: unix.F_WRLCK, Len: 1})
	}
	if err == nil {
		err = unix.Mkdirat(unix.AT_FDCWD, dir+"/after", 0o700)
	}
	if err != nil {
		panic(err)
	}
	fmt.Print(result)
}

func newBridge(name string) []byte {
	attr := func(kind uint16, value string) []byte {
		b := native.AppendUint16(nil, uint16(4+len(value)))
		b = append(native.AppendUint16(b, kind), value...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
		return b
	}
	body := make([]byte, unix.SizeofIfInfomsg)
	body = append(body, attr(unix.IFLA_IFNAME, name+"\x00")...)
	body = append(body, attr(unix.IFLA_LINKINFO, string(attr(unix.IFLA_INFO_KIND, "bridge")))...)
	b := native.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	b = native.AppendUint16(b, unix.RTM_NEWLINK)
	b = native.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	return append(append(b, make([]byte, 8)...), body...)
}

func self(t *testing.T) *Plugin {
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &Plugin{Bin: bin}
}

func do(what string) Call {
	return Call{ContainerID: "c1", IfName: "eth0", Conf: fmt.Sprintf(`{"cniVersion": "1.0.0", "do": %q}`, what)}
}

func TestAddReturnsTheResult(t *testing.T) {
	out, fault := self(t).Add(t, do("succeed"))
	if fault != nil {
		t.Fatal(fault)
	}
	r := ParseResult(t, out)
	if len(r.Interfaces) != 1 || r.Interfaces[0].Name != "eth0" || len(r.IPs) != 1 || r.IPs[0].Address.String() != "100.64.1.3/31" {
		t.Errorf("parsed %+v", r)
	}
}

func TestErrorObject(t *testing.T) {
	p := self(t)
	_, fault := p.Add(t, do("fail"))
	for verb, fault := range map[string]*Error{
		ADD: fault, CHECK: p.Check(t, do("fail")), DEL: p.Del(t, do("fail")), GC: p.GC(t, do("fail")), STATUS: p.Status(t, do("fail")),
	} {
		if fault == nil || fault.Code != 7 || fault.Msg != "no" || fault.Details != "not at all" || fault.Killed() {
			t.Errorf("%s: %v", verb, fault)
		}
	}
}

func TestSilentVerbsSucceed(t *testing.T) {
	p := self(t)
	for verb, fault := range map[string]*Error{CHECK: p.Check(t, do("succeed")), DEL: p.Del(t, do("succeed"))} {
		if fault != nil {
			t.Errorf("%s: %v", verb, fault)
		}
	}
}

func TestKilled(t *testing.T) {
	_, fault, err := self(t).Invoke(ADD, do("die"))
	if err != nil || !fault.Killed() || fault.Signal != unix.SIGKILL {
		t.Errorf("%v, %v, want killed", fault, err)
	}
}

func TestBreachesOfTheSpecificationAreFound(t *testing.T) {
	for _, what := range []string{"print twice", "print text", "whisper", "fail silently", "fail without code", "panic"} {
		if out, fault, err := self(t).Invoke(ADD, do(what)); err == nil {
			t.Errorf("%s: stdout %q, error %v, want a breach", what, out, fault)
		}
	}
}

// failing says whether f fails its test.
func failing(t *testing.T, f func(testing.TB)) bool {
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { defer close(done); f(r) }()
	<-done
	return r.failed
}

type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Fatal(...any)          { r.failed = true; runtime.Goexit() }
func (r *recorder) Fatalf(string, ...any) { r.failed = true; runtime.Goexit() }

func TestWrongOutputFailsTheTest(t *testing.T) {
	p := self(t)
	for name, f := range map[string]func(testing.TB){
		"ADD without a result":  func(t testing.TB) { p.Add(t, do("print nothing")) },
		"DEL with a result":     func(t testing.TB) { p.Del(t, do("tell")) },
		"success with a stderr": func(t testing.TB) { p.Add(t, do("whisper")) },
		"a result of no kind":   func(t testing.TB) { ParseResult(t, []byte(`{"cniVersion": "9.0.0"}`)) },
	} {
		if !failing(t, f) {
			t.Errorf("%s passed", name)
		}
	}
}

func TestTheCallArrives(t *testing.T) {
	t.Setenv("CNI_ARGS", "FROM=outside")
	node := netns.New(t)
	p := self(t)
	p.Node = node
	call := do("tell")
	call.Netns, call.Args = "/run/netns/x", "IgnoreUnknown=1;VMID=5"
	told := func(p *Plugin, call Call) map[string]string {
		out, fault := p.Add(t, call)
		if fault != nil {
			t.Fatal(fault)
		}
		var said map[string]string
		if err := json.Unmarshal(out, &said); err != nil {
			t.Fatal(err)
		}
		return said
	}
	inside := strings.TrimSpace(node.Run(t, "readlink", "/proc/self/ns/net"))
	want := map[string]string{
		"COMMAND": "ADD", "CONTAINERID": "c1", "NETNS": "/run/netns/x", "ARGS": "IgnoreUnknown=1;VMID=5", "IFNAME": "eth0",
		"PATH": filepath.Dir(p.Bin), "stdin": call.Conf, "netns": inside,
	}
	if got := told(p, call); !maps.Equal(got, want) {
		t.Errorf("the plugin was told\n%v, want\n%v", got, want)
	}

	p.Path = "/opt/cni/bin"
	got := told(p, Call{Conf: call.Conf}.With([]byte(`{"big": 12345678901234567890}`)))
	want = map[string]string{
		"COMMAND": "ADD", "CONTAINERID": "", "NETNS": "", "ARGS": "", "IFNAME": "", "PATH": "/opt/cni/bin", "netns": inside,
		"stdin": `{"cniVersion":"1.0.0","do":"tell","prevResult":{"big":12345678901234567890}}`,
	}
	if !maps.Equal(got, want) {
		t.Errorf("the plugin was told\n%v, want\n%v", got, want)
	}
}

func TestWrap(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	p := self(t).Wrap("sh", "-c", `echo "wrapped $0" > `+log+`; exec "$0" "$@"`)
	if _, fault := p.Add(t, do("succeed")); fault != nil {
		t.Fatal(fault)
	}
	if said, err := os.ReadFile(log); err != nil || string(said) != "wrapped "+p.Bin+"\n" {
		t.Errorf("the wrapper said %q, %v", said, err)
	}
}

func TestWrapStrace(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	p := self(t).Wrap("strace", "-f", "-o", log, "-e", "trace=mkdirat", "-e", "inject=mkdirat:error=EPERM:when=1")
	_, fault := p.Add(t, mkdirsIn(t.TempDir()))
	if fault == nil || fault.Code != 5 {
		t.Errorf("ADD under strace that has mkdirat fail: %v", fault)
	}
	if said, err := os.ReadFile(log); err != nil || strings.Count(string(said), "(INJECTED)") != 1 {
		t.Errorf("strace said %q, %v", said, err)
	}
}

func TestBuild(t *testing.T) {
	bin := Build(t)
	if unix.Access(bin, unix.X_OK) != nil {
		t.Errorf("Build: %q cannot be run", bin)
	}
	if again := Build(t); again != bin {
		t.Errorf("built twice: %q and %q", bin, again)
	}
	if want := os.Getenv("VMTAP_BIN"); want != "" && !strings.HasSuffix(bin, want) {
		t.Errorf("Build: %q, want VMTAP_BIN, %q", bin, want)
	}
}

func mkdirsIn(dir string) Call {
	return Call{Conf: fmt.Sprintf(`{"do": "mkdirs", "file": %q}`, dir+"/d")}
}

func entries(t *testing.T, dir string) int {
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

func TestTraceSeesAllThreadsInOrder(t *testing.T) {
	for range 10 {
		dir := t.TempDir()
		p, trace := self(t).Traced()
		if _, fault := p.Add(t, mkdirsIn(dir)); fault != nil {
			t.Fatal(fault)
		}
		var got []string
		for i, s := range trace.Steps() {
			if s.N != i+1 {
				t.Errorf("step %d is number %d", i+1, s.N)
			}
			if !s.Changes {
				t.Errorf("%v changes nothing", s)
			}
			got = append(got, s.Call+" "+strings.TrimPrefix(s.Detail, dir))
		}
		want := []string{"mkdirat /d0", "mkdirat /d1", "mkdirat /d2", "mkdirat /d3"}
		if len(got) != 5 || !slices.Equal(got[:4], want) || !strings.HasPrefix(got[4], "write ") {
			t.Fatalf("steps %q, want %q and the result's write", got, want)
		}
		if trace.Injected() {
			t.Error("Injected without a fault")
		}
	}
}

func TestEveryFaultHappensOnce(t *testing.T) {
	dir := t.TempDir()
	traced, trace := self(t).Traced()
	if _, fault := traced.Add(t, mkdirsIn(dir)); fault != nil {
		t.Fatal(fault)
	}
	faults := Faults(trace.Steps(), unix.EPERM)
	if len(faults) != 15 {
		t.Fatalf("faults %v, want 10 deaths and 5 errors", faults)
	}
	for _, f := range faults {
		dir := t.TempDir()
		p, trace := self(t).Faulty(f)
		_, fault, err := p.Invoke(ADD, mkdirsIn(dir))
		if !trace.Injected() {
			t.Errorf("%v: did not happen", f)
		}
		switch {
		case f.Kills():
			if err != nil || !fault.Killed() {
				t.Errorf("%v: %v, %v", f, fault, err)
			}
			want := min(f.Step, 4)
			if f.Kill {
				want = f.Step - 1
			}
			if got := entries(t, dir); got != want || len(trace.Steps()) != f.Step {
				t.Errorf("%v: %d directories made, want %d; steps:\n%v", f, got, want, trace)
			}
		case f.Step == 5: // the result, whose loss this plugin overlooks
			if err != nil || fault != nil || entries(t, dir) != 4 {
				t.Errorf("%v: %v, %v", f, fault, err)
			}
		default:
			if err != nil || fault == nil || fault.Code != 5 || entries(t, dir) != 0 {
				t.Errorf("%v: %v, %v, %d directories left", f, fault, err, entries(t, dir))
			}
		}
	}
}

func TestAFaultThatNoStepReaches(t *testing.T) {
	p, trace := self(t).Faulty(Fault{Step: 6, Kill: true})
	if _, fault := p.Add(t, mkdirsIn(t.TempDir())); fault != nil || trace.Injected() {
		t.Errorf("%v, injected %v", fault, trace.Injected())
	}
}

func TestAMessageIsRefusedAndItsNeighbourIsNot(t *testing.T) {
	add := func(f Fault) (errnos []unix.Errno, made []string, trace *Trace) {
		node := netns.New(t)
		p, trace := (&Plugin{Bin: self(t).Bin, Node: node}).Faulty(f)
		out, fault := p.Add(t, do("links"))
		if fault != nil {
			t.Fatal(fault)
		}
		if err := json.Unmarshal(out, &errnos); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"sw0", "sw1"} {
			if node.Command("ip", "link", "show", name).Run() == nil {
				made = append(made, name)
			}
		}
		return errnos, made, trace
	}

	errnos, made, trace := add(Fault{})
	if !slices.Equal(errnos, []unix.Errno{0, 0}) || !slices.Equal(made, []string{"sw0", "sw1"}) {
		t.Fatalf("without a fault: %v, made %v", errnos, made)
	}
	steps := trace.Steps()
	if len(steps) != 3 || steps[0].Call != "socket" || steps[0].Changes || !steps[1].Changes ||
		!slices.Equal(steps[1].Messages, []string{"RTM_NEWLINK", "RTM_NEWLINK"}) {
		t.Fatalf("steps:\n%v", trace)
	}
	for i, want := range [][]string{{"sw1"}, {"sw0"}} {
		errnos, made, trace := add(Fault{Step: 2, Message: i + 1})
		if !trace.Injected() || errnos[i] != unix.EOPNOTSUPP || errnos[1-i] != 0 || !slices.Equal(made, want) {
			t.Errorf("message %d refused: %v, made %v, injected %v", i+1, errnos, made, trace.Injected())
		}
	}
}

// No thread of the test may stay supervised, nor one that supervises.
func TestSupervisionEnds(t *testing.T) {
	p, _ := self(t).Traced()
	for range 5 {
		if _, fault := p.Add(t, mkdirsIn(t.TempDir())); fault != nil {
			t.Fatal(fault)
		}
	}
	var left []string
	for range 100 {
		left = nil
		fds, _ := filepath.Glob("/proc/self/fd/*")
		for _, fd := range fds {
			if link, _ := os.Readlink(fd); strings.Contains(link, "seccomp") {
				left = append(left, link)
			}
		}
		threads, _ := filepath.Glob("/proc/self/task/*/status")
		for _, thread := range threads {
			if status, _ := os.ReadFile(thread); strings.Contains(string(status), "Seccomp:\t2") {
				left = append(left, thread)
			}
		}
		if len(left) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("left: %v", left)
}
