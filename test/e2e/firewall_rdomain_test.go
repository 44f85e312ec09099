package e2e

import (
	"fmt"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
)

// TestIPMasqInRDomain: in an rdomain, too, what stays there is not translated:
// from guest to guest through their gateways, and from host to guest.
func TestIPMasqInRDomain(t *testing.T) {
	for name, block := range map[string]string{"switch": inRDomains("bridge0", "", "10"), "local": `"rdomain": 10`} {
		t.Run(name, func(t *testing.T) {
			n := newVRFNode(t)
			var guests []*guest.Guest
			var configs []guest.Config
			for i := range 2 {
				p := n.newPod(t, fmt.Sprint("p", i))
				a := p.add(t, "eth0", conf(block+`, "ipMasq": true`))
				guests, configs = append(guests, a.boot(p)), append(configs, a.guestConfig())
			}
			n.newUplink(t, 2, "rdomain10", "1010")
			wantOut(t, guests[0], true)
			for i, dst := range addrs(configs[1]) {
				mark := guests[1].Mark()
				if err := guests[0].Ping(dst, answered); err != nil {
					t.Error(err)
				}
				wantSources(t, guests[1], mark, addrs(configs[0])[i])
				mark = guests[1].Mark()
				n.Run(t, "ip", "vrf", "exec", "rdomain10", "ping", "-n", "-c", "1", "-W", "5", dst.String())
				wantSources(t, guests[1], mark, gateways(configs[1])[i])
			}
		})
	}
}

// TestIPMasqBetweenRDomains: what routes lead from one rdomain's guest to
// another's is not translated: it does not leave vmtap's links.
func TestIPMasqBetweenRDomains(t *testing.T) {
	n := newVRFNode(t)
	var guests []*guest.Guest
	var configs []guest.Config
	var links []string
	for _, rdomain := range []string{"0", "10"} {
		p := n.newPod(t, "p"+rdomain)
		a := p.add(t, "eth0", conf(`"ipMasq": true, "rdomain": `+rdomain))
		guests, configs, links = append(guests, a.boot(p)), append(configs, a.guestConfig()), append(links, a.hostLink())
	}
	for i := range remotes() { // each family
		there, back := addrs(configs[1])[i], addrs(configs[0])[i]
		n.Run(t, "ip", "route", "add", there.String(), "dev", "rdomain10")
		n.Run(t, "ip", "route", "add", back.String(), "dev", links[0], "table", "1010")
		mark := guests[1].Mark()
		if err := guests[0].Ping(there, answered); err != nil {
			t.Error(err)
		}
		wantSources(t, guests[1], mark, back)
	}
}

// TestHostAccessNotInRDomains: limits of rdomain 0 are not those of guests in
// another one, whose addresses have the same prefix.
func TestHostAccessNotInRDomains(t *testing.T) {
	h := newHost(t, newVRFNode(t))
	limited, _ := h.newCaller(t, "p", conf(`"hostAccess": "icmp"`))
	free, _ := h.newCaller(t, "q", extended(confOf("free", `"rdomain": 10`), speaksRaw))
	h.servers = [2]*server{h.servers[0], h.listen(t, "rdomain10", 7020)}
	for _, to := range []string{toGateway4, toGateway6} {
		t.Run(to, func(t *testing.T) {
			free.wantReach(t, to, &h.servers, reach{reaches, sockets{{refused, refused, nothing}, {reaches, reaches, reaches}}})
		})
	}
	t.Run("the limits hold", func(t *testing.T) { limited.wantReach(t, toHost4, &h.servers, reachesICMP) })
}
