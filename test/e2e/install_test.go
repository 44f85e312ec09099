package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// stamped builds the plugin as one of another version.
func stamped(t *testing.T, version string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "vmtap")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version="+version, "-o", bin, "./plugins/vmtap")
	cmd.Dir = source
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the plugin: %v\n%s", err, out)
	}
	return bin
}

// installed are a node's directories, with the installer's options for them.
type installed struct {
	*node
	bin, net, conf string // directories, and the configuration to put in place
	options        []string
}

func newInstalled(t *testing.T) *installed {
	t.Helper()
	dir := t.TempDir()
	i := &installed{node: newNode(t), bin: filepath.Join(dir, "bin"), net: filepath.Join(dir, "net.d"), conf: filepath.Join(dir, "20-vm.conflist")}
	write(t, i.conf, `{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "vmtap", `+createConf+`}]}`)
	i.Bin = filepath.Join(i.bin, "vmtap")
	i.options = []string{"-bin-dir", i.bin, "-conf-dir", i.net, "-conf", i.conf}
	return i
}

// installer is the installer with such a plugin and these arguments more, with the rights that docs/install.md says.
func (i *installed) installer(plugin string, args ...string) *netns.Cmd {
	return i.tool("vmtap-install", ",+net_raw,+net_admin", append(append([]string{"-plugin", plugin}, i.options...), args...)...)
}

// put has the installer put all in place.
func (i *installed) put(t *testing.T, plugin string, args ...string) {
	t.Helper()
	if out, err := i.installer(plugin, append(args, "-once")...).CombinedOutput(); err != nil {
		t.Fatalf("install: %v\n%s", err, out)
	}
	i.wantPlugin(t, plugin)
}

func (i *installed) wantPlugin(t *testing.T, plugin string) {
	t.Helper()
	if have, want := sha(t, i.Bin), sha(t, plugin); have != want {
		t.Errorf("%s is not %s", i.Bin, plugin)
	}
}

// files are the names in the directory of plugins. A file that is not whole yet has one of its own each time.
func (i *installed) files(t *testing.T) string {
	t.Helper()
	entries, err := os.ReadDir(i.bin)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// hasEnded reports whether a process has ended, which was not waited for yet.
func hasEnded(cmd *netns.Cmd) bool {
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, cmd.Process.Pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return err != nil || info.Signo != 0
}

func sha(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.Command("sha256sum", path).Output()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	sum, _, _ := strings.Cut(string(out), " ")
	return sum
}

// load adds and deletes interfaces until it is told to end.
type load struct {
	stop  chan struct{}
	all   sync.WaitGroup
	mu    sync.Mutex
	calls int
	errs  []string
}

func (i *installed) load(t *testing.T, workers int) *load {
	t.Helper()
	l := &load{stop: make(chan struct{})}
	for w := range workers {
		p := i.newPod(t, fmt.Sprintf("load%d", w))
		l.all.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				for _, verb := range []string{cni.ADD, cni.DEL} {
					_, fault, err := i.Invoke(verb, p.call("eth0", conf(createConf)))
					l.mu.Lock()
					l.calls++
					if fault != nil || err != nil {
						l.errs = append(l.errs, fmt.Sprintf("%s: %v, %v", verb, fault, err))
					}
					l.mu.Unlock()
				}
			}
		})
	}
	return l
}

// end ends it, and demands that every call worked.
func (l *load) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.all.Wait()
	t.Logf("%d calls", l.calls)
	for _, err := range l.errs {
		t.Errorf("%s", err)
	}
	if l.calls < 20 {
		t.Errorf("only %d calls were made", l.calls)
	}
}

// TestInstallKilled: while the installer puts one version in the place of the other, and is killed at any moment, each ADD
// and DEL works. VMs that run are the next version's, and with the downgrade that somebody asked for the one's before.
func TestInstallKilled(t *testing.T) {
	wantsNoVRF(t)
	i := newInstalled(t)
	older, newer := stamped(t, "v0.1.0"), stamped(t, "v0.1.1")
	i.put(t, older)
	up, down := i.newPod(t, "up").add(t, "eth0", conf(createConf)), i.newPod(t, "down")

	l := i.load(t, 2)
	killed, left := 0, 0
	for round := range 20 {
		plugin, before := []string{newer, older}[round%2], i.files(t)
		cmd := i.installer(plugin, "-downgrade", "-once")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if round%4 < 2 {
			// At any moment, from its first on.
			time.Sleep(time.Duration(rand.IntN(60)) * time.Millisecond)
		} else {
			// While it writes, however slow this machine is.
			for end := time.Now().Add(10 * time.Second); i.files(t) == before && !hasEnded(cmd) && time.Now().Before(end); {
				time.Sleep(100 * time.Microsecond)
			}
		}
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // its state says how it ended
		if !cmd.ProcessState.Exited() {
			killed++
		}
		if after := i.files(t); after != before && after != "vmtap" {
			left++
		}
		if have := sha(t, i.Bin); have != sha(t, older) && have != sha(t, newer) {
			t.Fatalf("round %d: the plugin is neither of both", round)
		}
	}
	t.Logf("killed in %d rounds, in %d of them while it wrote", killed, left)
	if killed < 5 || left == 0 {
		t.Errorf("it was killed in %d rounds, in %d while it wrote", killed, left)
	}
	i.put(t, newer)
	if entries, err := os.ReadDir(i.bin); err != nil || len(entries) != 1 {
		t.Errorf("%v are there, %v", entries, err)
	}
	// The upgrade: links of the version before are understood.
	if fault := i.Check(t, up.call); fault != nil {
		t.Errorf("CHECK after the upgrade: %s", fault)
	}
	up.del()
	made := down.add(t, "eth0", conf(createConf))

	// The way back is refused, until somebody says that it is meant.
	out, err := i.installer(older, "-once").CombinedOutput()
	if want := i.Bin + " is v0.1.1, which is newer than v0.1.0"; err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: %s\nwant %q", err, out, want)
	}
	i.wantPlugin(t, newer)
	i.put(t, older, "-downgrade")
	if fault := i.Check(t, made.call); fault != nil {
		t.Errorf("CHECK after the downgrade: %s", fault)
	}
	made.del()
	l.end(t)
	i.noVMLinks(t)
}

// children are the processes that a process began.
func children(t *testing.T, pid int) (all []int) {
	t.Helper()
	out, _ := exec.Command("pgrep", "-P", strconv.Itoa(pid)).Output() // none is an error
	for _, word := range strings.Fields(string(out)) {
		child, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, child)
	}
	return all
}

// TestInstaller: with the rights that it has left the installer restores what is removed; it and vmtapd end together;
// the configuration goes when that is asked for.
func TestInstaller(t *testing.T) {
	wantsNoVRF(t)
	i := newInstalled(t)
	plugin, newer := stamped(t, "v0.1.0"), stamped(t, "v0.1.1")
	socket := filepath.Join(t.TempDir(), "s")
	run := func(more ...string) *responder {
		args := append([]string{"-plugin", plugin}, append(i.options, more...)...)
		return begin(t, i.tool("vmtap-install", ",+net_raw,+net_admin", append(args, "--", "-cache-dir", t.TempDir(), "-metrics", "unix:"+socket)...))
	}
	file := filepath.Join(i.net, filepath.Base(i.conf))
	there := func(path string) bool {
		_, err := os.Stat(path)
		return err == nil
	}

	r := run()
	waitFor(t, "the configuration", func() bool { return there(file) })
	i.wantPlugin(t, plugin)
	waitFor(t, "vmtapd to be well", func() bool { status, _, _ := get(t, socket, "/healthz"); return status == 200 })
	pid := r.cmd.Process.Pid
	const nothing = "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n"
	waitFor(t, "the installer to give up its rights", func() bool {
		rights := rightsOf(t, pid)
		return len(rights) == 1 && rights[0] == nothing
	})
	for _, path := range []string{i.Bin, file} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		waitFor(t, path, func() bool { return there(path) })
	}
	i.wantPlugin(t, plugin)
	i.newPod(t, "p").add(t, "eth0", conf(createConf)).del()

	// It can still ask a plugin for its version.
	text, err := os.ReadFile(newer)
	if err == nil {
		err = os.WriteFile(i.Bin, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	r.await(t, "left alone")
	i.wantPlugin(t, newer)
	if err := os.Remove(i.Bin); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "its own plugin", func() bool { return there(i.Bin) })
	i.wantPlugin(t, plugin)

	// What is killed ends the other.
	vmtapd := children(t, pid)
	if len(vmtapd) != 1 {
		t.Fatalf("it has the children %v", vmtapd)
	}
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = r.cmd.Wait() // it was killed
	waitFor(t, "vmtapd to end with the installer", func() bool { return unix.Kill(vmtapd[0], 0) == unix.ESRCH })
	r = run()
	if err := unix.Kill(children(t, r.cmd.Process.Pid)[0], unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Wait(); err == nil || !strings.Contains(r.log.String(), "vmtapd has ended: signal: killed") {
		t.Errorf("%v: %s", err, r.log)
	}

	r = run()
	r.end(t)
	if !there(file) || !there(i.Bin) {
		t.Error("at its end it removed something")
	}
	r = run("-remove-conf")
	r.end(t)
	if there(file) || !there(i.Bin) {
		t.Errorf("configuration %t, plugin %t", there(file), there(i.Bin))
	}
	i.put(t, plugin)
	if out, err := i.tool("vmtap-install", "", "remove", "-conf", i.conf, "-conf-dir", i.net).CombinedOutput(); err != nil || there(file) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestInstallRefused: with a configuration that ADD would refuse nothing is put in place.
func TestInstallRefused(t *testing.T) {
	wantsNoVRF(t)
	i := newInstalled(t)
	write(t, i.conf, `{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "vmtap", "rdomian": 5}]}`)
	out, err := i.installer(cni.Build(t), "-once").CombinedOutput()
	if want := `"rdomian" 5: unknown, did you mean rdomain?`; err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%v: %s\nwant %q", err, out, want)
	}
	for _, dir := range []string{i.bin, i.net} {
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s was made", dir)
		}
	}
}

// TestInstallOrder: the configuration comes last, after vmtapd was begun, and each file comes once, whole.
func TestInstallOrder(t *testing.T) {
	wantsNoVRF(t)
	for name, more := range map[string][]string{"once": {"-once"}, "with vmtapd": nil} {
		t.Run(name, func(t *testing.T) {
			i := newInstalled(t)
			watch, err := fsnotify.NewWatcher()
			if err != nil {
				t.Fatal(err)
			}
			defer watch.Close()
			for _, dir := range []string{i.bin, i.net} {
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := watch.Add(dir); err != nil {
					t.Fatal(err)
				}
			}
			if more == nil {
				more = []string{"--", "-cache-dir", t.TempDir()}
			}
			cmd := i.installer(cni.Build(t), more...)
			log := &syncBuffer{}
			cmd.Stderr = log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var seen []string
			for file := filepath.Base(i.conf); len(seen) == 0 || seen[len(seen)-1] != "CREATE "+file; {
				select {
				case e := <-watch.Events:
					if name := filepath.Base(e.Name); name == "vmtap" || name == file {
						seen = append(seen, e.Op.String()+" "+name)
					}
				case <-time.After(time.Minute):
					t.Fatalf("%q were seen; it said\n%s", seen, log)
				}
			}
			expect(t, "what came", seen, []string{"CREATE vmtap", "CREATE " + filepath.Base(i.conf)})
			if name != "once" && len(children(t, cmd.Process.Pid)) != 1 {
				t.Error("vmtapd was not begun before")
			}
			if name != "once" {
				if err := cmd.Process.Signal(unix.SIGTERM); err != nil {
					t.Error(err)
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v:\n%s", err, log)
			}
		})
	}
}
