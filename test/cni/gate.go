package cni

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Gate holds a plugin before each of its steps until it may go on, so that a test decides in which order two of them
// work. It is for one run.
type Gate struct {
	// Unlocked says that the plugin's locks are not taken, though it believes so.
	Unlocked bool

	asked chan asked
	ended chan struct{}
	end   sync.Once

	process atomic.Int64
}

// asked is a step that waits for leave.
type asked struct {
	step    Step
	process int
	leave   chan<- leave
}

// leave says what becomes of a step: it is taken, or it fails, or the process is
// gone.
type leave struct{ err unix.Errno }

// NewGate returns a Gate for one run of a plugin.
func NewGate() *Gate {
	return &Gate{asked: make(chan asked), ended: make(chan struct{})}
}

// Gated returns the plugin so that its next run is held by a Gate.
func (p *Plugin) Gated(g *Gate) *Plugin {
	s := &supervisor{trace: new(Trace), gate: g}
	w := *p
	w.faulty = s
	return &w
}

// Held is a step before which a plugin is held.
type Held struct {
	Step
	process int
	leave   chan<- leave
}

// Go lets the plugin take the step.
func (h *Held) Go() { h.leave <- leave{} }

// Fail lets the step fail, without being taken.
func (h *Held) Fail(err unix.Errno) { h.leave <- leave{err} }

// Kill kills the plugin before the step.
func (h *Held) Kill() error {
	err := unix.Kill(h.process, unix.SIGKILL)
	h.leave <- leave{unix.EINTR} // should the answer be faster than death
	return err
}

// Next waits until the plugin is held before its next step. It returns nil when the run has ended, and when the plugin
// waits for a lock, which another process has.
func (g *Gate) Next() (held *Held, blocked bool) {
	const sure = 10 // a plugin that only seems to wait goes on later
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for waits := 0; waits < sure; {
		select {
		case a := <-g.asked:
			return &Held{a.step, a.process, a.leave}, false
		case <-g.ended:
			return nil, false
		case <-tick.C:
			if waits++; !g.waitsForLock() {
				waits = 0
			}
		}
	}
	return nil, true
}

// waitsForLock says whether a thread of the plugin is in the call that waits for a lock.
func (g *Gate) waitsForLock() bool {
	call := fmt.Sprintf("%d ", unix.SYS_FCNTL)
	wait := fmt.Sprintf(" %#x ", unix.F_OFD_SETLKW)
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", g.process.Load()))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err == nil && strings.HasPrefix(string(text), call) && strings.Contains(string(text), wait) {
			return true
		}
	}
	return false
}

// Ended says that the run is over. Who started it says so.
func (g *Gate) Ended() { g.end.Do(func() { close(g.ended) }) }

// hold waits for leave to take a step, and says what becomes of it.
func (g *Gate) hold(n notification, process int, step Step) answer {
	g.process.Store(int64(process))
	said := make(chan leave, 1)
	select {
	case g.asked <- asked{step, process, said}:
		select {
		case l := <-said:
			if l.err != 0 {
				return answer{id: n.id, errno: -int32(l.err)}
			}
		case <-g.ended:
		}
	case <-g.ended:
	}
	if g.Unlocked && step.Call == "fcntl" {
		return answer{id: n.id} // as if it had been done
	}
	return answer{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
}
