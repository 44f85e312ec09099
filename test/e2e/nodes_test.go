package e2e

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// podNets are the prefixes of node 0 and node 1: what Kubernetes gives nodes, a
// /24 and a /64 each.
var podNets = [2]struct{ prefix, prefix6 string }{
	{"10.244.1.0/24", "fd10:244:0:1::/64"},
	{"10.244.2.0/24", "fd10:244:0:2::/64"},
}

// ofNode is a block of a local interface of a node: its prefixes, with 4 bits
// for each VM, and what else is in the block.
func ofNode(number int, block string) string {
	local := fmt.Sprintf(`"local": {"prefix": %q, "bits": 4, "prefix6": %q}`, podNets[number].prefix, podNets[number].prefix6)
	if block != "" {
		local += ", " + block
	}
	return conf(local)
}

// kubernetesPage has the commands that join nodes.
const kubernetesPage = "docs/kubernetes.md"

// commands are the lines of a section of kubernetesPage that are to be run.
func commands(t *testing.T, heading string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(source, kubernetesPage))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "\n## "+heading+"\n")
	text, _, _ = strings.Cut(text, "\n## ")
	var lines []string
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			lines = append(lines, command)
		}
	}
	if len(lines) == 0 {
		t.Fatalf("%s has no commands under %q", kubernetesPage, heading)
	}
	return strings.Join(lines, "")
}

// otherWay turns what is run on the first node into what the second one wants.
func otherWay(commands string) string {
	return strings.NewReplacer(
		"10.244.1.", "10.244.2.", "10.244.2.", "10.244.1.", "0:1::", "0:2::", "0:2::", "0:1::",
		"192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.1", "db8::1", "db8::2", "db8::2", "db8::1",
	).Replace(commands)
}

// newNodes makes two nodes on one network, and joins them in rdomain 0 and in
// these others, as kubernetesPage has it.
func newNodes(t *testing.T, rdomains ...string) [2]*node {
	t.Helper()
	newNode := newNode
	if len(rdomains) > 0 {
		newNode = newVRFNode
	}
	nodes := [2]*node{newNode(t), newNode(t)}
	noDAD(t, nodes[0].NS, nodes[1].NS)
	nodes[0].Run(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", nodes[1].NS.Path())
	script := commands(t, "Routes between nodes")
	for _, r := range rdomains {
		script += strings.NewReplacer("rdomain10", "rdomain"+r, "1010", "10"+r, "eth0.10", "eth0."+r, "id 10", "id "+r).
			Replace(commands(t, "Routes in an rdomain"))
	}
	eth0 := "ip link set eth0 up\nip address add 192.0.2.1/24 dev eth0\nip address add 2001:db8::1/64 dev eth0\n"
	for i, run := range []string{eth0 + script, otherWay(eth0 + script)} {
		nodes[i].Run(t, "sh", "-ec", run)
	}
	return nodes
}

// boot adds a VM and starts its guest.
func (n *node) boot(t *testing.T, name, rdomain, block string) resident {
	t.Helper()
	p := n.newPod(t, name)
	a := p.add(t, "eth0", block)
	return resident{name: name, rdomain: rdomain, Guest: a.boot(p), config: a.guestConfig()}
}

// TestNodes: VMs of two nodes in rdomain 0 reach each other on both families,
// with a switch and without, whether they have spoken before or not.
func TestNodes(t *testing.T) {
	nodes := newNodes(t)
	var all []resident
	for i, n := range nodes {
		for name, block := range map[string]string{"local": "", "switch": createSwitch("bridge0", "0")} {
			all = append(all, n.boot(t, fmt.Sprint(name, i), "0", ofNode(i, block)))
		}
	}
	wantMeetings(t, all)
	wantStream(t, nodes, "0")
}

// TestNodesInRDomains: VMs of two nodes reach each other in their rdomain, and
// in no other one, on the other node as on their own. The nodes' rdomains have a
// link and routes each, with the same addresses.
func TestNodesInRDomains(t *testing.T) {
	netns.NeedsVRF(t)
	nodes := newNodes(t, "10", "20")
	var all []resident
	for i, n := range nodes {
		for _, r := range []string{"0", "10", "20"} {
			all = append(all, n.boot(t, fmt.Sprintf("r%s-n%d", r, i), r, ofNode(i, createSwitch("bridge"+r, r))))
		}
		// One that is on no switch, and one on another rdomain's.
		all = append(all, n.boot(t, fmt.Sprintf("r10-local-n%d", i), "10", ofNode(i, `"rdomain": 10, "rdomains": {"moveLocalRule": true}`)))
		all = append(all, n.boot(t, fmt.Sprintf("r20-on10-n%d", i), "20", ofNode(i, createSwitch("bridge10", "10")+`, "rdomain": 20`)))
	}
	wantMeetings(t, all)
	wantStream(t, nodes, "10")
}

// createSwitch is a switch in an rdomain that hides the host's addresses.
func createSwitch(bridge, rdomain string) string {
	block := fmt.Sprintf(`"switch": {"interface": %q, "create": true, "rdomain": %s}`, bridge, rdomain)
	if rdomain != "0" {
		block += `, "rdomains": {"moveLocalRule": true}`
	}
	return block
}

// wantMeetings demands that those of one rdomain ping each other and get
// datagrams back, and that nothing that others send arrives. What must not
// arrive is all sent before anybody waits.
func wantMeetings(t *testing.T, all []resident) {
	t.Helper()
	marks := make([]guest.Mark, len(all))
	for i, r := range all {
		marks[i] = r.Mark()
	}
	for _, from := range all {
		for _, to := range all {
			for i, dst := range addrs(to.config) {
				if from.rdomain != to.rdomain {
					from.call(t, i, dst)
				}
			}
		}
	}
	time.Sleep(silence)
	for _, from := range all {
		for i, to := range all {
			if from.rdomain != to.rdomain {
				wantNothing(t, to.Guest, marks[i], addrs(from.config)...)
			}
		}
	}
	for _, from := range all {
		for _, to := range all {
			if from.name == to.name || from.rdomain != to.rdomain {
				continue
			}
			for i, dst := range addrs(to.config) {
				if err := from.Ping(dst, answered); err != nil {
					t.Errorf("%s to %s: %v", from.name, to.name, err)
					continue
				}
				mark := from.Mark()
				from.call(t, i, dst)
				if _, ok := from.Wait(mark, answered, func(p guest.Packet) bool { return echoed(p, dst) }); !ok {
					t.Errorf("%s to %s: no datagram from %s", from.name, to.name, dst)
				}
			}
		}
	}
}

// call sends an echo request and a datagram through the gateway, IPv4's or
// IPv6's, without waiting for an answer.
func (r *resident) call(t *testing.T, family int, dst netip.Addr) {
	t.Helper()
	mac, err := r.Resolve(gateways(r.config)[family], answered)
	if err != nil {
		t.Fatal(err)
	}
	src := addrs(r.config)[family]
	for _, p := range []guest.IP{
		guest.Echo{ID: 9, Data: []byte(r.name)}.Packet(src, dst),
		guest.UDP{SrcPort: 2000, DstPort: guest.EchoPort, Payload: []byte(r.name)}.Packet(src, dst),
	} {
		if err := r.SendIP(mac, p); err != nil {
			t.Fatal(err)
		}
	}
}

// echoed says whether a packet is a datagram of a guest's echo service.
func echoed(p guest.Packet, from netip.Addr) bool {
	if p.IP == nil || p.IP.Src != from {
		return false
	}
	u, err := guest.ParseUDP(*p.IP)
	return err == nil && u.SrcPort == guest.EchoPort && len(bytes.TrimSpace(u.Payload)) > 0
}

// wantStream demands TCP between guests of two nodes whose operating system has
// it, on both families.
func wantStream(t *testing.T, nodes [2]*node, rdomain string) {
	t.Helper()
	var systems [2]*netns.NS
	var configs [2]guest.Config
	for i, n := range nodes {
		p := n.newPod(t, fmt.Sprint("tcp", i))
		a := p.add(t, "eth0", ofNode(i, `"rdomain": `+rdomain))
		systems[i], configs[i] = a.system(p), a.guestConfig()
	}
	const bytes = 1 << 20
	for i, dst := range addrs(configs[1]) {
		stream(t, systems[0], systems[1], dst.String(), bytes)
		stream(t, systems[1], systems[0], addrs(configs[0])[i].String(), bytes)
	}
}

// system starts a guest that has TCP, with its default routes.
func (a *attachment) system(p *pod) *netns.NS {
	a.t.Helper()
	c := a.guestConfig()
	s := guest.System(a.t, p.NS, "eth0", c)
	var routes strings.Builder
	for _, gateway := range gateways(c) {
		fmt.Fprintf(&routes, "route add default via %s dev eth0\n", gateway)
	}
	ipBatch(a.t, s.Run, routes.String())
	return s
}
