package e2e

import (
	"testing"

	"github.com/vmtap/vmtap/test/netns"
)

// TestRDomain: the VRF stands before anything is in it, and stays.
func TestRDomain(t *testing.T) {
	netns.NeedsVRF(t)
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(`"rdomain": 10`))
	expect(t, "master", n.link(t, a.hostLink()).Master, "rdomain10")
	t.Log(n.Run(t, "sh", "-c", "ip -d link; ip route show table all; ip -6 route show table all; ip rule; ip -6 rule; sysctl net.ipv4.raw_l3mdev_accept"))
	g := a.boot(p)
	if err := g.Ping(a.guestConfig().Gateway4, answered); err != nil {
		t.Error(err)
	}
	if err := g.Ping(a.guestConfig().Gateway6, answered); err != nil {
		t.Error(err)
	}
	a.del()
}
