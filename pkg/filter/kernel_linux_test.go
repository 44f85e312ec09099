package filter

import (
	"bytes"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// These tests ask a real kernel. They need root, tc and /dev/net/tun, and
// change nothing but a network namespace of their own.

// everything is a program that matches each frame, also those that u32 does
// not see because they have less than four bytes of payload.
const everything = "1,6 0 0 4294967295"

// newNamespace takes the calling test into a network namespace that ends with
// it: its thread stays locked, so it is not used for anything else afterwards.
func newNamespace(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root: it makes a network namespace and taps in it")
	}
	const self = "/proc/thread-self/ns/net"
	runtime.LockOSThread()
	before, err := os.Readlink(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Fatalf("unshare: %v", err)
	}
	if after, err := os.Readlink(self); err != nil || after == before {
		t.Fatalf("still in the namespace %s after unshare: %v", before, err)
	}
	// The kernel must say nothing of its own on the taps.
	if err := os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

// command runs ip or tc in the test's namespace.
func command(t *testing.T, line string) {
	t.Helper()
	args := strings.Fields(line)
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
}

// filterCommand adds a classifier to a tap's ingress, as a command in which a
// program is one argument.
func filterCommand(t *testing.T, dev, prio, program string, rest ...string) {
	t.Helper()
	args := []string{"filter", "add", "dev", dev, "ingress", "protocol", "all", "prio", prio, "bpf"}
	if len(rest) > 0 && rest[0] == "da" {
		args, rest = append(args, "da"), rest[1:]
	}
	args = append(append(args, "bytecode", program), rest...)
	if out, err := exec.Command("tc", args...).CombinedOutput(); err != nil {
		t.Fatalf("tc %q: %v: %s", args, err, out)
	}
}

// tap is an open tap that is up.
type tap struct {
	fd int
}

func newTap(t *testing.T, name string) tap { return newTapWith(t, name, 0) }

// newTapWith is newTap with more of TUNSETIFF's flags.
func newTapWith(t *testing.T, name string, flags uint16) tap {
	t.Helper()
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("/dev/net/tun: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Close(fd); err != nil {
			t.Errorf("close %s: %v", name, err)
		}
	})
	req, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	req.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_TUN_EXCL | flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, req); err != nil {
		t.Fatalf("TUNSETIFF %s: %v", name, err)
	}
	command(t, "ip link set "+name+" up")
	return tap{fd}
}

// send is the guest sending a frame.
func (p tap) send(t *testing.T, frame []byte) {
	t.Helper()
	if n, err := unix.Write(p.fd, frame); err != nil || n != len(frame) {
		t.Fatalf("write of %d bytes: %d, %v", len(frame), n, err)
	}
}

// receive waits until a frame comes out of one of the taps, and returns that
// tap's number.
func receive(t *testing.T, taps ...tap) (int, []byte) {
	t.Helper()
	var fds []unix.PollFd
	for _, p := range taps {
		fds = append(fds, unix.PollFd{Fd: int32(p.fd), Events: unix.POLLIN})
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); {
		if _, err := unix.Poll(fds, 100); err != nil && err != unix.EINTR {
			t.Fatalf("poll: %v", err)
		}
		for i := range fds {
			if fds[i].Revents&unix.POLLIN == 0 {
				continue
			}
			frame := make([]byte, 1<<16)
			n, err := unix.Read(taps[i].fd, frame)
			if err != nil {
				t.Fatalf("read: %v", err)
			}
			return i, frame[:n]
		}
	}
	t.Fatal("no frame came out within 5 s")
	return 0, nil
}

// tag puts an outer VLAN tag with VLAN 100 into a frame.
func tag(frame []byte, protocol ...byte) []byte {
	return slices.Concat(frame[:12], protocol, []byte{0, 100}, frame[12:])
}

// The kernel splits every frame of the table, at every length and tagged, as
// Match does.
func TestKernelSplits(t *testing.T) {
	for _, g := range gateways {
		t.Run(g.name, func(t *testing.T) {
			newNamespace(t)
			guest, gateway, sw := newTap(t, "guest"), newTap(t, "gateway"), newTap(t, "switch")
			command(t, "tc qdisc add dev guest ingress")
			filterCommand(t, "guest", "1", bytecode(g.Program()), "action", "mirred", "egress", "redirect", "dev", "gateway")
			filterCommand(t, "guest", "2", everything, "action", "mirred", "egress", "redirect", "dev", "switch")

			frames, matched := 0, 0
			check := func(name string, sent []byte, want bool) {
				t.Helper()
				guest.send(t, sent)
				out, got := receive(t, sw, gateway)
				if !bytes.Equal(got, sent) {
					t.Fatalf("%s: sent %x, got %x", name, sent, got)
				}
				if is := out == 1; is != want {
					t.Errorf("%s: the kernel says the gateway's is %v, Match %v: %x", name, is, want, sent)
				}
				frames++
				if want {
					matched++
				}
			}
			for _, test := range frameTests {
				for n := 14; n <= len(test.frame); n++ {
					frame := test.frame[:n]
					// A frame that has a tag inside has its outer one taken
					// off, like any other.
					if !bytes.Equal(frame[12:14], []byte{0x81, 0}) {
						check(test.name, frame, g.Match(frame, false))
					}
					// The kernel itself drops a frame that ends in or right
					// behind its tag.
					if n >= 16 {
						check(test.name+", tagged", tag(frame, 0x81, 0x00), g.Match(frame, true))
						check(test.name+", tagged 802.1ad", tag(frame, 0x88, 0xa8), g.Match(frame, true))
					}
				}
			}
			if matched == 0 || matched == frames {
				t.Errorf("%d of %d frames were the gateway's: that proves nothing", matched, frames)
			}
			t.Logf("%d frames, %d of them the gateway's", frames, matched)
		})
	}
}

// The kernel takes no frame shorter than an Ethernet header from a tap, so no
// program meets one there.
func TestKernelRefusesRunts(t *testing.T) {
	newNamespace(t)
	guest := newTap(t, "guest")
	frame := ether(gatewayMAC, 0x0800, nil)
	for n := 1; n < len(frame); n++ {
		if _, err := unix.Write(guest.fd, frame[:n]); err != unix.EINVAL {
			t.Errorf("%d bytes: %v, want %v", n, err, unix.EINVAL)
		}
	}
	guest.send(t, frame)
}

// DropAll drops: what is sent comes out before it is attached and after it is
// gone, and nothing in between. The frames are told apart by their number, and
// come out in order, so that nothing must be waited for.
func TestKernelDropsAll(t *testing.T) {
	newNamespace(t)
	guest, sw := newTap(t, "guest"), newTap(t, "switch")
	command(t, "tc qdisc add dev guest ingress")
	filterCommand(t, "guest", "2", everything, "action", "mirred", "egress", "redirect", "dev", "switch")
	expect := func(frame []byte) {
		t.Helper()
		guest.send(t, frame)
		if _, got := receive(t, sw); !bytes.Equal(got, frame) {
			t.Fatalf("sent %x, got %x", frame, got)
		}
	}
	numbered := func(n byte) []byte { return ether(broadcast, 0x0800, ipv4(0, 0, 17, []byte{n})) }

	expect(numbered(1))
	filterCommand(t, "guest", "1", bytecode(DropAll()), "da")
	for _, test := range frameTests {
		for n := 14; n <= len(test.frame); n++ {
			guest.send(t, test.frame[:n])
			if n >= 16 {
				guest.send(t, tag(test.frame[:n], 0x81, 0x00))
			}
		}
	}
	command(t, "tc filter del dev guest ingress prio 1")
	expect(numbered(2))
}
