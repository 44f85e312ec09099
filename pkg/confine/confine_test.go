package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What confines is run in a process of its own, this test binary with the name
// of a part in the environment: it prints what it found as JSON.
const partVariable = "VMTAP_CONFINE_PART"

func TestMain(m *testing.M) {
	part := os.Getenv(partVariable)
	if part == "" {
		os.Exit(m.Run())
	}
	out, err := parts()[part]()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		os.Exit(1)
	}
}

func parts() map[string]func() (any, error) {
	return map[string]func() (any, error){
		"nothing": func() (any, error) { return afterwards(Limits{}) },
		"one":     func() (any, error) { return afterwards(oneCapability()) },
		"executes": func() (any, error) {
			l := oneCapability()
			l.Executes = true
			l.Files = append(l.Files, File{"/proc/self/exe", Read | Execute}, File{"/dev/null", Read | Write}, File{"/proc", Read | List})
			return afterwards(l)
		},
		"signals": func() (any, error) {
			l := oneCapability()
			l.Signals = true
			return afterwards(l)
		},
		"storm": storm,
		"time": func() (any, error) {
			begin := time.Now()
			_, err := Process(oneCapability())
			return time.Since(begin).Nanoseconds(), err
		},
		"status":  func() (any, error) { return statusOfThreads() },
		"gains":   gains,
		"changes": changes,
	}
}

func oneCapability() Limits {
	return Limits{
		Keep: Of(unix.CAP_NET_ADMIN),
		Files: []File{
			{"/proc/sys/net", Read},
			{"/proc/self", Read | List},
			{"/dev/net/tun", Read | Write | Control},
			{"/nonexistent", Read},
			{"/etc/hostname", Read},
		},
	}
}

// found is what a confined process found.
type found struct {
	InForce InForce
	Threads []status
	Errors  map[string]int // errno of what it tried, 0 for success
	Child   []status       // of a program that it executed, if it may
}

// status is what /proc/<pid>/task/<tid>/status says.
type status struct{ Inheritable, Permitted, Effective, Bounding, Ambient, NoNewPrivs string }

// afterwards confines the process, and tries what it may do.
func afterwards(l Limits) (any, error) {
	listener, err := net.Listen("unix", "@"+filepath.Join("vmtap-confine", fmt.Sprint(os.Getpid())))
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	f := found{Errors: map[string]int{}}
	if f.InForce, err = Process(l); err != nil {
		return nil, err
	}

	try := func(what string, err error) {
		var errno unix.Errno
		if err != nil && !errors.As(err, &errno) {
			errno = unix.ENOMSG
		}
		f.Errors[what] = int(errno)
	}
	_, err = os.ReadFile("/etc/hostname")
	try("read hostname", err)
	_, err = os.OpenFile("/etc/hostname", os.O_WRONLY, 0)
	try("write hostname", err)
	_, err = os.ReadFile("/etc/shadow")
	try("read shadow", err)
	_, err = os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	try("read sysctl", err)
	try("write sysctl", os.WriteFile("/proc/sys/net/ipv4/ip_forward", nil, 0))
	try("make a file", os.WriteFile(filepath.Join(os.TempDir(), "vmtap-confine"), nil, 0o600))
	_, err = os.Readlink("/proc/1/ns/net")
	try("look at pid 1", err)
	try("signal pid 1", unix.Kill(1, 0))
	try("signal itself", unix.Tgkill(os.Getpid(), os.Getpid(), 0))
	try("execute", exec.Command("/bin/true").Run())
	try("mount", unix.Mount("none", "/mnt", "tmpfs", 0, ""))
	try("enter a namespace", unix.Unshare(unix.CLONE_NEWNET))
	// On a thread that comes after all this.
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		_, err := os.ReadFile("/etc/shadow")
		done <- err
	}()
	try("read shadow on a new thread", <-done)
	if l.Executes {
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = []string{partVariable + "=status"}
		out, err := cmd.Output()
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(out, &f.Child); err != nil {
			return nil, err
		}
	}
	if len(l.Files) > 0 {
		f.Threads, err = statusOfThreads()
		return f, err
	}
	return f, nil
}

func statusOfThreads() ([]status, error) {
	paths, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		return nil, err
	}
	var all []status
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue
		}
		if err != nil {
			return nil, err
		}
		value := func(key string) string {
			_, rest, _ := strings.Cut(string(b), "\n"+key+":")
			line, _, _ := strings.Cut(rest, "\n")
			return strings.TrimSpace(line)
		}
		all = append(all, status{value("CapInh"), value("CapPrm"), value("CapEff"), value("CapBnd"), value("CapAmb"), value("NoNewPrivs")})
	}
	return all, nil
}

// gains executes a program, which Landlock alone would forbid.
func gains() (any, error) {
	l := oneCapability()
	l.Files = []File{{"/", Read | List | Execute}}
	if _, err := Process(l); err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{partVariable + "=status"}
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	return json.RawMessage(out), nil
}

// storm confines a process whose threads come and go all the time.
func storm() (any, error) {
	stop := make(chan struct{})
	for range 3 {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				ended := make(chan struct{})
				go func() {
					runtime.LockOSThread() // a thread that ends with it
					close(ended)
				}()
				<-ended
			}
		}()
	}
	f := found{}
	var err error
	if f.InForce, err = Process(oneCapability()); err != nil {
		return nil, err
	}
	close(stop)
	f.Threads, err = statusOfThreads()
	return f, err
}

// in runs a part and decodes what it found.
func in[T any](t testing.TB, part string) T {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), partVariable+"="+part)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", part, err, errs.String())
	}
	var f T
	if err := json.Unmarshal(out, &f); err != nil {
		t.Fatalf("%s: %v: %s", part, err, out)
	}
	return f
}

const (
	noCaps   = "0000000000000000"
	netAdmin = "0000000000001000"
)

func wantThreads(t *testing.T, threads []status, want status) {
	t.Helper()
	if len(threads) < 3 {
		t.Errorf("%d threads, want those of a Go program", len(threads))
	}
	for i, s := range threads {
		if want.Bounding == "" { // as it was
			s.Bounding = ""
		}
		if s != want {
			t.Errorf("thread %d has %+v, want %+v", i, s, want)
		}
	}
}

// wantErrors compares what was tried. Without Landlock nothing of it is refused.
func (f *found) wantErrors(t *testing.T, want map[string]unix.Errno) {
	t.Helper()
	for what, errno := range want {
		if got := unix.Errno(f.Errors[what]); got != errno {
			t.Errorf("%s: %v, want %v", what, got, errno)
		}
	}
}

// TestNothing: with no limits there is nothing left at all.
func TestNothing(t *testing.T) {
	f := in[found](t, "nothing")
	f.wantErrors(t, map[string]unix.Errno{"mount": unix.EPERM, "enter a namespace": unix.EPERM})
	if f.InForce.Permitted != 0 || !f.InForce.NoNewPrivs {
		t.Errorf("in force is %+v", f.InForce)
	}
	if f.InForce.Landlock == 0 {
		t.Skip("this kernel has no Landlock")
	}
	f.wantErrors(t, map[string]unix.Errno{
		"read hostname": unix.EACCES, "read shadow": unix.EACCES, "read sysctl": unix.EACCES, "make a file": unix.EACCES, "execute": unix.EACCES,
	})
}

// TestOne: one capability, some files.
func TestOne(t *testing.T) {
	f := in[found](t, "one")
	wantThreads(t, f.Threads, status{noCaps, netAdmin, netAdmin, "", noCaps, "1"})
	f.wantErrors(t, map[string]unix.Errno{"mount": unix.EPERM, "enter a namespace": unix.EPERM, "signal itself": 0, "read hostname": 0, "read sysctl": 0})
	if f.InForce.Landlock == 0 {
		t.Skip("this kernel has no Landlock")
	}
	f.wantErrors(t, map[string]unix.Errno{
		"write hostname": unix.EACCES, "read shadow": unix.EACCES, "read shadow on a new thread": unix.EACCES, "write sysctl": unix.EACCES,
		"make a file": unix.EACCES, "execute": unix.EACCES, "look at pid 1": unix.EACCES,
	})
	if f.InForce.Landlock >= abiSignals {
		f.wantErrors(t, map[string]unix.Errno{"signal pid 1": unix.EPERM})
	}
}

// TestSignals: others may be signalled, and all else is as without.
func TestSignals(t *testing.T) {
	f := in[found](t, "signals")
	wantThreads(t, f.Threads, status{noCaps, netAdmin, netAdmin, "", noCaps, "1"})
	f.wantErrors(t, map[string]unix.Errno{"signal pid 1": 0})
	if f.InForce.Landlock > 0 {
		f.wantErrors(t, map[string]unix.Errno{"read shadow": unix.EACCES})
	}
}

// TestExecutes: what is executed gets what is kept and no more, and nothing else
// is executed.
func TestExecutes(t *testing.T) {
	f := in[found](t, "executes")
	wantThreads(t, f.Threads, status{noCaps, netAdmin, netAdmin, netAdmin, noCaps, "0"})
	wantThreads(t, f.Child, status{noCaps, netAdmin, netAdmin, netAdmin, noCaps, "0"})
	if f.InForce.Landlock == 0 {
		t.Skip("this kernel has no Landlock")
	}
	f.wantErrors(t, map[string]unix.Errno{"execute": unix.EACCES, "read shadow": unix.EACCES})
}

// TestNothingIsGained: what is executed gets no capability back, root's included.
func TestNothingIsGained(t *testing.T) {
	wantThreads(t, in[[]status](t, "gains"), status{noCaps, netAdmin, netAdmin, "", noCaps, "1"})
}

// TestStorm: no thread escapes, however many come and go.
func TestStorm(t *testing.T) {
	for range 5 {
		f := in[found](t, "storm")
		wantThreads(t, f.Threads, status{noCaps, netAdmin, netAdmin, "", noCaps, "1"})
	}
}

func TestCapabilities(t *testing.T) {
	for want, c := range map[string]Capabilities{
		"none": 0, "CAP_NET_ADMIN": Of(unix.CAP_NET_ADMIN), "CAP_NET_ADMIN, CAP_SYS_ADMIN": Of(unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN), "capability 40": Of(40),
	} {
		if got := c.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// BenchmarkProcess is what one call pays, without the start of a process.
func BenchmarkProcess(b *testing.B) {
	var total int64
	for range b.N {
		total += in[int64](b, "time")
	}
	b.ReportMetric(float64(total)/float64(b.N), "confine-ns/op")
}
