package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/snapshot"
)

// rdomainDamage is what people delete by hand.
type rdomainDamage struct {
	name string
	do   string // commands, with GW and IF for the links of the attachment
	kind string
}

func rdomainDamages() []rdomainDamage {
	return []rdomainDamage{
		{"unreachable route of IPv4", "ip route del unreachable default metric 4278198272 table 1020", "unreachable_route"},
		{"unreachable route of IPv6", "ip -6 route del unreachable default metric 4278198272 table 1020", "unreachable_route"},
		{"rule of IPv4", "ip rule del pref 1000", "l3mdev_rule"},
		{"rule of IPv6", "ip -6 rule del pref 1000", "l3mdev_rule"},
		{"gateway out", "ip link set GW nomaster", "rdomain_membership"},
		{"host link out", "ip link set IF nomaster", "rdomain_membership"},
		{"switch out", "ip link set bridge0 nomaster", "rdomain_membership"},
		{"VRF", "ip link del rdomain20", "rdomain"},
		{"all at once", "ip link del rdomain20; ip link set bridge0 nomaster; ip rule del pref 1000; ip -6 route del unreachable default metric 4278198272 table 1020", "rdomain"},
	}
}

// rdomainWorld has a local interface without a switch, and one on a switch that is in another rdomain.
func rdomainWorld(t *testing.T) (n *node, calls []*attachment, damage func(d rdomainDamage)) {
	t.Helper()
	n = newVRFNode(t)
	plain := n.newPod(t, "plain").add(t, "eth0", conf(`"rdomain": 20`))
	down := n.newPod(t, "down").add(t, "eth0", conf(`"rdomain": 20, "up": false`))
	switched := n.newPod(t, "switched").add(t, "eth0", conf(inRDomains("bridge0", "20", "10")))
	names := strings.NewReplacer("GW", switched.gateway(), "IF", plain.hostLink())
	return n, []*attachment{plain, down, switched}, func(d rdomainDamage) {
		t.Helper()
		for _, command := range strings.Split(names.Replace(d.do), "; ") {
			words := strings.Fields(command)
			n.Run(t, words[0], words[1:]...)
		}
	}
}

// awaitSame waits for as long as it may take until all is as it was.
func (n *node) awaitSame(t *testing.T, before snapshots) {
	t.Helper()
	same := func() bool {
		for _, b := range before {
			if len(snapshot.Diff(b.text, take(t, b.ns))) > 0 {
				return false
			}
		}
		return true
	}
	for end := time.Now().Add(10 * time.Second); !same() && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
	}
}

// TestOrderRDomains: what keeps rdomains apart comes back, each time with all that goes with it: CHECK passes, and the
// node is what it was.
func TestOrderRDomains(t *testing.T) {
	n, all, damage := rdomainWorld(t)
	before := takeAll(t, n.NS)
	r := n.keeps(t)
	r.await(t, "keeping order")
	time.Sleep(time.Second) // until it has seen the links in their rdomains
	for _, d := range rdomainDamages() {
		said := len(r.log.String())
		damage(d)
		n.awaitSame(t, before)
		if !strings.Contains(r.log.String()[said:], "kind="+d.kind) {
			t.Errorf("%s: the log does not say %s:\n%s", d.name, d.kind, r.log.String()[said:])
		}
		for _, a := range all {
			if fault := n.Check(t, a.call); fault != nil {
				t.Errorf("%s: CHECK of %s: %s", d.name, a.call.ContainerID, fault)
			}
		}
	}
	if got := r.log.String(); strings.Contains(got, "ERROR") {
		t.Errorf("vmtapd:\n%s", got)
	}
	for _, a := range all {
		a.del()
	}
	n.noVMLinks(t)
}

// TestOrderRDomainsObserved: with -observe it is said, and stays as it is. So does what is not vmtap's, in any case.
func TestOrderRDomainsObserved(t *testing.T) {
	n, _, damage := rdomainWorld(t)
	r := n.keeps(t, "-observe")
	time.Sleep(time.Second)
	for _, name := range []string{"all at once", "host link out"} {
		i := slices.IndexFunc(rdomainDamages(), func(d rdomainDamage) bool { return d.name == name })
		damage(rdomainDamages()[i])
	}
	before := takeAll(t, n.NS)
	for _, words := range []string{"VRF rdomain20 is gone", "bridge0 is in no rdomain, and was in rdomain10", "-gw0 is in no rdomain"} {
		r.await(t, words)
	}
	time.Sleep(time.Second)
	before.wantSame(t)
}

// TestOrderForeignRDomains: VRFs without a link of vmtap's, and links that were never seen in an rdomain, are left alone.
func TestOrderForeignRDomains(t *testing.T) {
	n := newVRFNode(t)
	n.newPod(t, "p").add(t, "eth0", conf(""))
	for _, words := range []string{
		"link add rdomain30 up type vrf table 1030", "link add blue up type vrf table 77", "link add mine master blue up type bridge",
		"rule del pref 1000", "-6 rule del pref 1000",
	} {
		n.Run(t, "ip", strings.Fields(words)...)
	}
	n.keeps(t)
	time.Sleep(time.Second)
	n.Run(t, "ip", "link", "set", "mine", "nomaster")
	n.Run(t, "ip", "route", "add", "unreachable", "default", "metric", "4278198272", "table", "1030")
	n.Run(t, "ip", "route", "del", "unreachable", "default", "metric", "4278198272", "table", "1030")
	before := takeAll(t, n.NS)
	time.Sleep(time.Second)
	before.wantSame(t)
}

// TestOrderRaceRDomains: VMs in rdomains come and go while order is kept as fast as it can be.
func TestOrderRaceRDomains(t *testing.T) {
	n := newVRFNode(t)
	block := conf(inRDomains("bridge0", "20", "10"))
	n.newPod(t, "first").add(t, "net0", block).del()
	before := takeAll(t, n.NS)
	r := n.keeps(t, "-sure-after", "1ms", "-look-every", "2ms")
	all := n.newMany(t, "vm", 6, block)
	all.start(n, cni.ADD)(t)
	all.start(n, cni.CHECK)(t)
	all.start(n, cni.DEL)(t)
	settle(t, n.NS)
	before.wantSame(t)
	r.wantNothingDone(t)
}
