package e2e

import (
	"maps"
	"slices"
	"testing"

	"github.com/vmtap/vmtap/test/cri"
)

// runtimes counts tests for each runtime and version.
var runtimes = tally{passed: map[string]int{}}

type tally struct {
	ran    []string // names of tests
	passed map[string]int
}

func (r *tally) add(test, runtime string, ok bool) {
	r.ran = append(r.ran, test)
	if n := r.passed[runtime]; ok {
		r.passed[runtime] = n + 1
	}
}

// TestRuntimeTotal runs after all tests with runtimes, since its file is the last
// of theirs by name. It says how many passed with each.
func TestRuntimeTotal(t *testing.T) {
	skipUnlessAll(t, "cri_*_test.go", "TestCRI", append(runtimes.ran, "TestCRIRDomains")) // which only the test VM can run
	for _, release := range cri.Releases(t, source) {
		if runtimes.passed[release.String()] == 0 {
			t.Errorf("no test passed with %s", release)
		}
	}
	for _, runtime := range slices.Sorted(maps.Keys(runtimes.passed)) {
		t.Logf("%s: %d tests passed", runtime, runtimes.passed[runtime])
	}
}
