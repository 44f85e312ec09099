// Package netns gives tests network namespaces of their own, so that what a test does to links, routes and
// filters happens in none that matters, and goes when the test ends.
package netns

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// NS is a network namespace. It is held by a bind mount, as a container runtime holds a pod's, so that its path
// can be a CNI_NETNS.
type NS struct {
	path string
	file *os.File

	close sync.Once
	err   error
}

// New makes a namespace with its loopback up. It is let go when the test ends.
func New(t testing.TB) *NS {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatalf("make a network namespace: needs root, running as uid %d", os.Geteuid())
	}
	// The directory's removal is registered before Close, and so happens after it.
	path := filepath.Join(t.TempDir(), "netns")
	ns, err := create(path)
	if err != nil {
		t.Fatalf("make a network namespace: %v", err)
	}
	t.Cleanup(func() {
		if err := ns.Close(); err != nil {
			t.Errorf("let go of a network namespace: %v", err)
		}
	})
	if err := ns.loopbackUp(); err != nil {
		t.Fatalf("make a network namespace: set lo up: %v", err)
	}
	return ns
}

// create unshares on this thread, mounts the new namespace on path, and brings the thread back.
func create(path string) (ns *NS, err error) {
	runtime.LockOSThread()
	home, err := os.Open(threadNS)
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer home.Close()
	defer func() { err = errors.Join(err, leave(home)) }()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return nil, err
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return nil, fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount(threadNS, path, "", unix.MS_BIND, ""); err != nil {
		return nil, fmt.Errorf("mount on %s: %w", path, err)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, errors.Join(err, unix.Unmount(path, unix.MNT_DETACH))
	}
	return &NS{path: path, file: file}, nil
}

// Close lets go of the namespace before the test ends, as when a pod's namespace vanishes: the kernel then removes
// it with all its links, once no process and no socket is left in it. A second call does nothing.
func (ns *NS) Close() error {
	ns.close.Do(func() {
		ns.err = errors.Join(
			ns.file.Close(),
			os.NewSyscallError("umount", unix.Unmount(ns.path, unix.MNT_DETACH)),
			os.Remove(ns.path))
	})
	return ns.err
}

// Path is the namespace's file, for CNI_NETNS and for `ip link set ... netns`.
func (ns *NS) Path() string { return ns.path }

// Handle is a netlink handle whose sockets are in the namespace; they are closed when the test ends. Until then,
// they keep the namespace.
func (ns *NS) Handle(t testing.TB) *netlink.Handle {
	t.Helper()
	h, err := netlink.NewHandleAt(vnetns.NsHandle(ns.file.Fd()))
	if err != nil {
		t.Fatalf("open netlink in %s: %v", ns.path, err)
	}
	t.Cleanup(h.Close)
	return h
}

func (ns *NS) loopbackUp() error {
	h, err := netlink.NewHandleAt(vnetns.NsHandle(ns.file.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer h.Close()
	lo, err := h.LinkByName("lo")
	if err != nil {
		return err
	}
	return h.LinkSetUp(lo)
}
