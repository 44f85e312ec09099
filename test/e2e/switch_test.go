package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

const createConf = `"switch": {"interface": "bridge0", "name": "uplink", "id": 7, "create": true}, "local": true`

// TestSwitchCreate: a bridge that vmtap makes is described, closed to layer 3
// and kept when empty.
func TestSwitchCreate(t *testing.T) {
	n := newNode(t)
	a := n.newPod(t, "p").add(t, "eth0", conf(createConf))
	b := n.link(t, "bridge0")
	expect(t, "altnames", b.AltNames, []string{"bridge0.switch"})
	expect(t, "alias", b.Alias, "switch7-uplink")
	expect(t, "addresses", b.addrs(), []string{})
	expect(t, "STP", b.Info.Data.STP, 0)
	expect(t, "disable_ipv6", sysctl(t, n, "ipv6/conf/bridge0/disable_ipv6"), "1")
	expect(t, "arp_ignore", sysctl(t, n, "ipv4/conf/bridge0/arp_ignore"), "1")
	if filters := n.Run(t, "tc", "filter", "show", "dev", "bridge0", "ingress"); !strings.Contains(filters, "bytecode '1,6 0 0 2'") || !strings.Contains(filters, "direct-action") {
		t.Errorf("ingress filters %q, want one that drops all", filters)
	}
	a.del()
	expect(t, "bridge after the last DEL", n.link(t, "bridge0").Index, b.Index)
}

// TestSwitchHalfMade: what another call left half-made is finished.
func TestSwitchHalfMade(t *testing.T) {
	for _, c := range []struct{ name, damage string }{
		{"only the bridge and its mark", ""},
		{"without drop-all", "tc filter del dev bridge0 ingress"},
		{"without ingress", "tc qdisc del dev bridge0 ingress"},
		{"with another filter", "tc filter replace dev bridge0 ingress pref 1 handle 1 bpf da bytecode 1,6_0_0_0"},
		{"with IPv6", "sysctl -qw net.ipv6.conf.bridge0.disable_ipv6=0"},
		{"answering ARP for all", "sysctl -qw net.ipv4.conf.bridge0.arp_ignore=0"},
		{"with another address", "ip link set bridge0 address 02:00:00:00:00:01"},
		{"down", "ip link set bridge0 down"},
		{"without alias", "ip link set bridge0 alias"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			if c.damage == "" {
				n.Run(t, "ip", "link", "add", "bridge0", "type", "bridge")
				n.Run(t, "ip", "link", "property", "add", "dev", "bridge0", "altname", "bridge0.switch")
			} else {
				n.newPod(t, "first").add(t, "eth0", conf(createConf))
				argv := strings.Fields(c.damage)
				for i := range argv {
					argv[i] = strings.ReplaceAll(argv[i], "_", " ")
					if strings.HasPrefix(argv[i], "net.") {
						argv[i] = strings.ReplaceAll(argv[i], " ", "_")
					}
				}
				if strings.HasSuffix(c.damage, "alias") {
					argv = append(argv, "")
				}
				n.Run(t, argv[0], argv[1:]...)
			}
			// CHECK, in add, is exact.
			n.newPod(t, "p").add(t, "eth0", conf(createConf))
		})
	}
}

// TestSwitchForeign: of somebody else's bridge vmtap changes what vmd changes.
func TestSwitchForeign(t *testing.T) {
	for _, c := range []struct{ alias, want string }{
		{"", "switch3-lan"},
		{"switch1-old", "switch3-lan"},
		{"the admin's", "the admin's"},
	} {
		n := newNode(t)
		n.Run(t, "ip", "link", "add", "br0", "address", "02:00:00:00:00:aa", "type", "bridge")
		n.Run(t, "ip", "address", "add", "192.0.2.1/24", "dev", "br0")
		if c.alias != "" {
			n.Run(t, "ip", "link", "set", "br0", "alias", c.alias)
		}
		p := n.newPod(t, "p")
		block := `"switch": {"interface": "br0", "name": "lan", "id": 3%s}, "local": true`
		a := p.add(t, "eth0", conf(fmt.Sprintf(block, "")))
		b := n.link(t, "br0")
		expect(t, "alias", b.Alias, c.want)
		expect(t, "up", slices.Contains(b.Flags, "UP"), true)
		expect(t, "address", b.Address, "02:00:00:00:00:aa")
		expect(t, "altnames", len(b.AltNames), 0)
		expect(t, "addresses", slices.Contains(b.addrs(), "192.0.2.1/24"), true)
		a.del()

		p.add(t, "eth0", conf(fmt.Sprintf(block, `, "up": false`)))
		expect(t, "up", slices.Contains(n.link(t, "br0").Flags, "UP"), false)
	}
}

// TestSwitchByAltName: a bridge may be named by an altname.
func TestSwitchByAltName(t *testing.T) {
	n := newNode(t)
	n.Run(t, "ip", "link", "add", "br0", "type", "bridge")
	n.Run(t, "ip", "link", "property", "add", "dev", "br0", "altname", "lan")
	a := n.newPod(t, "p").add(t, "eth0", conf(`"switch": "lan", "local": true`))
	expect(t, "first interface of the result", a.Interfaces[0].Name, "br0")
	expect(t, "master", n.link(t, a.hostLink()).Master, "br0")
}

// TestSwitchNotLocal: an interface that is only a bridge port has no layer 3.
func TestSwitchNotLocal(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(`"switch": {"interface": "bridge0", "create": true}`))
	expect(t, "addresses of the result", len(a.IPs), 0)
	expect(t, "addresses of the host link", n.link(t, a.hostLink()).addrs(), []string{})
	expect(t, "interfaces of the result", len(a.Interfaces), 4)
	for _, l := range links(t, n.NS) {
		if strings.Contains(l.Name, "-gw") {
			t.Errorf("a gateway %s", l.Name)
		}
	}
	a.del()
}

// TestFirstADDsAtOnce: twenty first ADDs make one bridge and twenty VMs.
func TestFirstADDsAtOnce(t *testing.T) {
	seen := map[string]int{}
	for i, stdout := range newNode(t).addAtOnce(t, 20, switchConf) {
		r := cni.ParseResult(t, stdout)
		for _, what := range []string{r.Interfaces[1].Name, r.IPs[0].Address.String(), r.IPs[1].Address.String(), r.Interfaces[4].Mac} {
			if other, ok := seen[what]; ok {
				t.Errorf("%s is of VM %d and VM %d", what, other, i)
			}
			seen[what] = i
		}
	}
}

// addAtOnce adds VMs all at once, demands that CHECK passes, and returns the
// results.
func (n *node) addAtOnce(t *testing.T, vms int, conf string) [][]byte {
	t.Helper()
	calls, results, faults := make([]cni.Call, vms), make([][]byte, vms), make([]string, vms)
	for i := range calls {
		calls[i] = n.newPod(t, fmt.Sprint("p", i)).call("eth0", conf)
	}
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			stdout, fault, err := n.Invoke(cni.ADD, calls[i])
			if fault != nil || err != nil {
				faults[i] = fmt.Sprint(fault, err)
			}
			results[i] = stdout
		})
	}
	wg.Wait()
	for i := range calls {
		if faults[i] != "" {
			t.Fatalf("ADD %d: %s", i, faults[i])
		}
		if fault := n.Check(t, calls[i].With(results[i])); fault != nil {
			t.Errorf("CHECK %d: %s", i, fault)
		}
	}
	return results
}

// TestSwitchFull: a bridge has 1023 ports. Whoever asks for one more is told
// so, and nothing is left.
func TestSwitchFull(t *testing.T) {
	n := newNode(t)
	n.fillBridge(t)
	p := n.newPod(t, "p")
	config := conf(`"switch": "br0", "local": true`)
	_, fault := n.Add(t, p.call("eth0", config))
	wantFault(t, fault, 11, "br0", "1023 ports")
	n.noVMLinks(t)
	p.onlyLoopback(t)

	n.Run(t, "ip", "link", "set", "a0", "nomaster")
	p.add(t, "eth0", config)
}
