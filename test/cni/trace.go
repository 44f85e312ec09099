package cni

import (
	"fmt"
	"strings"
	"sync"
)

// Trace is what the last run of a plugin did, or what its children did. Calls of the others are not in it.
type Trace struct {
	mu       sync.Mutex
	steps    []Step
	injected bool
	orphaned bool
	files    []string
	environ  []string
}

// Steps are the steps that the run took.
func (tr *Trace) Steps() []Step {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return append([]Step(nil), tr.steps...)
}

// Injected says whether the run came to the step of the fault.
func (tr *Trace) Injected() bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.injected
}

// Orphaned says whether a child went on after the plugin's death.
func (tr *Trace) Orphaned() bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.orphaned
}

// Inherited are the open files of the child at its last step, and its environment.
func (tr *Trace) Inherited() (files, environ []string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.files, tr.environ
}

func (tr *Trace) String() string {
	var b strings.Builder
	for _, s := range tr.Steps() {
		fmt.Fprintln(&b, s)
	}
	return b.String()
}

func (tr *Trace) reset() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.steps, tr.injected, tr.orphaned = nil, false, false
}

// note adds a step and returns its number.
func (tr *Trace) note(s Step) int {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	s.N = len(tr.steps) + 1
	tr.steps = append(tr.steps, s)
	return s.N
}

// inject makes the fault happen, by do if that is not nil, and notes it. Nobody is told of the steps meanwhile: a test
// must not see the plugin's death before it is noted.
func (tr *Trace) inject(do func() error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.injected = do == nil || do() == nil
}

func (tr *Trace) orphan(goesOn bool) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.orphaned = goesOn
}

func (tr *Trace) inherit(files, environ []string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.files, tr.environ = files, environ
}
