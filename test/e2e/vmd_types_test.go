package e2e

import (
	"strings"
	"testing"
)

// foreign are commands that make a link NAME of a kind, for links that vmtap
// must leave alone.
func foreign() map[string]string {
	return map[string]string{
		"bridge":  "ip link add NAME type bridge",
		"macvlan": "ip link add under type veth peer name under-peer; ip link add NAME link under type macvlan",
		"tun":     "ip tuntap add NAME mode tap",
		"veth":    "ip link add NAME type veth peer name NAME-peer",
	}
}

// makeForeign makes a link of a kind with altnames.
func (n *node) makeForeign(t *testing.T, kind, name string, altNames ...string) {
	t.Helper()
	for _, command := range strings.Split(foreign()[kind], "; ") {
		argv := strings.Fields(strings.ReplaceAll(command, "NAME", name))
		n.Run(t, argv[0], argv[1:]...)
	}
	for _, a := range altNames {
		n.Run(t, "ip", "link", "property", "add", "dev", name, "altname", a)
	}
}

// TestTypeAllowList: of links of another kind, and of those that lack its
// mark, vmtap changes and deletes none.
func TestTypeAllowList(t *testing.T) {
	const mark, attachment, gateway = "vm5-if0.net.vmnet", "p@eth0", "gw:p@eth0"
	rdomain := `"rdomain": 10`
	for _, c := range []struct {
		name     string
		kinds    string
		link     string
		altNames []string
		conf     string
		code     uint // of ADD; 0: DEL, which succeeds
		words    []string
	}{
		{"named like the bridge", "macvlan tun veth", "bridge0", nil, `"switch": "bridge0"`, 7, []string{`"bridge0"`, "not a bridge"}},
		{"named like the bridge that is to be made", "macvlan tun veth", "bridge0", []string{"bridge0.switch"}, createConf, 7, []string{`"bridge0"`, "not a bridge"}},
		{"with the bridge's altname", "macvlan", "mine", []string{"bridge0"}, createConf, 7, []string{`"mine"`, "not a bridge"}},
		{"named like the VRF", "bridge macvlan tun veth", "rdomain10", nil, rdomain, 7, []string{`"rdomain10"`, "not a VRF"}},
		{"named like the switch's VRF", "bridge macvlan", "rdomain10", nil, inRDomains("bridge0", "0", "10"), 7, []string{`"rdomain10"`, "not a VRF"}},
		{"with the VRF's altname", "bridge", "mine", []string{"rdomain10"}, rdomain, 7, []string{`"mine"`, "not a VRF"}},
		{"named like the host link", "bridge macvlan tun veth", "vm5-if0", []string{mark}, "", 100, []string{"vm5-if0"}},
		{"named like the gateway", "bridge macvlan tun veth", "vm5-gw0", nil, createConf, 100, []string{"vm5-gw0"}},
		{"named like the gateway's other end", "bridge macvlan tun veth", "vm5-gp0", nil, createConf + `, "placement": "host"`, 100, []string{"vm5-gp0"}},
		{"marked like a gateway that is dead", "bridge macvlan tun", "vm5-gw0", []string{"gw:q@eth0"}, createConf, 100, []string{"vm5-gw0"}},

		{"found by DEL, marked, of another kind", "bridge macvlan", "mine", []string{attachment, mark}, "", 0, nil},
		{"found by DEL, without a mark", "bridge macvlan tun veth", "mine", []string{attachment}, "", 0, nil},
		{"found by DEL, with another network's mark", "veth", "mine", []string{attachment, "vm5-if0.net.other"}, "", 0, nil},
		{"found by DEL as a gateway, of another kind", "bridge macvlan tun", "vm5-gw0", []string{gateway}, createConf, 0, nil},
		{"found by DEL only by its name", "veth", "vm5-if0", nil, "", 0, nil},
	} {
		kinds := strings.Fields(c.kinds)
		if testing.Short() {
			kinds = kinds[:1]
		}
		for _, kind := range kinds {
			t.Run(c.name+", "+kind, func(t *testing.T) {
				t.Parallel()
				n := newNode(t)
				p := n.newPod(t, "p")
				n.makeForeign(t, kind, c.link, c.altNames...)
				before := takeAll(t, n.NS, p.NS)
				call := p.call("eth0", conf(c.conf))
				call.Args = "VMID=5"
				if c.code == 0 {
					if fault := n.Del(t, call); fault != nil {
						t.Errorf("DEL: %s", fault)
					}
				} else {
					_, fault := n.Add(t, call)
					wantFault(t, fault, c.code, c.words...)
				}
				before.wantSame(t)
			})
		}
	}
}

// TestAddressFamilies: an address of the wrong family is refused.
func TestAddressFamilies(t *testing.T) {
	for _, c := range []struct {
		block string
		words []string
	}{
		{`"local": {"prefix": "fd00::/8"}`, []string{"local", "fd00::/8", "not an IPv4 prefix"}},
		{`"local": {"prefix6": "100.64.0.0/10"}`, []string{"local", "100.64.0.0/10", "not an IPv6 prefix"}},
		{`"local": {"prefix": "::ffff:100.64.0.0/106"}`, []string{"local.prefix", "::ffff:100.64.0.0/106"}},
		{`"local": {"prefix6": "::ffff:100.64.0.0/106"}`, []string{"local.prefix6", "::ffff:100.64.0.0/106"}},
	} {
		t.Run(c.block, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			before := takeAll(t, n.NS, p.NS)
			_, fault := n.Add(t, p.call("eth0", conf(c.block)))
			wantFault(t, fault, 7, c.words...)
			before.wantSame(t)
		})
	}
}
