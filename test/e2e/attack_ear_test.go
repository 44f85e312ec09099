package e2e

import (
	"bytes"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
)

// ear keeps the frames with a mark that a link of another machine receives.
type ear struct {
	mu     sync.Mutex
	frames [][]byte
}

// listenOn listens until the test ends.
func listenOn(t *testing.T, ns *netns.NS, link string) *ear {
	t.Helper()
	l, err := ns.Handle(t).LinkByName(link)
	if err != nil {
		t.Fatal(err)
	}
	const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // network byte order
	var fd int
	ns.Do(func() { fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, all) })
	if err != nil {
		t.Fatalf("listen on %s: %v", link, err)
	}
	file := os.NewFile(uintptr(fd), link)
	t.Cleanup(func() { _ = file.Close() })
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: l.Attrs().Index}); err != nil {
		t.Fatalf("listen on %s: %v", link, err)
	}
	e := &ear{}
	go e.hear(file)
	return e
}

func (e *ear) hear(file *os.File) {
	b := make([]byte, 1<<16)
	for {
		n, err := file.Read(b)
		if err != nil {
			return
		}
		if !bytes.Contains(b[:n], []byte(markStart)) {
			continue
		}
		e.mu.Lock()
		e.frames = append(e.frames, bytes.Clone(b[:n]))
		e.mu.Unlock()
	}
}

// heard says whether any frame has a text in it.
func (e *ear) heard(text string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range e.frames {
		if bytes.Contains(f, []byte(text)) {
			return true
		}
	}
	return false
}
