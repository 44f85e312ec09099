package cni

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// A Step is one system call of a plugin that has an effect outside the process, or whose failure a plugin must be able
// to bear. Steps are counted over all threads: a Go program's calls wander between them, so that strace, which counts
// per thread, cannot say which call of a program is its n-th.
type Step struct {
	N        int // from 1
	Call     string
	Detail   string   // the request, path or number that says which of its kind it is
	Messages []string // the netlink messages that it sends
	Changes  bool     // whether anything outlives the process's death after it
}

func (s Step) String() string {
	return strings.TrimRight(fmt.Sprintf("%d %s %s", s.N, s.Call, strings.Join(append([]string{s.Detail}, s.Messages...), " ")), " ")
}

// Fault is what goes wrong at a step. One of Kill, After, Blocked, Orphan, Hold, Message, Path and Err is set.
type Fault struct {
	Step int
	// Child says that the steps are not the plugin's, but those of the processes that it starts.
	Child bool
	Err   unix.Errno // the call fails with it and is not carried out
	Kill  bool       // the process is killed, and the call not carried out
	// After says that the call is carried out, and that the process is killed before it can do anything more, be it to
	// read what came of the call. No call that waits for others can be one: it would be interrupted.
	After bool
	// Blocked says that the process is killed while it waits within the call, which it does only if somebody else makes
	// it wait. Otherwise nothing happens.
	Blocked bool
	// Hold is closed by the test when the step may go on.
	Hold <-chan struct{}
	// Orphan says that the plugin is killed at a step of its child's, which goes on only if it does not die within 10 s.
	Orphan bool
	// Message is the number, from 1, of one of the step's netlink messages, which the kernel refuses (with EOPNOTSUPP)
	// while it carries out the others of the same send. Its type is overwritten where the plugin sends it from.
	Message int
	// Path is what the step opens instead: it is written over the path, in the plugin's memory, which must be as long.
	Path string
}

func (f Fault) String() string {
	switch {
	case f.Kill:
		return fmt.Sprintf("killed before step %d", f.Step)
	case f.After:
		return fmt.Sprintf("killed after step %d", f.Step)
	case f.Blocked:
		return fmt.Sprintf("killed while blocked in step %d", f.Step)
	case f.Hold != nil:
		return fmt.Sprintf("held at step %d", f.Step)
	case f.Orphan:
		return fmt.Sprintf("parent killed at step %d", f.Step)
	case f.Path != "":
		return fmt.Sprintf("step %d opens %s", f.Step, f.Path)
	case f.Message != 0:
		return fmt.Sprintf("message %d of step %d refused", f.Message, f.Step)
	}
	return fmt.Sprintf("%v at step %d", f.Err, f.Step)
}

// Kills says whether the process whose step it is dies of it.
func (f Fault) Kills() bool { return f.Kill || f.After || f.Blocked }

// Faults are all that can go wrong where a plugin takes these steps: it is killed before and after each step that
// changes something, each step fails with each of the errors, and each netlink message is refused.
func Faults(steps []Step, errs ...unix.Errno) []Fault {
	var faults []Fault
	for _, s := range steps {
		if s.Changes {
			faults = append(faults, Fault{Step: s.N, Kill: true}, Fault{Step: s.N, After: true})
		}
		for _, err := range errs {
			faults = append(faults, Fault{Step: s.N, Err: err})
		}
		for i := range s.Messages {
			faults = append(faults, Fault{Step: s.N, Message: i + 1})
		}
	}
	return faults
}

// Traced returns the plugin so that its steps are noted. It is for one call at a time, and not for a plugin in a Wrap.
func (p *Plugin) Traced() (*Plugin, *Trace) { return p.Faulty(Fault{}) }

// Faulty returns the plugin so that the fault happens in each of its runs, and steps are noted as by Traced.
func (p *Plugin) Faulty(f Fault) (*Plugin, *Trace) {
	s := &supervisor{fault: f, trace: new(Trace)}
	w := *p
	w.faulty = s
	return &w, s.trace
}
