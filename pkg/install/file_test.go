package install

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestPut: the file is there as it should be, whatever was there, and nothing else
// was touched but what a killed process left.
func TestPut(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(t *testing.T, path string)
	}{
		{"nothing", func(*testing.T, string) {}},
		{"old", func(t *testing.T, path string) { write(t, path, "old", 0o755) }},
		{"same, other mode", func(t *testing.T, path string) { write(t, path, "new", 0o700) }},
		{"longer", func(t *testing.T, path string) { write(t, path, "new and more", 0o755) }},
		{"same length", func(t *testing.T, path string) { write(t, path, "old", 0o755) }},
		{"link", func(t *testing.T, path string) {
			if err := os.Symlink("other", path); err != nil {
				t.Fatal(err)
			}
		}},
		{"link to nothing", func(t *testing.T, path string) {
			if err := os.Symlink("gone", path); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			f := File{Path: filepath.Join(dir, "vmtap"), Content: []byte("new"), Mode: 0o755}
			others := map[string]string{"other": "new", "vmtap.vmtap-install-1": "a", ".bridge.vmtap-install-2": "b"}
			for name, content := range others {
				write(t, filepath.Join(dir, name), content, 0o600)
			}
			write(t, filepath.Join(dir, ".vmtap.vmtap-install-123"), "ne", 0o600)
			c.before(t, f.Path)
			if ok, err := f.InPlace(); ok || err != nil {
				t.Errorf("in place before: %t, %v", ok, err)
			}
			if err := f.Put(); err != nil {
				t.Fatal(err)
			}
			if ok, err := f.InPlace(); !ok || err != nil {
				t.Errorf("in place after: %t, %v", ok, err)
			}
			wantFile(t, f.Path, "new", 0o755)
			for name, content := range others {
				wantFile(t, filepath.Join(dir, name), content, 0o600)
			}
			if have := names(t, dir); have != ".bridge.vmtap-install-2 other vmtap vmtap.vmtap-install-1" {
				t.Errorf("the directory has %s", have)
			}
			for range 2 {
				if err := f.Remove(); err != nil {
					t.Error(err)
				}
			}
			if have := names(t, dir); have != ".bridge.vmtap-install-2 other vmtap.vmtap-install-1" {
				t.Errorf("after its removal the directory has %s", have)
			}
		})
	}
}

// TestPutRefused: an error leaves all as it was.
func TestPutRefused(t *testing.T) {
	dir := t.TempDir()
	f := File{Path: filepath.Join(dir, "vmtap"), Content: []byte("new"), Mode: 0o755}
	write(t, filepath.Join(f.Path, "in it"), "old", 0o600)
	if _, err := f.InPlace(); err == nil {
		t.Error("a directory is no error")
	}
	if err := f.Put(); err == nil {
		t.Error("a directory was replaced")
	}
	if have := names(t, dir); have != "vmtap" {
		t.Errorf("the directory has %s", have)
	}
	f.Path = filepath.Join(dir, "none", "vmtap")
	if err := f.Put(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if err := f.Remove(); err != nil {
		t.Errorf("what is in no directory is gone: %v", err)
	}
}

// putEnv tells this program to be the one that TestKilled kills.
const putEnv = "VMTAP_TEST_PUT"

func TestMain(m *testing.M) {
	if path := os.Getenv(putEnv); path != "" {
		putForever(path)
	}
	os.Exit(m.Run())
}

// contents are what TestKilled's files have in turn, so large that it takes a while.
func contents() [2][]byte {
	return [2][]byte{bytes.Repeat([]byte("old "), 1<<19), bytes.Repeat([]byte("newer "), 1<<19)}
}

func putForever(path string) {
	all := contents()
	for i := 0; ; i++ {
		f := File{Path: path, Content: all[i%2], Mode: 0o755}
		if err := f.Put(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// TestKilled: whenever a process is killed that puts a file in place, the file is
// there, and whole; two at once do not disturb each other.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "vmtap")
	all := contents()
	if err := (&File{Path: path, Content: all[0], Mode: 0o755}).Put(); err != nil {
		t.Fatal(err)
	}
	whole := func() {
		t.Helper()
		have, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(have, all[0]) && !bytes.Equal(have, all[1]) {
			t.Fatalf("%d bytes, %v", len(have), err)
		}
	}
	left := 0
	for round := range 15 {
		var cmds [2]*exec.Cmd
		for i := range cmds {
			cmds[i] = exec.Command("/proc/self/exe")
			cmds[i].Env = append(os.Environ(), putEnv+"="+path)
			cmds[i].Stderr = os.Stderr
			if err := cmds[i].Start(); err != nil {
				t.Fatal(err)
			}
		}
		for end := time.Now().Add(time.Duration(10+rand.IntN(30)) * time.Millisecond); time.Now().Before(end); {
			whole()
		}
		for _, cmd := range cmds {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			_ = cmd.Wait() // its state says how it ended
			if cmd.ProcessState.Exited() {
				t.Fatalf("round %d: %v", round, cmd.ProcessState)
			}
		}
		whole()
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) > 2 {
			t.Errorf("%v, %v: more than one process could write", entries, err)
		}
		left += len(entries) - 1
	}
	if left == 0 {
		t.Error("no process was killed while it wrote")
	}
	if err := (&File{Path: path, Content: all[1], Mode: 0o755}).Put(); err != nil {
		t.Fatal(err)
	}
	if have := names(t, dir); have != "vmtap" {
		t.Errorf("the directory has %s", have)
	}
}
