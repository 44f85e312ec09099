package e2e

import (
	"strings"
	"testing"
)

// asPerson runs the plugin as a person does who has found it, and returns what
// it says.
func (n *node) asPerson(t *testing.T) string {
	t.Helper()
	before := takeAll(t, n.NS)
	cmd := n.Command(n.Bin)
	cmd.Env = []string{"PATH=/usr/bin"}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	before.wantSame(t)
	return string(out)
}

func wantWords(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("%q lacks %q", text, w)
		}
	}
}

// TestPerson: without CNI_COMMAND the plugin says what it is, which versions it
// knows, and what is odd on this node.
func TestPerson(t *testing.T) {
	n := newNode(t)
	wantWords(t, n.asPerson(t), "vmtap", "cnitool add", "Odd on this node:", "1.1.0")

	a := n.newPod(t, "p").add(t, "eth0", vethConf)
	gateway := "gateway " + a.gateway() + " has lost its host link"
	if said := n.asPerson(t); strings.Contains(said, "has lost") {
		t.Errorf("a whole attachment is odd: %s", said)
	}
	n.Run(t, "ip", "link", "del", a.hostLink())
	wantWords(t, n.asPerson(t), gateway)
	n.gc(t, gcConf("vmnet", "null"))
	if said := n.asPerson(t); strings.Contains(said, "has lost") {
		t.Errorf("after GC: %s", said)
	}
}

// TestPersonOfRDomains: the order of rules is told only here and in the docs,
// never by STATUS.
func TestPersonOfRDomains(t *testing.T) {
	n := newVRFNode(t)
	if said := n.asPerson(t); !strings.Contains(said, "Odd on this node: nothing") {
		t.Errorf("a fresh node: %s", said)
	}
	p := n.newPod(t, "p")
	p.add(t, "eth0", conf(`"rdomain": 10`)).del()
	wantWords(t, n.asPerson(t), "IPv4 addresses in rdomain 0", "IPv6 addresses in rdomain 0", "rdomains.moveLocalRule")
	p.add(t, "eth0", conf(`"rdomain": 10, "rdomains": {"moveLocalRule": true}`)).del()
	if said := n.asPerson(t); !strings.Contains(said, "Odd on this node: nothing") {
		t.Errorf("with the local rule moved: %s", said)
	}
	n.Run(t, "ip", "rule", "del", "pref", "1000")
	n.Run(t, "ip", "link", "add", "red", "type", "vrf", "table", "1010")
	wantWords(t, n.asPerson(t), "l3mdev rule of IPv4 is missing", "have one table, 1010")
}
