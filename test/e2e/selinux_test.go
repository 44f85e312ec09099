package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
)

const redContext = "u:r:red_t:s0:c1,c2"

func contextConf(context string) string {
	return fmt.Sprintf(`"tap": {"uid": 107, "selinuxContext": %q}`, context)
}

// TestSELinuxRefuses: contexts that a tap cannot have, each for another reason.
// The first is seen before anything is changed, the others by the kernel.
func TestSELinuxRefuses(t *testing.T) {
	enforce(t)
	wantRefusedContext(t, "u:r:nosuch_t:s0", "policy has no such context")
	wantRefusedContext(t, "red_t", "policy has no such context")
	for context, words := range map[string][]string{
		"u:r:no_transition_t:s0": {"begin a process", "permission denied"},
		"u:r:no_entrypoint_t:s0": {"begin a process", "permission denied"},
		"u:r:no_fd_t:s0":         {"run a process", "killed by SIG"},
		"u:r:no_device_t:s0":     {"use the plugin's /dev/net/tun", "permission denied"},
		"u:r:no_tun_t:s0":        {"call TUNSETIFF", "permission denied"},
	} {
		for _, placement := range []string{"pod", "host"} {
			t.Run(context+" "+placement, func(t *testing.T) {
				n := newNodeHere(t)
				n.newPod(t, "first").add(t, "eth0", localConf)
				p := n.newPod(t, "p")
				before := takeAll(t, n.NS, p.NS)
				_, fault := n.Add(t, p.call("eth0", conf(fmt.Sprintf(`"placement": %q, %s`, placement, contextConf(context)))))
				wantFault(t, fault, 7, append(words, "create tap", context, "ausearch")...)
				before.wantSame(t)
			})
		}
	}
}

// TestSELinuxMayNotChoose: the plugin runs in a context that may choose none,
// which is seen before anything is changed.
func TestSELinuxMayNotChoose(t *testing.T) {
	enforce(t)
	n := newNodeHere(t)
	p := n.newPod(t, "p")
	plugin := n.Wrap("sh", "-c", `printf u:r:no_setexec_t:s0 >/proc/self/attr/exec && exec "$0"`)
	before := takeAll(t, n.NS, p.NS)
	_, fault := plugin.Add(t, p.call("eth0", conf(contextConf(redContext))))
	words := []string{redContext, "set it for a process", "permission denied", "ausearch"}
	wantFault(t, fault, 7, words...)
	wantFault(t, plugin.Status(t, statusConf(contextConf(redContext))), 50, words...)
	before.wantSame(t)
	stdout, fault := plugin.Add(t, p.call("eth0", localConf))
	if fault != nil {
		t.Fatalf("ADD without a context: %s", fault)
	}
	(&attachment{t, n, p.call("eth0", localConf).With(stdout), nil}).del()
}

// TestSELinuxOpen: in each placement the tap has the context: a VM monitor
// opens it that may open those of this context, and another does not.
func TestSELinuxOpen(t *testing.T) {
	enforce(t)
	const red, blue = "u:r:red_vmm_t:s0", "u:r:blue_vmm_t:s0"
	for _, c := range []struct {
		name, block, tap string
		denied, allowed  string
	}{
		{"pod", contextConf(redContext), "eth0", blue, red},
		{"pod, another", contextConf("u:r:blue_t:s0"), "eth0", red, blue},
		{"pod, several queues", `"tap": {"uid": 107, "multiQueue": true, "selinuxContext": "` + redContext + `"}`, "eth0", blue, red},
		{"pod, none", `"tap": {"uid": 107}`, "eth0", red, "u:r:plugin_t:s0"},
		{"pod, on a switch", createConf + ", " + contextConf(redContext), "eth0", blue, red},
		{"host", `"placement": "host", ` + contextConf(redContext), "", blue, red},
		{"chained", chainedConf + ", " + contextConf(redContext), "tap0", blue, red},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNodeHere(t)
			p := n.newPod(t, "p")
			call := p.call("eth0", conf(c.block))
			if c.name == "chained" {
				call, _, _ = p.addEarlier(t, "ptp", c.block)
			}
			a := n.add(t, call)
			ns := p.NS
			if c.name == "host" {
				ns, c.tap = n.NS, a.hostLink()
			}
			if l := linkIn(t, ns, c.tap); fmt.Sprint(l.Info.Data.User, l.Info.Data.Persist) != "107 true" {
				t.Errorf("the tap is %+v", l.Info.Data)
			}
			if err := openInContext(t, ns, c.tap, c.denied); !errors.Is(err, unix.EACCES) {
				t.Errorf("opened by %s: %v, want EACCES", c.denied, err)
			}
			if err := openInContext(t, ns, c.tap, c.allowed); err != nil {
				t.Errorf("opened by %s: %v", c.allowed, err)
			}
			a.del()
		})
	}
}

// openTapEnv names a tap, and makes the test program nothing but its opener.
const openTapEnv = "VMTAP_TEST_OPEN_TAP"

func TestMain(m *testing.M) {
	if tap := os.Getenv(openTapEnv); tap != "" {
		os.Exit(int(openOnly(tap)))
	}
	os.Exit(m.Run())
}

// openOnly opens a tap, with the flag for several queues if it must be, and
// returns the error.
func openOnly(tap string) unix.Errno {
	err := unix.EINVAL
	for _, flags := range []uint16{0, unix.IFF_MULTI_QUEUE} {
		if errors.Is(err, unix.EINVAL) {
			_, errAny := openHere(tap, 107, 107, flags)
			if errAny == nil {
				return 0
			}
			errors.As(errAny, &err)
		}
	}
	return err
}

// openInContext opens a tap as a VM monitor does that runs in a context.
func openInContext(t *testing.T, ns *netns.NS, tap, context string) error {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), openTapEnv+"="+tap)
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the context is the thread's
		err := os.WriteFile("/proc/thread-self/attr/exec", []byte(context), 0)
		if err == nil {
			ns.Do(func() { err = cmd.Run() })
		}
		done <- err
	}()
	err := <-done
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return unix.Errno(exit.ExitCode())
	}
	return err
}

// inSELinuxVM skips the test but in the test VM, where a test may load a
// policy: it cannot be unloaded.
func inSELinuxVM(t *testing.T) {
	t.Helper()
	if os.Getenv("VMTAP_VM") != "1" {
		netns.Lacking(t, "SELinux that a test may set up")
	}
}

// enforce loads the tests' policy and has it enforced until the test ends.
func enforce(t *testing.T) {
	t.Helper()
	inSELinuxVM(t)
	if err := loadPolicy(); err != nil {
		t.Fatalf("load a policy: %v", err)
	}
	set := func(value string) {
		if err := os.WriteFile("/sys/fs/selinux/enforce", []byte(value), 0); err != nil {
			t.Errorf("enforce %s: %v", value, err)
		}
	}
	t.Cleanup(func() { set("0") })
	set("1")
}

var loadPolicy = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "vmtap-selinux-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	compiled := filepath.Join(dir, "policy")
	out, err := exec.Command("secilc", "-o", compiled, "-f", os.DevNull, "testdata/selinux.cil").CombinedOutput()
	if err != nil {
		return fmt.Errorf("secilc: %w: %s", err, out)
	}
	policy, err := os.ReadFile(compiled)
	if err != nil {
		return err
	}
	if err := os.WriteFile("/sys/fs/selinux/load", policy, 0); err != nil { // in one write, or it is none
		return err
	}
	return unix.Setxattr("/dev/net/tun", "security.selinux", []byte("u:object_r:tun_device_t:s0"), 0)
})
