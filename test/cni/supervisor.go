package cni

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// supervisor lets the plugin's watched calls happen, and one of them go wrong.
type supervisor struct {
	fault Fault
	trace *Trace
	gate  *Gate        // nil: the plugin is not held
	last  notification // the last that was a step
}

// start calls f, which starts the plugin, on a thread whose children are supervised.
func (s *supervisor) start(f func() error) error {
	s.trace.reset()
	s.last = notification{}
	started := make(chan error)
	go onLostThread(func() {
		fd, err := listen()
		if err != nil {
			started <- err
			return
		}
		go s.serve(fd, unix.Gettid())
		started <- f()
	})
	return <-started
}

// onLostThread calls f on a thread that then ends. It does not take the process's first thread, which cannot end.
func onLostThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		f()
		return // without unlocking: the thread ends with the goroutine
	}
	defer runtime.UnlockOSThread()
	done := make(chan struct{})
	go func() {
		defer close(done)
		onLostThread(f)
	}()
	<-done
}

// serve answers until neither the starting thread nor any process is left that could ask.
func (s *supervisor) serve(fd, starter int) {
	defer unix.Close(fd)
	plugin := 0
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, -1); err != nil && err != unix.EINTR {
			return
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			if poll[0].Revents != 0 {
				return
			}
			continue
		}
		n, err := receive(fd)
		if err != nil {
			continue // the thread died, or was interrupted and will ask again
		}
		a, then := goOn(n), func() {}
		if int(n.pid) != starter {
			process := processOf(int(n.pid))
			if plugin == 0 {
				plugin = process // no child can be before it
			}
			if (process == plugin) != s.fault.Child {
				a, then = s.step(fd, n, process, plugin)
			}
		}
		reply(fd, a)
		then()
	}
}

// goOn lets a call be carried out.
func goOn(n notification) answer {
	return answer{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
}

// step notes a call of the plugin, or of its child, and says what becomes of it: the answer, and what to do once that is
// given. No call is answered before that is done.
func (s *supervisor) step(fd int, n notification, process, plugin int) (a answer, then func()) {
	a, then = goOn(n), func() {}
	step, messages, ok := describe(n, process)
	if !ok {
		return a, then
	}
	last := s.last
	if s.last = n; restarted(last, n, step) {
		return a, then
	}
	step.N = s.trace.note(step)
	if s.gate != nil {
		return s.gate.hold(n, process, step), then
	}
	if s.fault.Child {
		s.trace.inherit(inherited(process))
	}
	if s.fault.Step != step.N {
		return a, then
	}
	kill := func() error { return unix.Kill(process, unix.SIGKILL) }
	switch {
	case s.fault.Kill:
		s.trace.inject(kill)
		// Should the answer be faster than death, the call must not be carried out.
		a = answer{id: n.id, errno: -int32(unix.EINTR)}
	case s.fault.After:
		// The thread, which only death can wake now, stops on its way back from the call.
		if unix.Tgkill(process, int(n.pid), unix.SIGSTOP) == nil {
			then = func() {
				if comesTo(int(n.pid), stopped, nil) {
					s.trace.inject(kill)
				}
			}
		}
	case s.fault.Blocked:
		then = func() {
			if comesTo(int(n.pid), sleepsIn(n.nr), func() bool { return asks(fd) }) {
				s.trace.inject(kill)
			}
		}
	case s.fault.Hold != nil:
		s.trace.inject(nil)
		<-s.fault.Hold
	case s.fault.Orphan:
		s.trace.inject(func() error { return unix.Kill(plugin, unix.SIGKILL) })
		s.trace.orphan(outlives(fd, n.id, time.Minute))
	case s.fault.Path != "":
		if step.Call == "openat" && len(step.Detail) >= len(s.fault.Path) {
			s.trace.inject(func() error {
				return writeMemory(process, uintptr(n.args[1]), append([]byte(s.fault.Path), 0))
			})
		}
	case s.fault.Message != 0:
		if s.fault.Message <= len(messages) {
			s.trace.inject(func() error { return messages[s.fault.Message-1].refuse(process) })
		}
	default:
		s.trace.inject(nil)
		a = answer{id: n.id, errno: -int32(s.fault.Err)}
	}
	return a, then
}

// restarted says whether a step is the last one over again: the kernel restarts the write of a network setting as long as
// somebody else has the lock for these, and we are told each time.
func restarted(last, n notification, step Step) bool {
	return step.Call == "write" && strings.HasPrefix(step.Detail, "/proc/sys/net/") &&
		last.pid == n.pid && last.nr == n.nr && last.ip == n.ip && last.args == n.args
}

// outlives says whether the process that waits for an answer still does after a time.
func outlives(fd int, id uint64, limit time.Duration) bool {
	for end := time.Now().Add(limit); waits(fd, id); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return true
		}
	}
	return false
}

// inherited is what a process has open, and its environment.
func inherited(process int) (files, environ []string) {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", process))
	for _, l := range links {
		file, _ := os.Readlink(l)
		files = append(files, file)
	}
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", process))
	return files, strings.FieldsFunc(string(b), func(r rune) bool { return r == 0 })
}

// processOf is the process of a thread, or 0 if it is gone.
func processOf(thread int) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", thread))
	if err != nil {
		return 0
	}
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		if number, ok := strings.CutPrefix(lines.Text(), "Tgid:"); ok {
			process, _ := strconv.Atoi(strings.TrimSpace(number))
			return process
		}
	}
	return 0
}
