package e2e

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
)

// policy loads the rules that docs/groups.md shows under a heading, twice, as
// its reader may.
func (n *node) policy(t *testing.T, heading string) {
	t.Helper()
	page, err := os.ReadFile("../../docs/groups.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(section, -1)
	i := slices.IndexFunc(blocks, func(b []string) bool { return b[1] == "" })
	if !found || i < 0 {
		t.Fatalf("no rules under %q", heading)
	}
	for range 2 {
		n.RunInput(t, blocks[i][2], "nft", "-f", "-")
	}
}

// member is a guest with its groups.
type member struct {
	*guest.Guest
	config guest.Config
}

// newMember adds a guest. Its configuration decides by what it is known.
func (n *node) newMember(t *testing.T, id, config string) member {
	t.Helper()
	p := n.newPod(t, id)
	a := p.add(t, "eth0", config)
	return member{a.boot(p), a.guestConfig()}
}

// wantPing demands that a guest is answered, or not, by each of some
// addresses.
func (m member) wantPing(t *testing.T, what string, want bool, dst ...netip.Addr) {
	t.Helper()
	for _, d := range dst {
		err := m.Ping(d, patience(want))
		var no *guest.UnreachableError
		if want == (err != nil) || !want && !errors.Is(err, guest.ErrNoAnswer) && !errors.As(err, &no) {
			t.Errorf("%s, ping %s: %v, want an answer: %t", what, d, err, want)
		}
	}
}

// wantReach demands who reaches whom, by the guests' names: "web>db".
func wantReach(t *testing.T, guests map[string]member, pairs ...string) {
	t.Helper()
	open := map[string]bool{}
	for _, p := range pairs {
		open[p] = true
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for from, g := range guests {
		wg.Go(func() { // they wait for what does not come
			for to, other := range guests {
				if from != to {
					pair := from + ">" + to
					g.wantPing(t, pair, open[pair], addrs(other.config)...)
				}
			}
		})
	}
}

// knownBy are the ways in which rules know an interface's groups, with the
// heading under which the rules stand.
func knownBy() map[string]string {
	const numbered = `"groups": {"web": 101, "db": 102}, "group": `
	return map[string]string{"web may reach db": `"groupSets": true, "group": `, "By netdev group": numbered}
}

// TestGroupPolicy: web reaches db and no one else anyone, routed, with the host
// link and with the gateway as the layer 3 link. The rules are loaded before
// there are guests.
func TestGroupPolicy(t *testing.T) {
	wantsNoVRF(t)
	for heading, block := range knownBy() {
		for name, more := range map[string]string{"local": "", "switch": createConf + ", ", "host": `"placement": "host", `} {
			t.Run(heading+", "+name, func(t *testing.T) {
				n := newNode(t)
				n.policy(t, heading)
				guests := map[string]member{}
				for _, g := range []string{"web", "db", "other"} {
					guests[g] = n.newMember(t, g, conf(more+block+fmt.Sprintf("%q", g)))
				}
				guests["ungrouped"] = n.newMember(t, "ungrouped", conf(strings.TrimSuffix(more, ", ")))
				wantReach(t, guests, "web>db")
			})
		}
	}
}

// TestGroupTenants: guests of a tenant reach each other only.
func TestGroupTenants(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	n.policy(t, "Tenants apart")
	guests := map[string]member{}
	for _, g := range []string{"red1", "red2", "blue1", "blue2"} {
		guests[g] = n.newMember(t, g, conf(inSets("", "all", strings.TrimRight(g, "12"))))
	}
	wantReach(t, guests, "red1>red2", "red2>red1", "blue1>blue2", "blue2>blue1")
}

// TestGroupMetadata: only admin reaches the metadata address, on the host and
// behind it. All reach another one there.
func TestGroupMetadata(t *testing.T) {
	wantsNoVRF(t)
	const metadata, beside = "169.254.169.254", "169.254.169.253"
	for name, prepare := range map[string]func(t *testing.T, n *node){
		"on the host": func(t *testing.T, n *node) {
			ipBatch(t, n.Run, "address add "+metadata+"/32 dev lo\naddress add "+beside+"/32 dev lo\n")
		},
		"behind it": func(t *testing.T, n *node) {
			outside := n.newOutside(t)
			ipBatch(t, outside.Run, "address add "+metadata+"/32 dev lo\naddress add "+beside+"/32 dev lo\n")
			ipBatch(t, n.Run, "route add "+metadata+" via 192.0.2.2\nroute add "+beside+" via 192.0.2.2\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			prepare(t, n)
			n.policy(t, "Only admin reaches the metadata address")
			for group, want := range map[string]bool{"admin": true, "web": false} {
				g := n.newMember(t, group, conf(inSets("", group)))
				g.wantPing(t, group, want, netip.MustParseAddr(metadata))
				g.wantPing(t, group, true, netip.MustParseAddr(beside))
			}
		})
	}
}

// TestGroupPolicyOnSwitch: the same between ports of a switch.
func TestGroupPolicyOnSwitch(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	n.policy(t, "On a switch")
	guests := map[string]member{}
	for i, g := range []string{"web", "db", "other"} {
		p := n.newPod(t, g)
		a := p.add(t, "eth0", conf(inSets(`"switch": {"interface": "bridge0", "create": true}`, g)))
		c := a.guestConfig()
		c.Addr4 = netip.MustParsePrefix(fmt.Sprintf("10.1.0.%d/24", i+1))
		c.Addr6 = netip.MustParsePrefix(fmt.Sprintf("2001:db8:1::%d/64", i+1))
		guests[g] = member{a.open(p, c), c}
	}
	wantReach(t, guests, "web>db", "db>web")
}

// TestGroupAltNames: ip and tc take the altnames of groups.
func TestGroupAltNames(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	a := n.newPod(t, "p").add(t, "eth0", conf(createConf+`, "group": ["web", "db"], "groups": {"web": 101}`))
	n.newPod(t, "q").add(t, "eth0", conf(createConf+`, "group": ["db"]`))
	for _, group := range []string{"web", "db"} {
		name := a.hostLink() + "." + group
		expect(t, "link "+name, n.link(t, name).Name, a.hostLink())
		expect(t, "filters of "+name, n.Run(t, "tc", "-s", "filter", "show", "dev", name, "ingress"), n.Run(t, "tc", "-s", "filter", "show", "dev", a.hostLink(), "ingress"))
		expect(t, "qdiscs of "+name, n.Run(t, "tc", "qdisc", "show", "dev", name), n.Run(t, "tc", "qdisc", "show", "dev", a.hostLink()))
		n.Run(t, "ip", "link", "set", "dev", name, "down")
		if flags := n.link(t, a.hostLink()).Flags; strings.Contains(strings.Join(flags, " "), "UP") {
			t.Errorf("ip link set %s down: it is %v", name, flags)
		}
		n.Run(t, "ip", "link", "set", "dev", name, "up")
	}
	names := map[string]bool{}
	for _, l := range links(t, n.NS, "group", "101") {
		names[l.Name] = true
	}
	expect(t, "links of group 101", names, map[string]bool{a.hostLink(): true, a.gateway(): true})
}
