package e2e

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// responder is a vmtapd at work on a node.
type responder struct {
	cmd *netns.Cmd
	log *syncBuffer
}

// syncBuffer is a bytes.Buffer for a process's output and a test at once.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// tool is a program that was built beside the plugin, run with no other capabilities than these, as setpriv names them.
func (n *node) tool(name, capabilities string, args ...string) *netns.Cmd {
	program := filepath.Join(filepath.Dir(os.Getenv("VMTAP_BIN")), name)
	return n.Command("setpriv", append([]string{"--bounding-set", "-all" + capabilities, "--inh-caps", "-all", program}, args...)...)
}

// answers starts vmtapd on the node, with these files as its configurations.
func (n *node) answers(t *testing.T, dir string, more ...string) *responder {
	t.Helper()
	return n.vmtapd(t, append([]string{"-conf-dir", dir, "-verbose"}, more...)...)
}

// vmtapd starts vmtapd on the node, with the rights that docs/vmtapd.md says, and ends it with the test.
func (n *node) vmtapd(t *testing.T, args ...string) *responder {
	t.Helper()
	if !slices.Contains(args, "-cache-dir") {
		args = append(args, "-cache-dir", t.TempDir()) // nothing of this machine's
	}
	return begin(t, n.tool("vmtapd", ",+net_raw,+net_admin", args...))
}

// begin starts a vmtapd, and ends it with the test.
func begin(t *testing.T, cmd *netns.Cmd) *responder {
	t.Helper()
	r := &responder{cmd: cmd, log: &syncBuffer{}}
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.end(t)
		if t.Failed() {
			t.Logf("vmtapd:\n%s", r.log)
		}
	})
	r.await(t, "listening")
	return r
}

// await waits for words in the log.
func (r *responder) await(t *testing.T, words string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(r.log.String(), words); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("vmtapd does not say %q:\n%s", words, r.log)
		}
	}
}

// end tells it to end, which it must do at once and well.
func (r *responder) end(t *testing.T) {
	t.Helper()
	if r.cmd.ProcessState != nil {
		return
	}
	if err := r.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("vmtapd: %v", err)
	}
}

// confDir is a directory of configurations with one network in it.
func confDir(t *testing.T, block string) string {
	t.Helper()
	dir := t.TempDir()
	list := fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "vmtap"%s}]}`, block)
	write(t, filepath.Join(dir, "10-vmnet.conflist"), list)
	return dir
}

// bareSystem starts a guest with this machine's kernel that was told nothing but its lladdr.
func (a *attachment) bareSystem(p *pod) *netns.NS {
	a.t.Helper()
	ns, tap := a.tap(p)
	s := guest.System(a.t, ns, tap, guest.Config{LLAddr: a.guestConfig().LLAddr})
	s.Run(a.t, "ip", "link", "set", "eth0", "down")
	s.Run(a.t, "ip", "link", "set", "eth0", "addrgenmode", "eui64")
	s.Run(a.t, "ip", "link", "set", "eth0", "up")
	return s
}

// udhcpc runs busybox's DHCP client once. It returns what that was given, as NAME=VALUE lines, and has made use of it.
func udhcpc(t *testing.T, m *netns.NS) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "script")
	write(t, script, `#!/bin/sh
[ "$1" = bound ] || exit 0
env | grep -E '^(ip|mask|router|dns|domain|hostname|mtu|ntpsrv|serverid)=' | sort
ip address replace $ip/$mask dev $interface
ip route replace default via $router
`)
	if err := os.Chmod(script, 0o700); err != nil {
		t.Fatal(err)
	}
	return m.Run(t, "busybox", "udhcpc", "-i", "eth0", "-O", "ntpsrv", "-n", "-q", "-t", "60", "-T", "1", "-s", script)
}

// TestAnswerUdhcpc: a machine whose only program is busybox's DHCP client gets its address, and the host's ping.
func TestAnswerUdhcpc(t *testing.T) {
	wantsNoVRF(t)
	for name, block := range map[string]string{"pod": "", "switch": createConf, "host": `"placement": "host"`, "host, switch": createConf + `, "placement": "host"`, "no guard": `"guard": false`} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.answers(t, confDir(t, `, "dns": {"nameservers": ["192.0.2.53"], "domain": "example.org"}`))
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", conf(block))
			m := a.bareSystem(p)
			out := udhcpc(t, m)
			c := a.guestConfig()
			host, own := c.Gateway4.String(), c.Addr4.Addr().String()
			for _, want := range []string{"ip=" + own, "mask=31", "router=" + host, "serverid=" + host, "dns=192.0.2.53", "domain=example.org", "hostname=p"} {
				if !strings.Contains(out, want+"\n") {
					t.Errorf("udhcpc got no %s:\n%s", want, out)
				}
			}
			m.Run(t, "ping", "-c1", "-W10", host)
			n.Run(t, "ping", "-c1", "-W10", own)
		})
	}
}

// away runs a script in a guest where it changes no file and no name of this machine's: what clients write is in memory
// and gone with it.
func away(t *testing.T, m *netns.NS, script string) string {
	t.Helper()
	const mounts = `set -e
mount -t tmpfs tmpfs /run
mount -t sysfs -o ro sysfs /sys
mkdir /run/etc /run/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work overlay /etc
for d in /var/lib/dhcp /var/lib/dhcpcd; do [ ! -d $d ] || mount -t tmpfs tmpfs $d; done
`
	return m.Run(t, "unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "sh", "-c", mounts+script)
}

// networkd begins systemd-networkd, which goes on, and waits until it is done.
const networkd = `mkdir -p /etc/systemd/network /run/systemd/netif
chown systemd-network: /run/systemd/netif
printf '[Match]\nName=eth0\n[Network]\nDHCP=yes\n' >/etc/systemd/network/10-eth0.network
/lib/systemd/systemd-networkd 2>&1 &
for i in $(seq 600); do
	grep -q '^DNS=.*192.0.2.53.*2001:db8::53' /run/systemd/netif/links/2 2>/dev/null && break
	sleep .1
done
sed -n 's/^DNS=//p' /run/systemd/netif/links/2 | tr ' ' '\n' | sed 's/^/nameserver /' >/etc/resolv.conf`

// ipconfig is how Debian's initramfs does what ip=dhcp on the kernel's command line says.
const ipconfig = `/usr/lib/klibc/bin/ipconfig -t 60 -c dhcp eth0
sed -n "s/^IPV4DNS0='\(.*\)'/nameserver \1/p" /run/net-eth0.conf >/etc/resolv.conf`

// TestAnswerClients has each client get the guest its address, by the router's advertisements where it is IPv6. The
// guest's kernel and programs are told nothing else. docs/guest-addresses.md says which clients these are.
func TestAnswerClients(t *testing.T) {
	wantsNoVRF(t)
	const show = "\nip -o address show dev eth0 scope global; ip route; ip -6 route; cat /etc/resolv.conf"
	for _, c := range []struct {
		name, script string
		ipv4, ipv6   bool
	}{
		{"dhclient -4", "dhclient -4 -1 eth0", true, false},
		{"ipconfig", ipconfig, true, false},
		{"dhclient -6", "dhclient -6 -1 eth0", false, true},
		{"systemd-networkd", networkd, true, true},
		{"dhcpcd", "dhcpcd --oneshot --waitip=4 --waitip=6 --timeout 60 eth0", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantClient(t, c.name, c.ipv4, c.ipv6)
			n := newNode(t)
			n.answers(t, confDir(t, `, "dns": {"nameservers": ["192.0.2.53", "2001:db8::53"], "domain": "example.org"}`))
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", conf(createConf))
			cfg := a.guestConfig()
			m := a.bareSystem(p)
			settle(t, m) // dhclient does not wait for the link-local address
			out := away(t, m, c.script+show)
			var want []string
			if c.ipv4 {
				want = append(want, cfg.Addr4.String(), "default via "+cfg.Gateway4.String(), "nameserver 192.0.2.53")
			}
			if c.ipv6 {
				want = append(want, cfg.Addr6.Addr().String()+"/", "default via "+gatewayLinkLocal(cfg).String(), "nameserver 2001:db8::53")
			}
			for _, w := range want {
				if !strings.Contains(out, w) {
					t.Errorf("no %q:\n%s", w, out)
				}
			}
		})
	}
}

// wantClient demands that docs/guest-addresses.md says of a client what its test shows.
func wantClient(t *testing.T, name string, ipv4, ipv6 bool) {
	t.Helper()
	page, err := os.ReadFile("../../docs/guest-addresses.md")
	if err != nil {
		t.Fatal(err)
	}
	yes := map[bool]string{true: "yes |", false: "|"}
	if row := fmt.Sprintf("\n| %s | %s %s\n", name, yes[ipv4], yes[ipv6]); !strings.Contains(string(page), row) {
		t.Errorf("docs/guest-addresses.md has no row %q", row)
	}
}

// askUdhcpc demands that busybox's DHCP client gets the guest's address, and says how long that took.
func (a *attachment) askUdhcpc(m *netns.NS) time.Duration {
	a.t.Helper()
	begin := time.Now()
	if out, own := udhcpc(a.t, m), a.guestConfig().Addr4.Addr().String(); !strings.Contains(out, "ip="+own+"\n") {
		a.t.Errorf("udhcpc did not get %s:\n%s", own, out)
	}
	return time.Since(begin)
}

// TestAnswerRestarted: whether vmtapd comes after the VM, is killed and comes again, or runs twice, a guest is answered.
// It gave up all rights before it answered.
func TestAnswerRestarted(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(createConf))
	m := a.bareSystem(p)
	dir := confDir(t, "")
	r := n.answers(t, dir)
	a.askUdhcpc(m)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n", "NoNewPrivs:\t1\n"} {
		if !strings.Contains(string(status), want) {
			t.Errorf("vmtapd at work has no %q:\n%s", want, status)
		}
	}
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = r.cmd.Wait()
	second, third := n.answers(t, dir), n.answers(t, dir)
	a.askUdhcpc(m)
	for _, r := range []*responder{second, third} {
		r.await(t, "dhcpv4 ack")
	}
}

// TestAnswerChanged: a network that is configured after vmtapd began, in a directory that was not there, is known, and so
// is each change. A guest that is not there to be told, because its interface is down, is not an error.
func TestAnswerChanged(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	dir := filepath.Join(t.TempDir(), "net.d")
	n.newPod(t, "down").add(t, "eth0", conf(`"up": false`))
	r := n.answers(t, dir)
	p := n.newPod(t, "p")
	m := p.add(t, "eth0", localConf).bareSystem(p)
	if out := udhcpc(t, m); strings.Contains(out, "dns=") {
		t.Errorf("a network that is not configured has a DNS server:\n%s", out)
	}
	for _, server := range []string{"192.0.2.1", "192.0.2.22"} {
		write(t, filepath.Join(dir, "10-vmnet.conflist"), fmt.Sprintf(
			`{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "vmtap", "dns": {"nameservers": [%q]}}]}`, server))
		if out := udhcpc(t, m); !strings.Contains(out, "dns="+server+"\n") {
			t.Errorf("udhcpc got no dns=%s:\n%s", server, out)
		}
	}
	if strings.Contains(r.log.String(), "ERROR") {
		t.Errorf("vmtapd:\n%s", r.log)
	}
}

// TestAnswerRDomain: in a VRF as elsewhere.
func TestAnswerRDomain(t *testing.T) {
	n := newVRFNode(t)
	n.answers(t, confDir(t, ""))
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(inRDomains("bridge0", "10", "20")))
	a.askUdhcpc(a.bareSystem(p))
}

// discover is a DHCP client's first message, from a NIC and with what it says is its own.
func discover(t *testing.T, nic, chaddr guest.MAC) []byte {
	t.Helper()
	m, err := dhcpv4.NewDiscovery(chaddr[:])
	if err != nil {
		t.Fatal(err)
	}
	u := guest.UDP{SrcPort: 68, DstPort: 67, Payload: m.ToBytes()}
	ip := u.Packet(netip.IPv4Unspecified(), netip.MustParseAddr("255.255.255.255"))
	return guest.Ethernet{Dst: guest.Broadcast, Src: nic, Type: ip.EtherType(), Payload: ip.Marshal()}.Marshal()
}

// TestAnswerHostile: a guest that nothing guards asks as another VM, and then as fast as it can. It learns nothing of the
// other, and the other is answered all the while.
func TestAnswerHostile(t *testing.T) {
	n := newNode(t)
	r := n.answers(t, confDir(t, ""))
	q := n.newPod(t, "q")
	victim := q.add(t, "eth0", conf(createConf))
	m := victim.bareSystem(q)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(createConf+`, "guard": false, "locked": false`))
	g := a.boot(p)
	own, other := g.LLAddr(), victim.guestConfig().LLAddr

	answers := func() int { return strings.Count(r.log.String(), "dhcpv4 offer") }
	for what, frame := range map[string][]byte{
		"another's chaddr": discover(t, own, other), "another's NIC": discover(t, other, own), "all another's": discover(t, other, other),
	} {
		before := strings.Count(r.log.String(), "not answered")
		if err := g.Send(frame); err != nil {
			t.Fatal(err)
		}
		waitFor(t, what+" to be looked at", func() bool { return strings.Count(r.log.String(), "not answered") > before })
		if got := answers(); got != 0 {
			t.Errorf("%s: answered", what)
		}
	}
	if err := g.Send(discover(t, own, own)); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "an answer to its own", func() bool { return answers() == 1 })

	alone := victim.askUdhcpc(m)
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		frame := discover(t, own, own)
		for sent := 0; ; sent++ {
			select {
			case <-stop:
				done <- sent
				return
			default:
				_ = g.Send(frame)
			}
		}
	}()
	r.await(t, "too many questions")
	beside := victim.askUdhcpc(m)
	close(stop)
	t.Logf("answered in %v alone, in %v beside a flood of %d questions", alone, beside, <-done)
}
