package cri

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
)

// Machine is a node: a network namespace with a file system and processes of its own. What it has in /run and /var/lib
// is seen by nobody else, and all of its processes end with the test.
type Machine struct {
	Release
	NS      *netns.NS
	Dir     string // where its own files are, for the test as well
	ConfDir string // in place of /etc/cni/net.d
	BinDir  string // in place of /opt/cni/bin

	init    *exec.Cmd
	daemon  *exec.Cmd
	cgroup  string
	clients clients
}

// New makes a machine on which nothing runs yet, with these plugins, given by their paths, in its directory for them.
func New(t testing.TB, r Release, plugins ...string) *Machine {
	t.Helper()
	m := &Machine{Release: r, NS: netns.New(t), Dir: shortTempDir(t)}
	m.ConfDir, m.BinDir = filepath.Join(m.Dir, "net.d"), filepath.Join(m.Dir, "bin")
	for _, dir := range []string{m.ConfDir, m.BinDir} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, plugin := range plugins {
		if err := os.Symlink(plugin, filepath.Join(m.BinDir, filepath.Base(plugin))); err != nil {
			t.Fatal(err)
		}
	}
	m.boot(t)
	return m
}

// shortTempDir is a directory whose path is short enough for sockets in it, which t.TempDir's may not be.
func shortTempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "vmtap-cri-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil { // for images' users
		t.Fatal(err)
	}
	return dir
}

// bootScript is run by the machine's process 1. All may open /dev/net/tun and /dev/kvm, as udev has it on most machines.
// The script ends, and with it all of the machine's processes, when the test process lets go of its standard input,
// however that ends.
const bootScript = `
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/lib
mkdir -p /run/netns
for device in net/tun kvm; do
	[ -e /dev/$device ] || continue
	file=/run/device-${device#*/}
	mknod -m 666 $file c 0x$(stat -c %t /dev/$device) 0x$(stat -c %T /dev/$device)
	mount --bind $file /dev/$device
done
echo booted
while read -r _; do :; done
`

func (m *Machine) boot(t testing.TB) {
	t.Helper()
	m.init = exec.Command("bash", "-c", bootScript)
	m.init.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID}
	stdin, err1 := m.init.StdinPipe()
	stdout, err2 := m.init.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	m.init.Stderr = &errs
	var err error
	m.NS.Do(func() { err = m.init.Start() })
	if err != nil {
		t.Fatalf("start a machine: %v", err)
	}
	m.cgroup = fmt.Sprintf("/vmtap-test-%d", m.init.Process.Pid)
	t.Cleanup(func() { m.end(t, stdin) })
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil || line != "booted\n" {
		t.Fatalf("start a machine: %q, %v: %s", line, err, errs.String())
	}
}

// end ends all processes of the machine, and removes what they leave: control groups.
func (m *Machine) end(t testing.TB, stdin io.Closer) {
	m.clients.close()
	if err := errors.Join(m.init.Process.Kill(), stdin.Close()); err != nil {
		t.Errorf("end a machine: %v", err)
	}
	_ = m.init.Wait() // it was killed
	if m.daemon != nil {
		_ = m.daemon.Wait()
	}
	if err := removeCgroup(m.cgroup); err != nil {
		t.Errorf("end a machine: %v", err)
	}
}

// removeCgroup removes a control group and those below it, in every hierarchy.
func removeCgroup(name string) error {
	top := "/sys/fs/cgroup"
	var dirs []string
	for _, pattern := range []string{top + name, top + "/*" + name} {
		found, _ := filepath.Glob(pattern) // the pattern is well-formed
		for _, dir := range found {
			_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
				if err == nil && d.IsDir() {
					dirs = append(dirs, path)
				}
				return nil
			})
		}
	}
	var errs []error
	for i := len(dirs) - 1; i >= 0; i-- { // the inner ones first
		if err := unix.Rmdir(dirs[i]); err != nil && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, fmt.Errorf("remove %s: %w", dirs[i], err))
		}
	}
	return errors.Join(errs...)
}

// Enter is a command that runs another one on the machine.
func (m *Machine) Enter() []string {
	return []string{"nsenter", "--target", fmt.Sprint(m.init.Process.Pid), "--mount", "--pid", "--net", "--"}
}

// Command is exec.Command for a process on the machine, which finds containerd's programs and the test's files.
func (m *Machine) Command(name string, args ...string) *exec.Cmd {
	argv := append(append(m.Enter(), name), args...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "PATH="+m.path)
	return cmd
}

// Run runs a command on the machine and returns what it printed. The test fails if the command does.
func (m *Machine) Run(t testing.TB, name string, args ...string) string {
	t.Helper()
	var out, errs strings.Builder
	cmd := m.Command(name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("run %s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

// Path is the test's path of a file of the machine, such as one in /run or /proc.
func (m *Machine) Path(path string) string {
	if inRun, ok := strings.CutPrefix(path, "/var/run/"); ok { // a link, which would lead to this process's /run
		path = "/run/" + inRun
	}
	return fmt.Sprintf("/proc/%d/root%s", m.init.Process.Pid, path)
}
