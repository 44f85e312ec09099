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
}

// start calls f, which starts the plugin, on a thread whose children are supervised.
func (s *supervisor) start(f func() error) error {
	s.trace.mu.Lock()
	s.trace.steps, s.trace.injected, s.trace.orphaned = nil, false, false
	s.trace.mu.Unlock()
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
		a := answer{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if int(n.pid) != starter {
			process := processOf(int(n.pid))
			if plugin == 0 {
				plugin = process // no child can be before it
			}
			if (process == plugin) != s.fault.Child {
				a = s.step(fd, n, process, plugin)
			}
		}
		reply(fd, a)
	}
}

// step notes a call of the plugin, or of its child, and says what becomes of it.
func (s *supervisor) step(fd int, n notification, process, plugin int) answer {
	a := answer{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
	step, messages, ok := describe(n, process)
	if !ok {
		return a
	}
	s.trace.mu.Lock()
	defer s.trace.mu.Unlock()
	step.N = len(s.trace.steps) + 1
	s.trace.steps = append(s.trace.steps, step)
	if s.fault.Child {
		s.trace.files, s.trace.environ = inherited(process)
	}
	if s.fault.Step != step.N {
		return a
	}
	switch {
	case s.fault.Kill:
		s.trace.injected = unix.Kill(process, unix.SIGKILL) == nil
		// Should the answer be faster than death, the call must not be carried out.
		return answer{id: n.id, errno: -int32(unix.EINTR)}
	case s.fault.Orphan:
		s.trace.injected = unix.Kill(plugin, unix.SIGKILL) == nil
		s.trace.orphaned = outlives(fd, n.id, 10*time.Second)
		return a
	case s.fault.Message != 0:
		if s.fault.Message <= len(messages) {
			s.trace.injected = messages[s.fault.Message-1].refuse(process) == nil
		}
		return a
	}
	s.trace.injected = true
	return answer{id: n.id, errno: -int32(s.fault.Err)}
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
