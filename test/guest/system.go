package guest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
)

// System is a guest whose operating system is this kernel, in a namespace of its own: it has TCP, and its NIC the
// offloads that VM monitors ask a tap for. It ends with the test.
func System(t testing.TB, pod *netns.NS, tap string, cfg Config) *netns.NS {
	t.Helper()
	const nic = "eth0"
	system := netns.New(t)
	system.Run(t, "ip", "tuntap", "add", nic, "mode", "tap", "vnet_hdr")
	var batch strings.Builder
	fmt.Fprintf(&batch, "link set %s address %v addrgenmode none\nlink set %s up\n", nic, cfg.LLAddr, nic)
	if cfg.Addr4.IsValid() {
		fmt.Fprintf(&batch, "address add %s dev %s\n", cfg.Addr4, nic)
	}
	if cfg.Addr6.IsValid() {
		fmt.Fprintf(&batch, "address add %s dev %s nodad\n", cfg.Addr6, nic)
	}
	system.RunInput(t, batch.String(), "ip", "-batch", "-")
	outer, inner := wireEnd(t, pod, tap, cfg), wireEnd(t, system, nic, cfg)
	go carry(outer, inner)
	go carry(inner, outer)
	return system
}

// wireEnd opens a tap with offloads.
func wireEnd(t testing.TB, ns *netns.NS, tap string, cfg Config) *os.File {
	t.Helper()
	file, err := openTap(ns, tap, cfg)
	if err != nil {
		t.Fatalf("open tap: %v", err)
	}
	t.Cleanup(func() { _ = file.Close() })
	raw, err := file.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	const offloads = unix.TUN_F_CSUM | unix.TUN_F_TSO4 | unix.TUN_F_TSO6
	if ctlErr := raw.Control(func(fd uintptr) { err = unix.IoctlSetInt(int(fd), unix.TUNSETOFFLOAD, offloads) }); errors.Join(ctlErr, err) != nil {
		t.Fatal(errors.Join(ctlErr, err))
	}
	return file
}

// carry moves frames, with their headers, until one side is closed.
func carry(from, to *os.File) {
	buf := make([]byte, 1<<17)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil && !gone(err) && errors.Is(err, os.ErrClosed) {
			return
		}
	}
}
