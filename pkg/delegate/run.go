package delegate

import (
	"bytes"
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxOutput is how much a plugin may print, in bytes: as much as a
// configuration may have.
const maxOutput = 1 << 20

// maxStdin is how much a configuration may have: DEL takes any size that the
// runtime hands over.
const maxStdin = math.MaxInt

// run runs the plugin from a broker. It is killed when the calling thread ends,
// which must be the process's first (runtime.LockOSThread in an init).
func (p *Plugin) run(command string) (out []byte, status unix.WaitStatus, err error) {
	stdin, err := filled(p.stdin)
	if err != nil {
		return nil, 0, err
	}
	var stdout [2]int
	if err := unix.Pipe2(stdout[:], unix.O_CLOEXEC); err != nil {
		return nil, 0, errors.Join(err, unix.Close(stdin))
	}
	pid, err := syscall.ForkExec(p.path, []string{p.path}, &syscall.ProcAttr{
		Env:   environment(command),
		Files: []uintptr{uintptr(stdin), uintptr(stdout[1]), uintptr(unix.Stderr)},
		Sys:   &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL},
	})
	err = errors.Join(err, unix.Close(stdin), unix.Close(stdout[1]))
	if err != nil {
		return nil, 0, errors.Join(err, unix.Close(stdout[0]))
	}
	out, err = readAll(stdout[0], maxOutput)
	if err != nil {
		err = errors.Join(err, unix.Kill(pid, unix.SIGKILL))
	}
	err = errors.Join(err, unix.Close(stdout[0]))
	status, waitErr := wait(pid)
	return out, status, errors.Join(err, waitErr)
}

// filled returns the reading end of a pipe that holds data and ends with it.
func filled(data []byte) (fd int, err error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return -1, err
	}
	if err := fill(ends[1], data); err != nil {
		return -1, errors.Join(err, unix.Close(ends[1]), unix.Close(ends[0]))
	}
	return ends[0], unix.Close(ends[1])
}

// fill writes data into a pipe that nobody reads yet: it must fit.
func fill(fd int, data []byte) error {
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	if len(data) > os.Getpagesize() {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, len(data)); err != nil {
			return err
		}
	}
	return writeAll(fd, data)
}

// environment returns ours, with CNI_COMMAND set.
func environment(command string) []string {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "CNI_COMMAND=") })
	return append(env, "CNI_COMMAND="+command)
}

// readAll reads up to the end, of all that has the pipe open, or to more than
// limit bytes, which is an error.
func readAll(fd, limit int) ([]byte, error) {
	var all bytes.Buffer
	var part [4096]byte
	for {
		n, err := unix.Read(fd, part[:])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, err
		case n == 0:
			return all.Bytes(), nil
		default:
			all.Write(part[:n])
		}
		if all.Len() > limit {
			return nil, errors.New("it prints more than a result has")
		}
	}
}

func wait(pid int) (unix.WaitStatus, error) {
	for {
		var status unix.WaitStatus
		_, err := unix.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, unix.EINTR) {
			return status, err
		}
	}
}
