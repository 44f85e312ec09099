package netns

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// threadNS is the namespace of the calling thread. /proc/self is the process's first thread, which may be in another.
const threadNS = "/proc/thread-self/ns/net"

// Do runs f inside the namespace, on the caller's goroutine, so that f may call t.Fatal. Goroutines that f starts
// are not inside. Do may be nested.
func (ns *NS) Do(f func()) {
	runtime.LockOSThread()
	home, err := os.Open(threadNS)
	if err != nil {
		runtime.UnlockOSThread()
		panic(fmt.Sprintf("enter %s: %v", ns.path, err))
	}
	defer home.Close()
	if err := enter(ns.file); err != nil {
		runtime.UnlockOSThread()
		panic(fmt.Sprintf("enter %s: %v", ns.path, err))
	}
	// Deferred, since f may leave by t.Fatal or a panic.
	defer func() {
		if err := leave(home); err != nil {
			panic(fmt.Sprintf("leave %s: %v", ns.path, err))
		}
	}()
	f()
}

// DialContext connects to an IP address from inside the namespace, as a net.Dialer does.
func (ns *NS) DialContext(ctx context.Context, network, address string) (conn net.Conn, err error) {
	ns.Do(func() { conn, err = new(net.Dialer).DialContext(ctx, network, address) })
	return conn, err
}

func enter(ns *os.File) error {
	return os.NewSyscallError("setns", unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET))
}

// leave brings the thread home and unlocks it. If it cannot be brought home it stays locked, and so dies with its
// goroutine instead of serving others from the wrong namespace.
func leave(home *os.File) error {
	if err := enter(home); err != nil {
		return err
	}
	runtime.UnlockOSThread()
	return nil
}
