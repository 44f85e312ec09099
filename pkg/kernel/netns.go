package kernel

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
)

// openNetns opens CNI_NETNS, once, so that what was checked is what is used.
// It must be a network namespace, and neither ours nor pid 1's.
func openNetns(path string) (fd int, err error) {
	// Not blocking: the path might be a FIFO.
	fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, config.Errorf(config.CodeEnvironment, "open CNI_NETNS %.64q: %w", path, err)
	}
	if err := checkNetns(fd, path); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func checkNetns(fd int, path string) error {
	switch kind, err := unix.IoctlRetInt(fd, unix.NS_GET_NSTYPE); {
	case err != nil:
		return config.Errorf(config.CodeEnvironment, "open CNI_NETNS %.64q: not a network namespace: %w", path, err)
	case kind != unix.CLONE_NEWNET:
		return config.Errorf(config.CodeEnvironment, "open CNI_NETNS %.64q: not a network namespace", path)
	}
	var pod unix.Stat_t
	if err := unix.Fstat(fd, &pod); err != nil {
		return config.Errorf(config.CodeEnvironment, "look at CNI_NETNS %.64q: %w", path, err)
	}
	for _, host := range []string{"/proc/thread-self/ns/net", "/proc/1/ns/net"} {
		var st unix.Stat_t
		if err := unix.Stat(host, &st); err != nil {
			if host == "/proc/1/ns/net" {
				continue // hidden; then pid 1 is not in reach of this caller
			}
			return config.Errorf(config.CodeIO, "look at %s: %w", host, err)
		}
		if st.Dev == pod.Dev && st.Ino == pod.Ino {
			return config.Errorf(config.CodeEnvironment, "use CNI_NETNS %.64q: the host's own namespace, not a pod's", path)
		}
	}
	return nil
}

// podThread is a thread that entered a pod's namespace and never comes back, so
// that no other thread of the process is ever in a pod. It enters early, since
// that takes a capability that the process does not keep. What is opened on it
// stays in the namespace, whichever thread uses it.
type podThread struct {
	work chan func() error
	done chan error
}

// newPodThread begins a thread that enters the namespace.
func newPodThread(fd int) (*podThread, error) {
	p := &podThread{make(chan func() error), make(chan error)}
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the work
		for f := range p.work {
			p.done <- f()
		}
	}()
	err := p.run(func() error { return unix.Setns(fd, unix.CLONE_NEWNET) })
	if err != nil {
		p.end()
		return nil, fmt.Errorf("enter the pod's namespace: %w", err)
	}
	return p, nil
}

// run runs f on the thread.
func (p *podThread) run(f func() error) error {
	p.work <- f
	return <-p.done
}

// end ends the thread.
func (p *podThread) end() { close(p.work) }

// onLostThread runs f on a thread that ends with it, and with all that f did
// to the thread.
func onLostThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		done <- f()
	}()
	return <-done
}
