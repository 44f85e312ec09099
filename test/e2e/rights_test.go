package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/cni"
)

// hanging is a delegate that tells its parent and waits, at the verb that $dir/at
// names. It also says whether it could read a file that only root may.
const hanging = `if [ "$(cat $dir/at)" = $CNI_COMMAND ]; then
	cat /etc/shadow >/dev/null && : >$dir/read
	cat /proc/self/status >$dir/status
	echo $PPID >$dir/new; mv $dir/new $dir/parent
	until [ -e $dir/go ]; do sleep 0.01; done
fi
` + give

// rightsOf returns what /proc/<pid>/task/<tid>/status says of rights, for each
// thread of a process, without what is told twice.
func rightsOf(t *testing.T, pid int) []string {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	if err != nil || len(paths) < 3 {
		t.Fatalf("%d threads of process %d: %v", len(paths), pid, err)
	}
	var all []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rights := rightsIn(string(text))
		if len(all) == 0 || all[len(all)-1] != rights {
			all = append(all, rights)
		}
	}
	return all
}

// rightsIn is what of a status file is about rights, but the bounding set, which
// a runtime chooses.
func rightsIn(status string) string {
	var lines []string
	for line := range strings.Lines(status) {
		if strings.HasPrefix(line, "Cap") && !strings.HasPrefix(line, "CapBnd:") || strings.HasPrefix(line, "NoNewPrivs:") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// shownRights is what docs/isolation.md shows.
func shownRights(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/isolation.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```\nName:\tvmtap\n")
	block, _, ok := strings.Cut(rest, "```\n")
	if !ok {
		t.Fatal("the page shows no status file")
	}
	return rightsIn(block)
}

// TestRights: what a call has while it waits for a delegate is what the page
// shows, on each thread, for each verb. The delegate has what the runtime gave.
func TestRights(t *testing.T) {
	n := newNode(t)
	f := n.newFake(t, hanging)
	ours, err := os.ReadFile("/proc/thread-self/status")
	if err != nil {
		t.Fatal(err)
	}
	p := n.newPod(t, "p")
	call := p.call("eth0", strings.Replace(conf(fakeBlock), "1.0.0", "1.1.0", 1))
	for _, verb := range []string{cni.STATUS, cni.ADD, cni.CHECK, cni.GC, cni.DEL} {
		t.Run(verb, func(t *testing.T) {
			for _, file := range []string{"go", "parent", "read", "status"} {
				_ = os.Remove(filepath.Join(f.dir, file))
			}
			write(t, filepath.Join(f.dir, "at"), verb)
			c := call
			if verb == cni.GC {
				c.Conf = strings.Replace(gcConf("vmnet", valid("p@eth0")).Conf, `"type"`, fakeBlock+`, "type"`, 1)
			}
			done := make(chan *cni.Error, 1)
			go func() {
				stdout, fault, err := n.Invoke(verb, c)
				if err != nil {
					fault = &cni.Error{Msg: err.Error()}
				}
				if verb == cni.ADD {
					call = call.With(stdout)
				}
				done <- fault
			}()
			waitFor(t, "the delegate", func() bool { return f.said(t, "parent") != "" })
			broker, _ := strconv.Atoi(f.said(t, "parent"))
			expect(t, "rights", rightsOf(t, parentOf(t, broker)), []string{shownRights(t)})
			expect(t, "the delegate's rights", rightsIn(f.said(t, "status")+"\n"), rightsIn(string(ours)))
			if _, err := os.Stat(filepath.Join(f.dir, "read")); err != nil {
				t.Errorf("the delegate may not read /etc/shadow: %v", err)
			}
			write(t, filepath.Join(f.dir, "go"), "")
			if fault := <-done; fault != nil {
				t.Fatalf("%s: %s", verb, fault)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRightsAtLock: the rights are gone before the first look at the kernel: at
// the lock, in each placement.
func TestRightsAtLock(t *testing.T) {
	for name, block := range map[string]string{"pod": "", "host": `"placement": "host"`, "veth": `"device": "veth"`} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			pidFile := filepath.Join(t.TempDir(), "pid")
			n.Plugin = n.Wrap("sh", "-c", fmt.Sprintf(`echo $$ >%q; exec "$0"`, pidFile))
			call := p.call("eth0", conf(block))
			for _, verb := range []string{cni.ADD, cni.DEL} {
				offset := vmid.LockOffset("p", "eth0")
				unlock := holdLock(t, offset)
				done := n.beside(verb, call)
				waitFor(t, verb+" to wait", func() bool { return isAwaited(t, offset) })
				text, err := os.ReadFile(pidFile)
				if err != nil {
					t.Fatal(err)
				}
				pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
				expect(t, verb+"'s rights", rightsOf(t, pid), []string{shownRights(t)})
				unlock()
				if fault := <-done; fault != nil {
					t.Fatalf("%s: %s", verb, fault)
				}
			}
		})
	}
}

// TestFiles: what the plugin opens while it works is not another file. The path
// that it is about to open is changed in its memory, as one would who found a
// fault in it.
func TestFiles(t *testing.T) {
	for _, path := range []string{"/proc/sys/net/ipv6/conf/all/forwarding", "/proc/sys/net/ipv4/ip_forward"} {
		file := filepath.Join("/tmp", fmt.Sprintf("vmtap%d", os.Getpid()))
		if len(file) > len(path) {
			t.Fatalf("%s is longer than %s", file, path)
		}
		write(t, file, "secret")
		t.Cleanup(func() { _ = os.Remove(file) })
		n, p, fault := addOpening(t, path, file)
		if landlock() == 0 {
			t.Skip("this kernel has no Landlock, and opens it")
		}
		wantFault(t, fault, 5, "permission denied")
		if text, err := os.ReadFile(file); err != nil || string(text) != "secret" {
			t.Errorf("%s holds %q, %v", file, text, err)
		}
		n.noVMLinks(t)
		p.onlyLoopback(t)
	}
}

// addOpening runs an ADD on a new node that opens a file instead of a path. A
// run may take other steps than the one before it, for a lock that is not free
// for instance; then all is tried again.
func addOpening(t *testing.T, path, file string) (*node, *pod, *cni.Error) {
	t.Helper()
	for range tries {
		steps := stepsOf(t, newNode(t), localConf)
		i := slices.IndexFunc(steps, func(s cni.Step) bool { return s.Call == "openat" && s.Detail == path })
		if i < 0 {
			t.Fatalf("no step opens %s: %v", path, steps)
		}
		n := newNode(t)
		p := n.newPod(t, "p")
		faulty, trace := n.Faulty(cni.Fault{Step: steps[i].N, Path: file})
		_, fault := faulty.Add(t, p.call("eth0", localConf))
		if trace.Injected() {
			return n, p, fault
		}
		t.Logf("%v is not one of\n%s", steps[i], trace)
	}
	t.Fatalf("%s was not opened at the same step twice in %d tries", path, tries)
	return nil, nil, nil
}

// landlock is the kernel's ABI version, 0 for none.
func landlock() int {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version)
}

// started runs the plugin with no other capabilities than these, as setpriv
// names them.
func (n *node) started(capabilities string) *cni.Plugin {
	return n.Wrap("setpriv", "--bounding-set", "-all,"+capabilities, "--inh-caps", "-all")
}

// TestRightsNeeded: with what docs/privileges.md says that it must be started
// with each verb of each placement works, and ADD does not without any one of it.
func TestRightsNeeded(t *testing.T) {
	needed := []string{"+net_admin", "+sys_admin"}
	for name, block := range map[string]string{"pod": createConf, "host": `"placement": "host", ` + createConf, "veth": `"device": "veth", ` + createConf} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			c := conf(block)
			for i := range needed {
				if name == "host" && needed[i] == "+sys_admin" {
					continue // the plugin enters no namespace
				}
				p := n.newPod(t, "p")
				before := takeAll(t, n.NS, p.NS)
				lacking := strings.Join(append(append([]string{}, needed[:i]...), needed[i+1:]...), ",")
				if _, fault := n.started(lacking).Add(t, p.call("eth0", c)); fault == nil || !strings.Contains(fault.Msg, "not permitted") {
					t.Errorf("ADD without %s: %v", needed[i], fault)
				}
				before.wantSame(t)
				closeNS(t, p)
			}
			whole := *n
			whole.Plugin = n.started(strings.Join(needed, ","))
			a := whole.newPod(t, "q").add(t, "eth0", c) // with CHECK
			if fault := whole.Status(t, cni.Call{Conf: strings.Replace(c, "1.0.0", "1.1.0", 1)}); fault != nil {
				t.Errorf("STATUS: %s", fault)
			}
			whole.gc(t, gcConf("vmnet", valid("q@eth0")))
			a.del()
		})
	}
}

// TestPersonRights: run by a person, the plugin says what is in force.
func TestPersonRights(t *testing.T) {
	n := newNode(t)
	files := "no Landlock"
	if v := landlock(); v > 0 {
		files = fmt.Sprintf("Landlock, ABI version %d", v)
	}
	wantWords(t, n.asPerson(t), "In force on this node:", "capabilities: CAP_NET_ADMIN\n", "no_new_privs is set", files)
	out, err := n.Command("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", n.Bin).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	wantWords(t, string(out), "capabilities: none, run it as root", files)
}
