package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// TestCtlCheck: vmtapctl check has each attachment compared that a runtime lists, whatever its network is, names the others,
// and changes nothing.
func TestCtlCheck(t *testing.T) {
	wantsNoVRF(t)
	n := newCacheNode(t)
	check := func() []string { return []string{"--bin-dir", strings.Join(n.bins, ",")} }
	wantLines(t, n.ctl("check", check()...), 0)

	leases := newPool(t)
	pods := map[string]*pod{}
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		pods[id] = n.newPod(t, id)
	}
	a := n.listed(t, pods["a"], "vmnet", "1.0.0", createConf)
	b := n.listed(t, pods["b"], "hosts", "1.1.0", `"placement": "host", `+createConf)
	c := n.listed(t, pods["c"], "leased", "0.4.0", onBridge("bridge1", leases.dual()))
	old := n.listed(t, pods["d"], "old", "0.3.1", "")
	n.bins = append(n.bins, cni.Reference(t, source, "ptp"))
	e := n.listed(t, pods["e"], "over", "1.0.0", `"placement": "chained"`,
		`{"type": "ptp", "ipam": {"type": "static", "addresses": [{"address": "10.8.0.2/24", "gateway": "10.8.0.1"}]}}`)
	n.newPod(t, "f").add(t, "eth0", localConf)
	about := func(l *listed) string { return l.name() + " (" + l.hostLink() + ", " + l.runtime.ContainerID + "): " }
	uncached := "f@eth0 (" + n.link(t, "f@eth0").Name + ", f): not compared: no cache lists it"
	notOld := about(old) + "not compared: version 0.3.1 of its configuration has no CHECK"

	before := takeAll(t, n.NS, pods["a"].NS, pods["c"].NS, pods["e"].NS)
	wantLines(t, n.ctl("check", check()...), 0, about(a)+"ok", about(b)+"ok", about(c)+"ok", notOld, e.name()+": ok", uncached)
	before.wantSame(t)

	n.Run(t, "ip", "link", "set", a.hostLink(), "down")
	n.Run(t, "ip", "link", "set", a.hostLink(), "alias", "mine")
	pods["e"].Run(t, "ip", "link", "del", "tap0")
	aboutA := a.name() + " (" + a.hostLink() + "): host link " + a.hostLink() + ": "
	gone := about(b) // its sandbox goes
	if err := pods["b"].Close(); err != nil {
		t.Fatal(err)
	}
	stderr := wantLines(t, n.ctl("check", check()...), 1,
		aboutA+"up is off, want on", aboutA+`alias is "mine"`, gone+`open CNI_NETNS "`, about(c)+"ok", notOld, uncached,
		e.name()+": tap tap0: missing in the pod's namespace", e.name()+": interface eth0: ingress filter 1 is to all frames: drop, want all frames: tap0")
	wantWords(t, stderr, "check: 3 of 6 attachments differ")

	// What is odd is told, and no fault; a host link that is gone is one.
	gateway := strings.Replace(b.hostLink(), "-if", "-gw", 1)
	a.del()
	e.del()
	n.Run(t, "ip", "link", "del", b.hostLink())
	wantLines(t, n.ctl("check", check()...), 1, b.name()+": ", about(c)+"ok", notOld, uncached, "node: gateway "+gateway+" has lost its host link")
	b.del()
	wantLines(t, n.ctl("check", check()...), 0, about(c)+"ok", notOld, uncached)

	// A cache that cannot be read leaves open what it lists.
	bad := filepath.Join(n.cache, "results", "bad")
	if err := os.WriteFile(bad, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	stderr = wantLines(t, n.ctl("check", check()...), 1, about(c)+"ok", notOld, uncached)
	wantWords(t, stderr, bad)
	stderr = wantLines(t, n.ctl("check", "--bin-dir", "/nowhere"), 1)
	wantWords(t, stderr, "find the plugin")
}
