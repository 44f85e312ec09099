package e2e

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

// crashErrors are what calls fail with: no file descriptor or memory is left, no space, a signal came.
var crashErrors = []unix.Errno{unix.EMFILE, unix.ENOSPC, unix.EINTR, unix.ENOBUFS, unix.ENOMEM}

// crashEvery returns n if only every n-th case is to be tried: what VMTAP_CRASH_EVERY says, which is 1 for all, else what
// takes some seconds, or, where tests are to be short, much less. Primes, so that all kinds and steps come in turn.
func crashEvery(t *testing.T, usual, short int) int {
	t.Helper()
	if every := os.Getenv("VMTAP_CRASH_EVERY"); every != "" {
		n, err := strconv.Atoi(every)
		if err != nil || n < 1 {
			t.Fatalf("VMTAP_CRASH_EVERY is %q, want a number from 1", every)
		}
		return n
	}
	if testing.Short() {
		return short
	}
	return usual
}

// crashPart reports which scenarios are tried: every n-th from the k-th on, if VMTAP_CRASH_PART is "k/n", so that parts can
// run side by side; else all.
func crashPart(t *testing.T) (has func(scenario int) bool) {
	t.Helper()
	part := os.Getenv("VMTAP_CRASH_PART")
	if part == "" {
		return func(int) bool { return true }
	}
	var k, n int
	if _, err := fmt.Sscanf(part, "%d/%d", &k, &n); err != nil || k < 1 || k > n {
		t.Fatalf("VMTAP_CRASH_PART is %q, want a part such as 1/3", part)
	}
	return func(scenario int) bool { return scenario%n == k-1 }
}

// crashTally counts what was tried.
type crashTally struct {
	scenarios, calls int
	possible         int
	runs             map[string]int // by verb and kind of fault
}

// kindOf is a fault without its step.
func kindOf(f cni.Fault) string {
	switch {
	case f.Kill:
		return "killed before"
	case f.After:
		return "killed after"
	case f.Message != 0:
		return "message refused"
	}
	return unix.ErrnoName(f.Err)
}

func (c *crashTally) String() string {
	total := 0
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(c.runs)) {
		total += c.runs[kind]
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, c.runs[kind]))
	}
	return fmt.Sprintf("%d of %d faults at %d calls of %d scenarios: %s", total, c.possible, c.calls, c.scenarios, strings.Join(kinds, ", "))
}

// TestCrashTotal kills ADD and DEL before and after each of their system calls with an effect, makes each call fail in each
// way, and has each netlink message refused on its own. ADD undoes what it did or is whole, DEL as the runtime sends it
// then succeeds, node and pod are what they were, and the next ADD of the VM gets what it would have had.
func TestCrashTotal(t *testing.T) {
	every := crashEvery(t, 79, 211)
	tally := &crashTally{runs: map[string]int{}}
	at := 0 // counts over all scenarios
	turn := func() bool { at++; return at%every == 0 }
	has := crashPart(t)
	for i, s := range crashScenarios() {
		if !has(i) {
			continue
		}
		if testing.Short() && !s.ofOtherKernels() && s.name != "switch" && s.name != "host" {
			continue // the other kernel has it
		}
		t.Run(s.name, func(t *testing.T) {
			w := newCrashWorld(t, s)
			steps, identity := w.addSteps()
			tally.scenarios++
			tally.add(w, steps, turn, cni.ADD, func(f cni.Fault) {
				if s.fresh {
					w.close()
					w = newCrashWorld(t, s)
				}
				w.addAt(f, identity)
			})
			if s.fresh {
				return // there is nothing else about DEL
			}
			for _, late := range []bool{false, true} {
				verb := cni.DEL
				if late {
					verb = "late DEL"
				}
				tally.add(w, w.delSteps(late), turn, verb, func(f cni.Fault) { w.delAt(f, late, identity) })
			}
			w.again(identity, "all")
			w.wantSame("all")
		})
	}
	leaks := "zero leaks"
	if t.Failed() {
		leaks = "leaks: see above"
	}
	t.Logf("%v; %s", tally, leaks)
}

// add tries the faults of a verb whose turn it is.
func (c *crashTally) add(w *crashWorld, steps []cni.Step, turn func() bool, verb string, try func(cni.Fault)) {
	w.Helper()
	faults := slices.DeleteFunc(cni.Faults(steps, crashErrors...), func(f cni.Fault) bool {
		// Refused, it is what a kernel without the family answers: no failure, but a lie.
		return f.Message != 0 && steps[f.Step-1].Messages[f.Message-1] == "RTM_GETNETCONF"
	})
	c.calls += len(steps)
	c.possible += len(faults)
	for _, f := range faults {
		if turn() {
			try(f)
			c.runs[verb+" "+kindOf(f)]++
		}
	}
}
