package e2e

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

// TestCrashKata is TestCrashTotal around Kata's file: ADD and DEL are killed before and
// after each call that changes files or, next to them, something else, and each of these
// fails. What is listed is there at each moment.
func TestCrashKata(t *testing.T) {
	wantsNoVRF(t)
	all := crashScenarios()
	i := slices.IndexFunc(all, func(s crashScenario) bool { return s.kata && s.sibling })
	w := newCrashWorld(t, all[i])
	steps, identity := w.addSteps()
	faults := w.aroundFiles(steps)
	for _, f := range faults {
		w.addAt(f, identity)
	}
	ofDel := w.aroundFiles(w.delSteps(true))
	for _, f := range ofDel {
		w.delAt(f, true, identity)
	}
	w.wantSame("all")
	if len(faults) < 20 || len(ofDel) < 20 {
		t.Errorf("only %d faults of ADD and %d of DEL were tried", len(faults), len(ofDel))
	}
}

// aroundFiles are the faults of the calls that change Kata's files, and of the two changes
// before and after them.
func (w *crashWorld) aroundFiles(steps []cni.Step) []cni.Fault {
	w.Helper()
	steps = slices.DeleteFunc(slices.Clone(steps), func(s cni.Step) bool { return !s.Changes })
	ofFile := func(s cni.Step) bool { return strings.HasPrefix(s.Detail, w.dan.path+"/") }
	first, last := slices.IndexFunc(steps, ofFile), len(steps)
	if first < 0 {
		w.Fatalf("no step changes a file in %s: %v", w.dan.path, steps)
	}
	for !ofFile(steps[last-1]) {
		last--
	}
	return slices.DeleteFunc(cni.Faults(steps[max(0, first-2):min(last+2, len(steps))], unix.ENOSPC), func(f cni.Fault) bool { return f.Message != 0 })
}
