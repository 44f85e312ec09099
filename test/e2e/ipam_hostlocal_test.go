package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/test/cni"
)

// TestIPAM: host-local's addresses become the guest's, in each spec version;
// guests of the switch reach each other and the gateway; DEL gives all back.
func TestIPAM(t *testing.T) {
	for _, version := range config.Versions() {
		t.Run(version, func(t *testing.T) {
			n, leases := newIPAMNode(t), newPool(t)
			n.Run(t, "ip", "link", "add", "br0", "type", "bridge")
			ipBatch(t, n.Run, "address add 10.1.0.1/24 dev br0\naddress add 2001:db8::1/64 dev br0 nodad\n")
			block := strings.Replace(conf(`"switch": "br0", "ipam": `+leases.dual()), "1.0.0", version, 1)
			p, q := n.newPod(t, "p"), n.newPod(t, "q")
			a, b := addIn(t, version, p, block), addIn(t, version, q, block)

			expect(t, "addresses", told(a), []string{"10.1.0.2/24 via 10.1.0.1 of 3", "2001:db8::2/64 via 2001:db8::1 of 2"})
			var routes []string
			for _, r := range a.Routes {
				routes = append(routes, fmt.Sprint(r.Dst.String(), " via ", r.GW))
			}
			expect(t, "routes", routes, []string{"0.0.0.0/0 via 10.1.0.1", "::/0 via 2001:db8::1"})
			for i, name := range []string{"br0", a.hostLink(), "eth0", "eth0"} {
				expect(t, "interface", a.Interfaces[i].Name, name)
			}
			expect(t, "sandbox of the last", a.Interfaces[3].Sandbox, "p")
			expect(t, "leases", leases.leases(t, "vmnet"), []string{"10.1.0.2", "10.1.0.3", "2001:db8::2", "2001:db8::3"})
			for _, name := range []string{"10.1.0.2.ip.br0", "2001:db8::2.ip.br0"} {
				expect(t, "link of "+name, n.link(t, name).Name, a.hostLink())
			}

			g, other := a.boot(p), b.boot(q)
			for _, dst := range append(addrs(b.guestConfig()), gateways(a.guestConfig())...) {
				if err := g.Ping(dst, answered); err != nil {
					t.Error(err)
				}
			}
			if err := other.Close(); err != nil {
				t.Error(err)
			}
			for _, a := range []*attachment{a, b} {
				a.del()
				a.del()
			}
			expect(t, "leases after DEL", leases.leases(t, "vmnet"), []string{})
			n.noVMLinks(t)
			p.onlyLoopback(t)
		})
	}
}

// addIn is add, without CHECK where the version has none.
func addIn(t *testing.T, version string, p *pod, block string) *attachment {
	t.Helper()
	if slices.Index(config.Versions(), version) >= 2 {
		return p.add(t, "eth0", block)
	}
	call := p.call("eth0", block)
	stdout, fault := p.node.Add(t, call)
	if fault != nil {
		t.Fatalf("ADD: %s", fault)
	}
	return &attachment{t, p.node, call.With(stdout), cni.ParseResult(t, stdout)}
}

// told are the addresses of a result, each with its gateway and the number of
// its interface.
func told(a *attachment) []string {
	var all []string
	for _, ip := range a.IPs {
		all = append(all, fmt.Sprint(ip.Address.String(), " via ", ip.Gateway, " of ", *ip.Interface))
	}
	return all
}

// TestIPAMFirstAddress: the first IPv4 address is the guest's, the others are
// the tap's; the plugin's order stays.
func TestIPAMFirstAddress(t *testing.T) {
	n := newIPAMNode(t)
	block := onBridge("bridge0", `{"type": "static", "addresses": [{"address": "2001:db8::2/64"}, {"address": "10.1.0.2/24", "gateway": "10.1.0.1"}, {"address": "10.2.0.2/24"}], "routes": [{"dst": "10.9.0.0/16", "gw": "10.1.0.9"}], "dns": {"nameservers": ["10.1.0.53"]}}`)
	block += `, "routes": [{"dst": "10.8.0.0/16"}, {"dst": "2001:db8:9::/48", "gw": "2001:db8::9"}]`
	a := n.newPod(t, "p").add(t, "eth0", conf(block))
	expect(t, "addresses", told(a), []string{"2001:db8::2/64 via <nil> of 2", "10.1.0.2/24 via 10.1.0.1 of 3", "10.2.0.2/24 via <nil> of 2"})
	var routes []string
	for _, r := range a.Routes {
		routes = append(routes, fmt.Sprint(r.Dst.String(), " via ", r.GW))
	}
	expect(t, "routes", routes, []string{"10.9.0.0/16 via 10.1.0.9", "10.8.0.0/16 via 10.1.0.1", "2001:db8:9::/48 via 2001:db8::9"})
	expect(t, "dns", a.DNS.Nameservers, []string{"10.1.0.53"})
	a.del()
	a = n.newPod(t, "q").add(t, "eth0", conf(block+`, "dns": {"nameservers": ["10.1.0.54"]}`))
	expect(t, "dns of the configuration", a.DNS.Nameservers, []string{"10.1.0.54"})
}

// TestIPAMExhausted: host-local's own error, and nothing is left.
func TestIPAMExhausted(t *testing.T) {
	n, leases := newIPAMNode(t), newPool(t)
	block := conf(onBridge("bridge0", leases.ipam("", "10.1.0.2-10.1.0.3/24")))
	var all []*attachment
	for i := range 2 {
		all = append(all, n.newPod(t, fmt.Sprint("p", i)).add(t, "eth0", block))
	}
	q := n.newPod(t, "q")
	before := takeAll(t, n.NS, q.NS)
	_, fault := n.Add(t, q.call("eth0", block))
	wantFault(t, fault, 999, "delegate ADD to host-local", "no IP addresses available")
	before.wantSame(t)
	all[0].del()
	a := q.add(t, "eth0", block)
	expect(t, "addresses", told(a), []string{"10.1.0.2/24 via 10.1.0.1 of 3"})
	expect(t, "leases", leases.leases(t, "vmnet"), []string{"10.1.0.2", "10.1.0.3"})
}

// TestIPAMAtOnce: VMs that come at once get an address each.
func TestIPAMAtOnce(t *testing.T) {
	n, leases := newIPAMNode(t), newPool(t)
	const vms = 12
	block := conf(onBridge("bridge0", leases.ipam("", "10.1.0.2-10.1.0.200/24")))
	seen := map[string]bool{}
	for _, stdout := range n.addAtOnce(t, vms, block) {
		seen[cni.ParseResult(t, stdout).IPs[0].Address.String()] = true
	}
	if len(seen) != vms || len(leases.leases(t, "vmnet")) != vms {
		t.Errorf("%d VMs have %d addresses, of %d leases", vms, len(seen), len(leases.leases(t, "vmnet")))
	}
}

// TestIPAMRequested: what the caller asks for reaches host-local in each of its
// ways; what it gives is what was asked for, or ADD fails.
func TestIPAMRequested(t *testing.T) {
	n := newIPAMNode(t)
	for _, c := range []struct{ name, args, members string }{
		{"CNI_ARGS", "IgnoreUnknown=1;VMID=7;IP=10.1.0.7", ""},
		{"runtimeConfig", "", `, "capabilities": {"ips": true}, "runtimeConfig": {"ips": ["10.1.0.7/24"]}`},
		{"args.cni", "", `, "args": {"cni": {"ips": ["10.1.0.7"]}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			leases := newPool(t)
			block := conf(onBridge("bridge0", leases.ipam("", "10.1.0.2-10.1.0.9/24")) + c.members)
			call := n.newPod(t, "p").call("eth0", block)
			call.Args = c.args
			a := n.add(t, call)
			defer a.del()
			expect(t, "addresses", told(a), []string{"10.1.0.7/24 via 10.1.0.1 of 3"})

			q := n.newPod(t, "q")
			again := q.call("eth0", block)
			again.Args = strings.Replace(c.args, "VMID=7", "VMID=8", 1)
			_, fault := n.Add(t, again)
			wantFault(t, fault, 999, "delegate ADD to host-local", "10.1.0.7")
			expect(t, "leases", leases.leases(t, "vmnet"), []string{"10.1.0.7"})
			q.onlyLoopback(t)
		})
	}
}

// TestIPAMAddressInUse: a plugin that gives an address twice does not put two
// guests with it on one switch.
func TestIPAMAddressInUse(t *testing.T) {
	n := newIPAMNode(t)
	ipam := `{"type": "static", "addresses": [{"address": "10.1.0.2/24"}, {"address": "2001:db8::2/64"}]}`
	a := n.newPod(t, "p").add(t, "eth0", conf(onBridge("bridge0", ipam)))
	q := n.newPod(t, "q")
	before := takeAll(t, n.NS, q.NS)
	_, fault := n.Add(t, q.call("eth0", conf(onBridge("bridge0", ipam))))
	wantFault(t, fault, 100, "10.1.0.2", "bridge0", "10.1.0.2.ip.bridge0")
	before.wantSame(t)
	other := q.add(t, "eth0", conf(onBridge("bridge1", ipam))) // another switch is another link
	a.del()
	other.del()
	q.add(t, "eth0", conf(onBridge("bridge0", ipam)))
}
