package confine

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// Limits are what a process needs from now on. The zero value is nothing at all.
type Limits struct {
	Keep  Capabilities // those of which it stays without that it has not
	Files []File       // what it may open, as far as the kernel has Landlock

	// Executes says that the process executes a program that must get Keep, and
	// for which a security module chooses a context, which no_new_privs can
	// forbid.
	Executes bool

	// Signals says that the process may signal others. Children that it made
	// before and that are to die with it (PR_SET_PDEATHSIG) need that: the kernel
	// takes the signal for one that the dying process sends.
	Signals bool
}

// InForce is what a process was left with.
type InForce struct {
	Permitted  Capabilities // and effective; nothing is inheritable or ambient
	NoNewPrivs bool
	Landlock   int // the kernel's ABI version, 0 if it does not confine the process
}

// Process confines all threads of this process, and with them all that they
// start. That cannot be taken back. A kernel without Landlock (before 5.13, or
// not switched on) confines the process by capabilities alone. With Executes,
// who has CAP_SETPCAP empties the bounding set but for Keep, since no_new_privs
// does not keep rights from what is executed.
//
// After an error the process is confined in part and must end.
func Process(l Limits) (InForce, error) {
	have, err := capabilitiesOf(0)
	if err != nil {
		return InForce{}, fmt.Errorf("read capabilities: %w", err)
	}
	f := InForce{Permitted: have.permitted & l.Keep, NoNewPrivs: !l.Executes}
	if f.NoNewPrivs {
		if err := onAllThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1); err != nil {
			return InForce{}, fmt.Errorf("set no_new_privs: %w", err)
		}
	}
	// Who executes something may confine itself only as an administrator.
	if f.NoNewPrivs || have.effective.Has(unix.CAP_SYS_ADMIN) {
		if f.Landlock, err = confineFiles(l); err != nil {
			return InForce{}, fmt.Errorf("confine by Landlock: %w", err)
		}
	}
	if l.Executes && have.effective.Has(unix.CAP_SETPCAP) {
		if err := emptyBoundingSet(f.Permitted); err != nil {
			return InForce{}, fmt.Errorf("empty the bounding set: %w", err)
		}
	}
	if err := keep(f.Permitted); err != nil {
		return InForce{}, fmt.Errorf("keep capabilities: %w", err)
	}
	return f, nil
}

// onAllThreads makes a system call on each thread of the process: capabilities,
// no_new_privs and Landlock belong to threads, and a new one has those of the
// one that made it.
func onAllThreads(number, arg1, arg2 uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall6(number, arg1, arg2, 0, 0, 0, 0)
	switch errno {
	case 0:
		return nil
	case unix.ENOTSUP:
		return fmt.Errorf("this program was built with cgo, build it with CGO_ENABLED=0: %w", errno)
	}
	return errno
}
