package e2e

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// unread are outputs from which nobody reads. Where there is none at all Go opens /dev/null, and nothing fails.
var unread = map[string]struct {
	open  func(t *testing.T) *os.File
	fails bool
}{
	"full": {fails: true, open: func(t *testing.T) *os.File {
		t.Helper()
		f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}},
	"reader gone": {fails: true, open: func(t *testing.T) *os.File {
		t.Helper()
		r, w, err := os.Pipe()
		if err == nil {
			err = r.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
		return w
	}},
	"closed": {},
}

// TestCrashOutput: an ADD whose result nobody gets leaves nothing, or what DEL deletes; a DEL needs no output.
func TestCrashOutput(t *testing.T) {
	wantsNoVRF(t)
	// What needs more of the kernel makes no difference.
	scenarios := slices.DeleteFunc(crashScenarios(), func(s crashScenario) bool {
		return s.ofOtherKernels() || s.fresh && testing.Short()
	})
	for i := 0; i < len(scenarios); i += crashEvery(t, 3, 11) {
		s := scenarios[i]
		t.Run(s.name, func(t *testing.T) {
			w := newCrashWorld(t, s)
			a, identity := w.add("p")
			a.del()
			for name, output := range unread {
				if ok := w.runInto(t, cni.ADD, w.call, output.open); ok == output.fails {
					t.Errorf("%s: ADD succeeded: %t", name, ok)
				}
				if output.fails {
					w.wantSame("an ADD with output " + name)
				}
				w.del(w.call, "an ADD with output "+name)
				w.wantSame("DEL after an ADD with output " + name)

				a, _ := w.add("p")
				if !w.runInto(t, cni.DEL, a.call, output.open) {
					t.Errorf("%s: DEL failed", name)
				}
				w.wantSame("a DEL with output " + name)
				w.again(identity, "a DEL with output "+name)
			}
		})
	}
}

// runInto runs the plugin with an output, nil for none, and reports whether it succeeded.
func (w *crashWorld) runInto(t *testing.T, command string, call cni.Call, open func(*testing.T) *os.File) bool {
	t.Helper()
	argv := []string{"sh", "-c", `exec "$0" >&-`, w.n.Bin}
	if open != nil {
		argv = []string{w.n.Bin}
	}
	cmd := w.n.Command(argv[0], argv[1:]...)
	if open != nil {
		f := open(t)
		defer f.Close()
		cmd.Stdout = f
	}
	cmd.Stdin = strings.NewReader(withPrevResult(t, call))
	cmd.Env = os.Environ()
	for name, value := range variables(command, call, w.n.Bin) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if w.n.Plugin.Path != "" {
		cmd.Env = append(cmd.Env, "CNI_PATH="+w.n.Plugin.Path)
	}
	err := cmd.Run()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return err == nil
}
