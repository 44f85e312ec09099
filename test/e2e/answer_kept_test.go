package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/guest"
)

// libcniNode is a node with cnitool, which is libcni alone, as its runtime.
type libcniNode struct {
	*node
	confs string // of networks
	lib   string // what /var/lib is to it
}

func newLibcniNode(t *testing.T) *libcniNode {
	t.Helper()
	wantsNoVRF(t)
	n := &libcniNode{newNode(t), t.TempDir(), t.TempDir()}
	if err := os.Mkdir(filepath.Join(n.lib, "cni"), 0o700); err != nil {
		t.Fatal(err)
	}
	dirs := filepath.Dir(n.Bin)
	for _, name := range []string{"bridge", "cnitool", "host-local", "ptp"} {
		dirs += ":" + cni.Reference(t, source, name)
	}
	n.Plugin.Path = dirs
	return n
}

// network configures a network of these plugins in a directory of configurations.
func (n *libcniNode) network(t *testing.T, dir, plugins string) {
	t.Helper()
	write(t, filepath.Join(dir, "10-vmnet.conflist"), fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [%s]}`, plugins))
}

// cnitool has it call the plugins of the network in a directory.
func (n *libcniNode) cnitool(t *testing.T, verb, dir string, p *pod) []byte {
	t.Helper()
	cmd := n.Command("unshare", "--mount", "sh", "-c", `mount --bind "$0" /var/lib && exec cnitool "$@"`, n.lib, verb, "vmnet", p.Path())
	cmd.Env = append(os.Environ(), "NETCONFPATH="+dir, "CNI_PATH="+n.Plugin.Path, "PATH="+n.Plugin.Path+":"+os.Getenv("PATH"),
		"CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web-0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cnitool %s: %v\n%s%s", verb, err, out, stderr.String())
	}
	return out
}

// add has it add the pod's interface.
func (n *libcniNode) add(t *testing.T, dir string, p *pod) *attachment {
	t.Helper()
	r := cni.ParseResult(t, n.cnitool(t, "add", dir, p))
	return &attachment{t, n.node, cni.Call{ContainerID: r.Interfaces[len(r.Interfaces)-1].Sandbox, IfName: "eth0", Netns: p.Path()}, r}
}

// answers starts vmtapd, which sees what the runtime keeps.
func (n *libcniNode) answers(t *testing.T) *responder {
	t.Helper()
	return n.node.answers(t, n.confs, "-cache-dir", filepath.Join(n.lib, "cni"))
}

// earlierBlock is the earlier plugin's block, whose result names a name server.
func earlierBlock(t *testing.T, name string) string {
	t.Helper()
	return strings.Replace(earlierConf(t, name), `"ipam":`, `"dns": {"nameservers": ["192.0.2.53"]}, "ipam":`, 1)
}

// fromKernel boots a guest with this machine's kernel and has dhcpcd get it its addresses.
func fromKernel(t *testing.T, a *attachment, p *pod) string {
	t.Helper()
	m := a.bareSystem(p)
	settle(t, m)
	wantAll(t, udhcpc(t, m), "hostname=web-0\n")
	return away(t, m, "dhcpcd --oneshot --waitip=4 --waitip=6 --timeout 60 eth0\n"+
		"ip -o address show dev eth0 scope global; ip route; ip -6 route; cat /etc/resolv.conf")
}

func wantAll(t *testing.T, out string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("no %q:\n%s", w, out)
		}
	}
}

// TestAnswerChained: a guest that took over another plugin's interface gets its addresses.
func TestAnswerChained(t *testing.T) {
	for _, name := range []string{"ptp", "bridge"} {
		t.Run(name, func(t *testing.T) {
			n := newLibcniNode(t)
			p := n.newPod(t, "p")
			noDAD(t, n.NS, p.NS)
			n.network(t, n.confs, earlierBlock(t, name)+`, {"type": "vmtap", "placement": "chained"}`)
			n.answers(t)
			a := n.add(t, n.confs, p)
			wantAll(t, fromKernel(t, a, p), "inet 10.9.0.2/24", "default via 10.9.0.1", "inet6 fd09::2/", "default via fe80::", "nameserver 192.0.2.53")
			n.ping(t, "10.9.0.2")
			n.ping(t, "fd09::2")
			n.cnitool(t, "check", n.confs, p)
			n.cnitool(t, "del", n.confs, p)
		})
	}
}

// TestAnswerIPAM: so does one whose addresses an IPAM plugin chose, on a bridge that is their gateway.
func TestAnswerIPAM(t *testing.T) {
	n, leases := newLibcniNode(t), newPool(t)
	n.Run(t, "ip", "link", "add", "br0", "type", "bridge")
	ipBatch(t, n.Run, "address add 10.1.0.1/24 dev br0\naddress add 2001:db8::1/64 dev br0 nodad\nlink set br0 up\n")
	n.network(t, n.confs, `{"type": "vmtap", "switch": "br0", "dns": {"nameservers": ["192.0.2.53"]}, "ipam": `+leases.dual()+`}`)
	n.answers(t)
	p := n.newPod(t, "p")
	a := n.add(t, n.confs, p)
	wantAll(t, fromKernel(t, a, p), "inet 10.1.0.2/24", "default via 10.1.0.1", "inet6 2001:db8::2/", "default via fe80::", "nameserver 192.0.2.53")
	n.ping(t, "10.1.0.2")
	n.ping(t, "2001:db8::2")
	n.cnitool(t, "del", n.confs, p)
}

// TestAnswerElsewhere: of a network that is configured elsewhere, as Multus' are, what the runtime called ADD with is
// known; a guest is answered that was there before vmtapd, and as another when it is made anew with another address.
func TestAnswerElsewhere(t *testing.T) {
	n := newLibcniNode(t)
	elsewhere := t.TempDir()
	n.network(t, elsewhere, `{"type": "vmtap", "dns": {"nameservers": ["192.0.2.53"], "domain": "example.org"}, "ntp": "192.0.2.123"}`)
	p := n.newPod(t, "p")
	a := n.add(t, elsewhere, p)
	r := n.answers(t)
	wantAll(t, udhcpc(t, a.bareSystem(p)), "dns=192.0.2.53\n", "domain=example.org\n", "ntpsrv=192.0.2.123\n", "hostname=web-0\n")
	n.cnitool(t, "del", elsewhere, p)
	before := a.guestConfig().Addr4

	n.network(t, elsewhere, `{"type": "vmtap", "dns": {"nameservers": ["192.0.2.54"]}, "vmid": {"range": "77"}}`)
	a = n.add(t, elsewhere, p)
	if now := a.guestConfig().Addr4; now == before {
		t.Fatalf("the guest has %v again", now)
	}
	out := udhcpc(t, a.bareSystem(p))
	wantAll(t, out, "dns=192.0.2.54\n", "ip="+a.guestConfig().Addr4.Addr().String()+"\n")
	if strings.Contains(out, "ntpsrv=") {
		t.Errorf("a time server that is gone:\n%s", out)
	}
	if strings.Contains(r.log.String(), "ERROR") {
		t.Errorf("vmtapd:\n%s", r.log)
	}
}

// TestAnswerStranger: on a link that vmtap did not make only the guest is answered that took it over, by its own lladdr.
func TestAnswerStranger(t *testing.T) {
	n := newLibcniNode(t)
	p := n.newPod(t, "p")
	noDAD(t, n.NS, p.NS)
	n.network(t, n.confs, earlierBlock(t, "bridge")+`, {"type": "vmtap", "placement": "chained"}`)
	r := n.answers(t)
	a := n.add(t, n.confs, p)
	// A pod of the earlier plugin's alone, on the same bridge, asks as itself and as the guest.
	q := n.newPod(t, "q")
	n.Run(t, "ip", "link", "add", "other", "type", "veth", "peer", "name", "eth0", "netns", q.Path())
	n.Run(t, "ip", "link", "set", "other", "master", "cni0", "up")
	q.Run(t, "ip", "link", "set", "eth0", "up")
	own, theirs := guest.ParseMAC(q.link(t, "eth0").Address), guest.ParseMAC(a.Interfaces[len(a.Interfaces)-1].Mac)
	for _, frame := range [][]byte{discover(t, own, own), discover(t, theirs, theirs), discover(t, own, theirs)} {
		sendRaw(t, q.NS, "eth0", frame)
	}
	time.Sleep(300 * time.Millisecond)
	if log := r.log.String(); strings.Contains(log, "dhcpv4") {
		t.Errorf("vmtapd answered a stranger:\n%s", log)
	}
	g := guest.Open(t, p.NS, "tap0", guest.Config{LLAddr: theirs})
	if err := g.Send(discover(t, theirs, theirs)); err != nil {
		t.Fatal(err)
	}
	r.await(t, "dhcpv4 offer")
}
