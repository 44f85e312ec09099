package delegate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
)

// A delegate is somebody else's program and needs the rights that the runtime
// gave; this plugin gives up all but one of them. So a plugin that may have to
// delegate first executes itself as a broker, which keeps all rights and
// can do one thing with them: run that plugin, with that configuration, as often
// as it is asked to, with a verb that it is asked for.

const (
	brokerArg  = "delegate-to" // with name and path; no runtime gives arguments
	requestsFD = 3             // the broker's
	answersFD  = 4
)

// errGone is what a broker leaves that was killed.
var errGone = errors.New("the process that runs it is gone")

// verbs are those that a broker runs; a request is an index, in one byte.
func verbs() []string { return []string{"ADD", "CHECK", "DEL", "GC", "STATUS"} }

// Broker is a running broker.
type Broker struct {
	name     string
	pid      int
	requests int // closing it ends the broker
	answers  int
}

// Serve is the work of the broker, and returns its exit status, if args, the
// program's arguments, say that this process is one. The calling thread must
// be the process's first and stay so (runtime.LockOSThread in an init).
func Serve(args []string) (status int, ok bool) {
	if len(args) != 4 || args[1] != brokerArg {
		return 0, false
	}
	unix.CloseOnExec(requestsFD)
	unix.CloseOnExec(answersFD)
	stdin, err := readAll(unix.Stdin, maxStdin)
	if err != nil {
		return 1, true
	}
	p := &Plugin{args[2], args[3], stdin}
	for {
		var request [1]byte
		n, err := unix.Read(requestsFD, request[:])
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 1, true
		case n == 0: // nothing more is wanted
			return 0, true
		case int(request[0]) >= len(verbs()):
			return 1, true
		}
		out, status, err := p.run(verbs()[request[0]])
		if err := writeAnswer(out, status, err); err != nil {
			return 1, true
		}
	}
}

// Start executes the broker. It dies with the calling thread, which must be the
// process's first. What the plugins say on standard error goes to ours.
func (p *Plugin) Start() (*Broker, error) {
	b, err := p.start()
	if err != nil {
		return nil, config.Errorf(config.CodeIO, "begin the process that runs %s: %w", p.name, err)
	}
	return b, nil
}

func (p *Plugin) start() (b *Broker, err error) {
	stdin, err := inMemory(p.stdin)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unix.Close(stdin)) }()
	var requests, answers [2]int
	if err := unix.Pipe2(requests[:], unix.O_CLOEXEC); err != nil {
		return nil, err
	}
	if err := unix.Pipe2(answers[:], unix.O_CLOEXEC); err != nil {
		return nil, errors.Join(err, unix.Close(requests[0]), unix.Close(requests[1]))
	}
	// Not by os/exec, which costs start-up time.
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"vmtap", brokerArg, p.name, p.path}, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{uintptr(stdin), uintptr(unix.Stderr), uintptr(unix.Stderr), requestsFD: uintptr(requests[0]), answersFD: uintptr(answers[1])},
		Sys:   &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL},
	})
	err = errors.Join(err, unix.Close(requests[0]), unix.Close(answers[1]))
	if err != nil {
		return nil, errors.Join(err, unix.Close(requests[1]), unix.Close(answers[0]))
	}
	return &Broker{p.name, pid, requests[1], answers[0]}, nil
}

// Close ends the broker and waits for its end. nil is none.
func (b *Broker) Close() error {
	if b == nil {
		return nil
	}
	err := errors.Join(unix.Close(b.requests), unix.Close(b.answers))
	_, waitErr := wait(b.pid)
	return errors.Join(err, waitErr)
}

// Run has the plugin run with CNI_COMMAND set to command, and all else as this
// plugin got it, waits for its end and returns what it printed. It may take as
// long as the runtime lets this plugin take: it is killed when this process
// ends.
//
// Errors are *config.Error: the plugin's own with its code, else CodeIO.
func (b *Broker) Run(command string) ([]byte, error) {
	out, status, err := b.ask(command)
	if err != nil {
		return nil, config.Errorf(config.CodeIO, "delegate %s to %s: %w", command, b.name, err)
	}
	switch {
	case status.Signaled():
		return nil, config.Errorf(config.CodeIO, "delegate %s to %s: it was killed, %s", command, b.name, status.Signal())
	case status.ExitStatus() != 0:
		return nil, failure(b.name, command, status.ExitStatus(), out)
	}
	return out, nil
}

// answerHeader comes before the plugin's output and the words of an error.
type answerHeader struct {
	Status     uint32
	Out, Error uint32 // lengths in bytes
}

func (b *Broker) ask(command string) (out []byte, status unix.WaitStatus, err error) {
	verb := slices.Index(verbs(), command)
	if verb < 0 {
		return nil, 0, errors.New("no such verb")
	}
	if err := writeAll(b.requests, []byte{byte(verb)}); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", errGone, err)
	}
	var head [12]byte
	if err := readFull(b.answers, head[:]); err != nil {
		return nil, 0, err
	}
	h := answerHeader{binary.NativeEndian.Uint32(head[:]), binary.NativeEndian.Uint32(head[4:]), binary.NativeEndian.Uint32(head[8:])}
	if h.Out > maxOutput || h.Error > maxOutput {
		return nil, 0, errors.New("it prints more than a result has")
	}
	out = make([]byte, h.Out)
	words := make([]byte, h.Error)
	if err := errors.Join(readFull(b.answers, out), readFull(b.answers, words)); err != nil {
		return nil, 0, err
	}
	if len(words) > 0 {
		return nil, 0, errors.New(string(words))
	}
	return out, unix.WaitStatus(h.Status), nil
}

func writeAnswer(out []byte, status unix.WaitStatus, fault error) error {
	words := ""
	if fault != nil {
		out, words = nil, fault.Error()
	}
	answer := binary.NativeEndian.AppendUint32(nil, uint32(status))
	answer = binary.NativeEndian.AppendUint32(answer, uint32(len(out)))
	answer = binary.NativeEndian.AppendUint32(answer, uint32(len(words)))
	return writeAll(answersFD, append(append(answer, out...), words...))
}

func writeAll(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Write(fd, data)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		default:
			data = data[n:]
		}
	}
	return nil
}

func readFull(fd int, data []byte) error {
	for len(data) > 0 {
		n, err := unix.Read(fd, data)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case n == 0:
			return fmt.Errorf("%w: %w", errGone, io.ErrUnexpectedEOF)
		default:
			data = data[n:]
		}
	}
	return nil
}

// inMemory returns a file that holds data, to be read from its beginning.
func inMemory(data []byte) (fd int, err error) {
	if fd, err = unix.MemfdCreate("configuration", unix.MFD_CLOEXEC); err != nil {
		return -1, err
	}
	err = writeAll(fd, data)
	if err == nil {
		_, err = unix.Seek(fd, 0, unix.SEEK_SET)
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}
