package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The operations of vmd's privileged process (priv.c), each with a test of its
// name. docs/vmd.md is the table.

// vm5 adds the first interface of the VM with vmid 5, so that its links' names
// and addresses are known.
func (n *node) vm5(t *testing.T, block string) (*pod, *attachment) {
	t.Helper()
	p := n.newPod(t, "p")
	call := p.call("eth0", conf(block))
	call.Args = "VMID=5;VMNAME=web"
	return p, n.add(t, call)
}

func (l link) isUp() bool { return slices.Contains(l.Flags, "UP") }

// TestIFDESCR: interface and switch are described in vmd's words, cut at 255
// bytes.
func TestIFDESCR(t *testing.T) {
	long := strings.Repeat("n", 255)
	for _, c := range []struct{ name, vm, sw, ofLink, ofBridge string }{
		{"whole", "web", "uplink", "vm5-if0-web", "switch7-uplink"},
		{"cut", long, long, ("vm5-if0-" + long)[:255], ("switch7-" + long)[:255]},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			call := n.newPod(t, "p").call("eth0", conf(fmt.Sprintf(`"switch": {"interface": "bridge0", "create": true, "id": 7, "name": %q}`, c.sw)))
			call.Args = "VMID=5;VMNAME=" + c.vm
			n.add(t, call)
			expect(t, "description of the interface", n.link(t, "vm5-if0").Alias, c.ofLink)
			expect(t, "description of the switch", n.link(t, "bridge0").Alias, c.ofBridge)
		})
	}
}

// TestIFRDOMAIN: the interface's rdomain is its own, else the switch's, else
// 0; the switch is in its own.
func TestIFRDOMAIN(t *testing.T) {
	for _, c := range []struct {
		name            string
		ofIf, ofSwitch  string // in the configuration
		layer3, bridge0 string // masters
	}{
		{"default", "", "", "", ""},
		{"switch only", "", "10", "rdomain10", "rdomain10"},
		{"interface only", "20", "", "rdomain20", ""},
		{"both", "10", "10", "rdomain10", "rdomain10"},
		{"both, different", "20", "10", "rdomain20", "rdomain10"},
		{"explicit 0", "0", "10", "", "rdomain10"},
		{"explicit 0 of the switch", "20", "0", "rdomain20", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			newNode := newNode
			if c.layer3+c.bridge0 != "" {
				newNode = newVRFNode
			}
			n := newNode(t)
			n.vm5(t, inRDomains("bridge0", c.ofIf, c.ofSwitch))
			expect(t, "rdomain of the interface", n.link(t, "vm5-gw0").Master, c.layer3)
			expect(t, "rdomain of the switch", n.link(t, "bridge0").Master, c.bridge0)
			expect(t, "switch of the interface", n.link(t, "vm5-if0").Master, "bridge0")
		})
	}
	t.Run("no switch", func(t *testing.T) {
		n := newVRFNode(t)
		n.vm5(t, `"rdomain": 10`)
		expect(t, "rdomain of the interface", n.link(t, "vm5-if0").Master, "rdomain10")
	})
}

// TestIFEXISTS: a switch whose bridge does not exist is refused before
// anything is changed. One that exists is used as it is, or made if that is
// asked for.
func TestIFEXISTS(t *testing.T) {
	n := newNode(t)
	p := n.newPod(t, "p")
	before := takeAll(t, n.NS, p.NS)
	_, fault := n.Add(t, p.call("eth0", conf(`"switch": "bridge0", "local": true`)))
	wantFault(t, fault, 7, `"bridge0"`, "no such bridge")
	before.wantSame(t)

	n.Run(t, "ip", "link", "add", "bridge0", "type", "bridge")
	was := n.link(t, "bridge0")
	p.add(t, "eth0", conf(`"switch": "bridge0", "local": true`))
	p.add(t, "net1", conf(`"switch": {"interface": "bridge0", "create": true}, "local": true`))
	expect(t, "ifindex of a bridge that exists", n.link(t, "bridge0").Index, was.Index)
	p.add(t, "net2", conf(`"switch": {"interface": "bridge1", "create": true}, "local": true`))
	expect(t, "kind of a bridge that did not", n.link(t, "bridge1").Info.Kind, "bridge")
}

// TestIFADD: the host link is a port of the switch; the gateway is not. What
// vmd is told by EEXIST, that the interface is attached already, a runtime is
// told by an error, and the port stays as it is.
func TestIFADD(t *testing.T) {
	n := newNode(t)
	p, a := n.vm5(t, createConf)
	expect(t, "master of the host link", n.link(t, "vm5-if0").Master, "bridge0")
	expect(t, "master of the gateway", n.link(t, "vm5-gw0").Master, "")

	before := takeAll(t, n.NS, p.NS)
	_, fault := n.Add(t, p.call("eth0", conf(createConf)))
	wantFault(t, fault, 100, "p@eth0", "exists", "vm5-if0")
	before.wantSame(t)
	if fault := n.Check(t, a.call); fault != nil {
		t.Errorf("CHECK after a second ADD: %s", fault)
	}

	// The next interface finds a switch that has ports.
	b := p.add(t, "net1", conf(createConf))
	expect(t, "master of the next host link", n.link(t, b.hostLink()).Master, "bridge0")
	expect(t, "master of the first", n.link(t, "vm5-if0").Master, "bridge0")
}

// TestIFUP: host link, gateway and switch are up, whoever made the switch, and
// whether it was up or down.
func TestIFUP(t *testing.T) {
	for _, before := range []string{"", "down", "up"} {
		n := newNode(t)
		if before != "" {
			n.Run(t, "ip", "link", "add", "bridge0", "type", "bridge")
			n.Run(t, "ip", "link", "set", "bridge0", before)
		}
		_, a := n.vm5(t, createConf)
		for _, name := range []string{"vm5-if0", "vm5-gw0", "bridge0"} {
			expect(t, name+" is up, with a switch that was "+before, n.link(t, name).isUp(), true)
		}
		a.del()
	}
}

// TestIFDOWN: with up false, the interface's or the switch's, that is down,
// and the other is not.
func TestIFDOWN(t *testing.T) {
	for _, c := range []struct {
		name, block           string
		interfaceUp, switchUp bool
		before                string // how the bridge was; "" for none
	}{
		{"interface", `"up": false, "switch": "bridge0", "local": true`, false, true, "down"},
		{"switch", `"switch": {"interface": "bridge0", "up": false}, "local": true`, true, false, "up"},
		{"switch that is made", `"switch": {"interface": "bridge0", "create": true, "up": false}, "local": true`, true, false, ""},
		{"both", `"up": false, "switch": {"interface": "bridge0", "up": false}, "local": true`, false, false, "up"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			if c.before != "" {
				n.Run(t, "ip", "link", "add", "bridge0", "type", "bridge")
				n.Run(t, "ip", "link", "set", "bridge0", c.before)
			}
			n.vm5(t, c.block)
			expect(t, "host link is up", n.link(t, "vm5-if0").isUp(), c.interfaceUp)
			expect(t, "gateway is up", n.link(t, "vm5-gw0").isUp(), c.interfaceUp)
			expect(t, "switch is up", n.link(t, "bridge0").isUp(), c.switchUp)
			expect(t, "addresses", n.link(t, "vm5-gw0").addrs()[:2], []string{"100.64.5.2/31", "fd00::6440:503:0:1/96"})
		})
	}
}

// groups are the groups of a host link, in order: altnames <host link>.<group>.
func (l link) groups() []string {
	var all []string
	for _, a := range l.AltNames {
		if g, ok := strings.CutPrefix(a, l.Name+"."); ok && !strings.HasPrefix(g, "net.") {
			all = append(all, g)
		}
	}
	return all
}

// TestIFGROUP: the interface's groups come first, then the switch's; who is in
// a group already is in it once.
func TestIFGROUP(t *testing.T) {
	for _, c := range []struct {
		name, own, ofSwitch string
		want                []string
	}{
		{"none", "", "", nil},
		{"interface", `"web"`, "", []string{"web"}},
		{"switch", "", `"vms"`, []string{"vms"}},
		{"interface, then switch", `["web", "db"]`, `"vms"`, []string{"web", "db", "vms"}},
		{"the same", `"vms"`, `"vms"`, []string{"vms"}},
		{"doubles", `["vms", "web", "vms"]`, `"vms"`, []string{"vms", "web"}},
		{"15 characters", `"abcdefghijklmno"`, "", []string{"abcdefghijklmno"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			n.vm5(t, inGroups(c.own, c.ofSwitch))
			expect(t, "groups", n.link(t, "vm5-if0").groups(), c.want)
		})
	}
	for _, bad := range []string{"abcdefghijklmnop", "web1", ""} { // priv_validgroup takes ""
		for _, block := range []string{inGroups(fmt.Sprintf("%q", bad), ""), inGroups("", fmt.Sprintf("%q", bad))} {
			n := newNode(t)
			p := n.newPod(t, "p")
			before := takeAll(t, n.NS, p.NS)
			_, fault := n.Add(t, p.call("eth0", conf(block)))
			wantFault(t, fault, 7, "group", fmt.Sprintf("%q", bad))
			before.wantSame(t, block)
		}
	}
}

// inGroups is the block of an interface on a created bridge: its groups and
// the switch's as JSON, "" for none.
func inGroups(own, ofSwitch string) string {
	block := `"switch": {"interface": "bridge0", "create": true`
	if ofSwitch != "" {
		block += `, "group": ` + ofSwitch
	}
	block += "}"
	if own != "" {
		block += `, "group": ` + own
	}
	return block
}

// TestIFADDR: the layer 3 link has host4, as a /31, for good.
func TestIFADDR(t *testing.T) {
	for block, layer3 := range map[string]string{"": "vm5-if0", createConf: "vm5-gw0"} {
		n := newNode(t)
		_, a := n.vm5(t, block)
		expect(t, "IPv4 addresses of "+layer3, lifetimes(t, n, "-4", layer3), []string{"100.64.5.2/31 forever"})
		expect(t, "guest's IPv4 address", a.IPs[0].Address.String(), "100.64.5.3/31")
		if layer3 != "vm5-if0" {
			expect(t, "IPv4 addresses of the bridge port", lifetimes(t, n, "-4", "vm5-if0"), nil)
		}
	}
}

// TestIFADDR6: the layer 3 link has IPv6 and host6, as a /96, for good and at
// once, in place of one that was there before.
func TestIFADDR6(t *testing.T) {
	want := []string{"fd00::6440:503:0:1/96 forever nodad", "fe80::6440:503:0:1/128 forever nodad"}
	for block, layer3 := range map[string]string{"": "vm5-if0", createConf: "vm5-gw0"} {
		n := newNode(t)
		_, a := n.vm5(t, block)
		expect(t, "IPv6 addresses of "+layer3, lifetimes(t, n, "-6", layer3), want)
		expect(t, "disable_ipv6", sysctl(t, n, "ipv6/conf/"+layer3+"/disable_ipv6"), "0")
		expect(t, "guest's IPv6 address", a.IPs[1].Address.String(), "fd00::6440:503:0:2/96")
	}

	t.Run("enabled", func(t *testing.T) {
		for _, of := range []string{"default", "all"} {
			n := newNode(t)
			setSysctl(t, n, "ipv6/conf/"+of+"/disable_ipv6", "1")
			n.vm5(t, createConf)
			expect(t, "IPv6 addresses of the gateway", lifetimes(t, n, "-6", "vm5-gw0"), want)
			expect(t, "disable_ipv6", sysctl(t, n, "ipv6/conf/vm5-gw0/disable_ipv6"), "0")
		}
	})

	t.Run("replaced", func(t *testing.T) {
		n := newNode(t)
		p, a := n.vm5(t, createConf)
		// A gateway that lost its host link still has the address.
		n.Run(t, "ip", "link", "del", "vm5-if0")
		p.Run(t, "ip", "link", "del", "eth0")
		expect(t, "IPv6 addresses of the dead gateway", lifetimes(t, n, "-6", "vm5-gw0")[0], want[0])
		n.add(t, a.call.With(nil))
		if found := strings.Count(n.Run(t, "ip", "-6", "-o", "address", "show", "to", "fd00::6440:503:0:1"), "\n"); found != 1 {
			t.Errorf("host6 is there %d times, want once", found)
		}
	})

	t.Run("off", func(t *testing.T) {
		n := newNode(t)
		n.vm5(t, `"local": {"inet6": false}`)
		expect(t, "IPv6 addresses", lifetimes(t, n, "-6", "vm5-if0"), nil)
	})
}

// lifetimes are a link's addresses of one family, with how long they are valid
// and preferred, and whether they wait for duplicate address detection.
func lifetimes(t *testing.T, n *node, family, name string) []string {
	t.Helper()
	var all []struct {
		Addrs []struct {
			Local     string `json:"local"`
			Prefixlen int    `json:"prefixlen"`
			Valid     uint32 `json:"valid_life_time"`
			Preferred uint32 `json:"preferred_life_time"`
			NoDAD     bool   `json:"nodad"`
			Tentative bool   `json:"tentative"`
		} `json:"addr_info"`
	}
	text := n.Run(t, "ip", family, "-d", "-j", "address", "show", "dev", name)
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("read addresses: %v: %s", err, text)
	}
	const infinite = 1<<32 - 1
	var out []string
	for _, l := range all {
		for _, a := range l.Addrs {
			line := fmt.Sprintf("%s/%d", a.Local, a.Prefixlen)
			if a.Valid == infinite && a.Preferred == infinite {
				line += " forever"
			}
			if a.NoDAD && !a.Tentative {
				line += " nodad"
			}
			out = append(out, line)
		}
	}
	return out
}

// TestGetrtable: what names no rdomain is in that of the process, which is 0:
// in no VRF, and routed in the main table.
func TestGetrtable(t *testing.T) {
	for block, layer3 := range map[string]string{"": "vm5-if0", createConf: "vm5-gw0"} {
		n := newNode(t)
		rules := n.Run(t, "ip", "rule")
		n.vm5(t, block)
		for _, l := range links(t, n.NS) {
			if want := map[bool]string{true: "bridge0"}[l.Name == "vm5-if0" && layer3 != "vm5-if0"]; l.Master != want || l.Info.Kind == "vrf" {
				t.Errorf("%s is a %s and in %q", l.Name, l.Info.Kind, l.Master)
			}
		}
		expect(t, "rules", n.Run(t, "ip", "rule"), rules)
		if routes := n.Run(t, "ip", "-6", "route", "show", "table", "main", "dev", layer3); !strings.Contains(routes, "fd00::6440:503:0:2 ") {
			t.Errorf("main table has %q, want a route to guest6", routes)
		}
	}
}
