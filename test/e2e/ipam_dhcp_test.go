package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// dhcpSwitch is a node's switch with a DHCP server on it, and the daemon that
// asks it.
type dhcpSwitch struct {
	*node
	block string
	wire  func() string // what came to the server
}

// newDHCPSwitch starts udhcpd in a namespace of its own, and the dhcp plugin's
// daemon on the node.
func newDHCPSwitch(t *testing.T) dhcpSwitch {
	t.Helper()
	n, server := newNode(t), netns.New(t)
	dir := cni.Reference(t, source, "dhcp")
	n.Plugin.Path = filepath.Dir(n.Bin) + ":" + dir
	tmp := t.TempDir()
	ipBatch(t, n.Run, "link add br0 up type bridge\nlink add port master br0 up type veth peer name eth0 netns "+server.Path()+"\n")
	ipBatch(t, server.Run, "address add 10.1.0.1/24 dev eth0\nlink set eth0 up\n")
	leases := filepath.Join(tmp, "leases")
	text := fmt.Sprintf("start 10.1.0.50\nend 10.1.0.59\nmax_leases 10\ninterface eth0\nlease_file %s\npidfile %s\noption subnet 255.255.255.0\noption router 10.1.0.1\noption lease 3600\n", leases, filepath.Join(tmp, "udhcpd.pid"))
	for name, content := range map[string]string{"leases": "", "conf": text} {
		if err := os.WriteFile(filepath.Join(tmp, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wire := runBeside(t, server.Command("tcpdump", "-l", "-n", "-v", "-i", "eth0", "udp", "port", "67"))
	waitFor(t, "tcpdump", func() bool { return strings.Contains(wire(), "listening on") })
	runBeside(t, server.Command("busybox", "udhcpd", "-f", "-a", "100", filepath.Join(tmp, "conf")))
	// A unix socket's path has 107 bytes at most, more than a test's directory may leave.
	socket := filepath.Join("/run", fmt.Sprintf("vmtap-dhcp-%d.sock", os.Getpid()))
	runBeside(t, n.Command(filepath.Join(dir, "dhcp"), "daemon", "-socketpath", socket, "-timeout", "5s"))
	t.Cleanup(func() { _ = os.Remove(socket) })
	waitFor(t, "the dhcp daemon", func() bool { return unix.Access(socket, unix.W_OK) == nil })
	return dhcpSwitch{n, fmt.Sprintf(`"device": "veth", "switch": "br0", "ipam": {"type": "dhcp", "daemonSocketPath": %q}`, socket), wire}
}

// runBeside runs a program until the test ends, and shows what it said if the
// test failed.
func runBeside(t *testing.T, cmd *netns.Cmd) (said func() string) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said = func() string {
		text, err := os.ReadFile(log.Name())
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s: %s", filepath.Base(cmd.Path), said())
		}
		_ = log.Close()
	})
	return said
}

// TestIPAMDHCP: a pod's interface gets its address from the DHCP server on the
// switch. The server hears of its release at DEL, and when ADD fails: the links
// still stand then.
func TestIPAMDHCP(t *testing.T) {
	wantsNoVRF(t)
	n := newDHCPSwitch(t)
	p, q := n.newPod(t, "p"), n.newPod(t, "q")
	a := p.add(t, "eth0", conf(n.block))
	if got := told(a); len(got) != 1 || !strings.HasPrefix(got[0], "10.1.0.5") || !strings.HasSuffix(got[0], "/24 via 10.1.0.1 of 2") {
		t.Errorf("addresses %q", got)
	}
	p.pingFrom(t, "10.1.0.1")
	if routes := p.Run(t, "ip", "-4", "route"); !strings.Contains(routes, "default via 10.1.0.1 dev eth0") {
		t.Errorf("routes %q", routes)
	}
	// It has no IPv6 gateway.
	_, fault := n.Add(t, q.call("eth0", conf(n.block+`, "routes": [{"dst": "2001:db8::/32"}]`)))
	wantFault(t, fault, 7, "2001:db8::/32", "dhcp gave no gateway")
	q.onlyLoopback(t)
	waitFor(t, "q's release", func() bool { return released(n.wire(), "q") })
	if released(n.wire(), "p") {
		t.Error("p's address was released")
	}
	a.del()
	p.onlyLoopback(t)
	waitFor(t, "p's release", func() bool { return released(n.wire(), "p") })
	a.del()
}

// released reports whether tcpdump saw a DHCPRELEASE of a pod's.
func released(wire, pod string) bool {
	return slices.ContainsFunc(strings.Split(wire, "BOOTP"), func(message string) bool {
		return strings.Contains(message, "length 1: Release") && strings.Contains(message, `"`+pod+`/vmnet/eth0"`)
	})
}

// TestIPAMDHCPBehindTap is refused: the daemon would not be heard.
func TestIPAMDHCPBehindTap(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	for _, block := range []string{``, `"placement": "host", `} {
		_, fault := n.Add(t, n.newPod(t, "p").call("eth0", conf(block+onBridge("bridge0", `{"type": "dhcp"}`))))
		wantFault(t, fault, 7, "dhcp", "behind a tap", "drop ipam")
	}
}
