package kernel

import (
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// SELinux labels a tap by the context of the thread that asks for it, and a
// program with several threads can choose the context of what it executes, but
// not its own. So the plugin executes itself to make a tap with a context. The
// child gets the open /dev/net/tun, in whose namespace the tap will be, makes
// the tap and ends. The parent still holds the file, and goes on with it: the
// tap goes with it as one does that the plugin made itself.

const (
	tapChildArg    = "make-tap" // with name and flags; no runtime gives arguments
	tapChildTun    = 3          // the child's file descriptor
	tapChildErrno  = 100        // what an exit status adds to an errno; below are those of the Go runtime
	tapChildFailed = 1
)

// TapChild does the work of the child that makes a tap, and returns its exit
// status, if args, the program's arguments, say that this process is that
// child. The calling thread must be locked (runtime.LockOSThread).
func TapChild(args []string) (status int, ok bool) {
	if len(args) != 4 || args[1] != tapChildArg {
		return 0, false
	}
	// The parent asked for this already, but the kernel forgets it where a
	// policy has the program begin in secure mode.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return tapChildFailed, true
	}
	flags, err := strconv.ParseUint(args[3], 10, 16)
	if err != nil {
		return tapChildFailed, true
	}
	err = attachTap(tapChildTun, args[2], uint16(flags))
	var errno unix.Errno
	switch {
	case errors.As(err, &errno):
		return tapChildErrno + int(errno), true
	case err != nil:
		return tapChildFailed, true
	}
	return 0, true
}

// attachByChild is attachTap by a child in the tap's context.
func (t *tun) attachByChild(tap *plan.Link) error {
	// The child dies with the thread that made it, which must stay until it
	// ended.
	return onLostThread(func() error {
		if err := setExecContext(tap.SELinuxContext); err != nil {
			return err
		}
		err := t.runTapChild(tap)
		var denied *deniedError
		switch {
		case errors.As(err, &denied):
			return config.Errorf(config.CodeInvalidConfig, "create tap %s in tap.selinuxContext %.64q: %w, see what SELinux denied with ausearch -m avc", tap.Name, tap.SELinuxContext, err)
		case errors.Is(err, unix.EBUSY):
			return errTaken(tap, err)
		case err != nil:
			return fmt.Errorf("create tap %s in tap.selinuxContext %.64q: %w", tap.Name, tap.SELinuxContext, err)
		}
		return nil
	})
}

// deniedError is what SELinux may be the cause of.
type deniedError struct {
	what  string // was denied
	cause error
}

func (e *deniedError) Error() string { return e.what + ": " + e.cause.Error() }

func (e *deniedError) Unwrap() error { return e.cause }

// runTapChild runs the child from the calling thread.
func (t *tun) runTapChild(tap *plan.Link) (err error) {
	// What is closed of 0 to 2 a Go program opens, which its context might not
	// be allowed to.
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/null: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Close(null)) }()
	args := []string{"vmtap", tapChildArg, tap.Name, strconv.Itoa(int(tapFlags(tap)))}
	// Not by os/exec, which costs start-up time. The environment is empty.
	pid, err := syscall.ForkExec("/proc/self/exe", args, &syscall.ProcAttr{
		Files: []uintptr{uintptr(null), uintptr(null), uintptr(null), tapChildTun: uintptr(t.fd)},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return &deniedError{"begin a process", err}
	}
	status, err := wait(pid)
	if err != nil {
		return fmt.Errorf("wait for the process that makes it: %w", err)
	}
	code := status.ExitStatus()
	switch errno := unix.Errno(code - tapChildErrno); {
	case status.Signaled():
		return &deniedError{"run a process", errors.New("killed by " + unix.SignalName(status.Signal()))}
	case code == 0:
		return nil
	case code < tapChildErrno:
		return &deniedError{"run a process", fmt.Errorf("exit status %d", code)}
	case errno == unix.ENOTTY, errno == unix.EBADF: // at exec the kernel put another file in its place, or none where Landlock refuses that one
		return &deniedError{"use the plugin's " + tunPath, unix.EACCES}
	case errno == unix.EACCES, errno == unix.EPERM:
		return &deniedError{"call TUNSETIFF", errno}
	default:
		return errno
	}
}

func wait(pid int) (status syscall.WaitStatus, err error) {
	for {
		_, err = syscall.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			return status, err
		}
	}
}
