package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// inSets is a block with groups that are kept in sets.
func inSets(block string, groups ...string) string {
	if block != "" {
		block += ", "
	}
	list, err := json.Marshal(groups)
	if err != nil {
		panic(err)
	}
	return block + `"groupSets": true, "group": ` + string(list)
}

// members are the elements of all groups' sets, as "inet web: vm5-if0".
func (n *node) members(t *testing.T) []string {
	t.Helper()
	all := []string{}
	for _, family := range []string{"inet", "bridge"} {
		if !strings.Contains(n.Run(t, "nft", "list", "tables"), "table "+family+" vmtap\n") {
			continue
		}
		var listed struct {
			NFTables []struct {
				Set *struct {
					Name string `json:"name"`
					Elem []any  `json:"elem"`
				} `json:"set"`
			} `json:"nftables"`
		}
		text := n.Run(t, "nft", "-j", "list", "table", family, "vmtap")
		if err := json.Unmarshal([]byte(text), &listed); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		for _, o := range listed.NFTables {
			if o.Set == nil {
				continue
			}
			group, ok := strings.CutPrefix(o.Set.Name, "group_")
			for _, e := range o.Set.Elem {
				if !ok {
					continue // prefixes and others
				}
				if counted, is := e.(map[string]any); is { // with `counter`
					e = counted["elem"].(map[string]any)["val"]
				}
				all = append(all, fmt.Sprintf("%s %s: %s", family, group, e))
			}
		}
	}
	slices.Sort(all)
	return all
}

func (n *node) wantMembers(t *testing.T, when string, want ...string) {
	t.Helper()
	slices.Sort(want)
	expect(t, "elements "+when, n.members(t), append([]string{}, want...))
}

// TestGroupSets: in which sets which link of an interface stands, from ADD to
// DEL, and that nft reads what is written.
func TestGroupSets(t *testing.T) {
	wantsNoVRF(t)
	for name, c := range map[string]struct {
		block string
		want  []string // HOST and GATEWAY stand for the names
	}{
		"local":               {"", []string{"inet db: HOST", "inet web: HOST"}},
		"local in the host":   {`"placement": "host"`, []string{"inet db: HOST", "inet web: HOST"}},
		"local veth":          {`"device": "veth"`, []string{"inet db: HOST", "inet web: HOST"}},
		"switch, local":       {createConf, []string{"inet db: GATEWAY", "inet web: GATEWAY", "bridge db: HOST", "bridge web: HOST"}},
		"switch, in the host": {createConf + `, "placement": "host"`, []string{"inet db: GATEWAY", "inet web: GATEWAY", "bridge db: HOST", "bridge web: HOST"}},
		"switch, veth":        {createConf + `, "device": "veth"`, []string{"inet db: GATEWAY", "inet web: GATEWAY", "bridge db: HOST", "bridge web: HOST"}},
		"switch, not local":   {`"switch": {"interface": "bridge0", "create": true, "group": "vms"}`, []string{"bridge db: HOST", "bridge web: HOST", "bridge vms: HOST"}},
		"with limits":         {limits, []string{"inet db: HOST", "inet web: HOST"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			a := n.newPod(t, "p").add(t, "eth0", conf(inSets(c.block, "web", "db")))
			var want []string
			names := strings.NewReplacer("HOST", a.hostLink(), "GATEWAY", a.gateway())
			for _, w := range c.want {
				want = append(want, names.Replace(w))
			}
			n.wantMembers(t, "after ADD", want...)
			family, element, _ := strings.Cut(want[0], " ")
			group, link, _ := strings.Cut(element, ": ")
			n.Run(t, "nft", "delete", "element", family, "vmtap", "group_"+group, fmt.Sprintf("{ %q }", link))
			wantFault(t, n.Check(t, a.call), 101, fmt.Sprintf("element %q of set group_%s of table %s vmtap is missing", link, group, family))
			n.Run(t, "nft", "add", "element", family, "vmtap", "group_"+group, fmt.Sprintf("{ %q }", link))
			n.Run(t, "nft", "add", "set", family, "vmtap", "group_more", "{ type ifname; }")
			n.Run(t, "nft", "add", "element", family, "vmtap", "group_more", fmt.Sprintf("{ %q }", link))
			wantFault(t, n.Check(t, a.call), 101, fmt.Sprintf("element %q of set group_more of table %s vmtap should not be there", link, family))
			a.del()
			n.wantMembers(t, "after DEL")
		})
	}
}

// TestNoGroupSets: who wants no sets gets no table.
func TestNoGroupSets(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	n.newPod(t, "p").add(t, "eth0", conf(createConf+`, "group": ["web"]`)).del()
	n.newPod(t, "q").add(t, "eth0", conf(`"groupSets": true`)).del()
	expect(t, "ruleset", n.Run(t, "nft", "list", "ruleset"), "")
}

// TestManyGroups: an interface can be in 32, with every character that a
// group's name can have.
func TestManyGroups(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	groups := []string{"-", "_", "A-z_0-9x", "7up", "abcdefghijklmno"}
	for len(groups) < 32 {
		groups = append(groups, fmt.Sprintf("012345-%dx", len(groups)))
	}
	a := n.newPod(t, "p").add(t, "eth0", conf(inSets(createConf, groups...)))
	var want []string
	for _, g := range groups {
		want = append(want, "inet "+g+": "+a.gateway(), "bridge "+g+": "+a.hostLink())
	}
	n.wantMembers(t, "after ADD", want...)
	// nft reads the names that it prints.
	ruleset := n.Run(t, "nft", "list", "ruleset")
	n.Run(t, "nft", "flush", "ruleset")
	n.RunInput(t, ruleset, "nft", "-f", "-")
	expect(t, "ruleset", n.Run(t, "nft", "list", "ruleset"), ruleset)
	a.del()
	n.wantMembers(t, "after DEL")
}

// TestGroupSetsAtOnce: ADDs, and then DELs and GC, at once.
func TestGroupSetsAtOnce(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	results := n.addAtOnce(t, 8, conf(inSets(createConf, "web")))
	var want []string
	for _, r := range results {
		for _, i := range cni.ParseResult(t, r).Interfaces {
			switch {
			case i.Sandbox == "" && strings.Contains(i.Name, "-if"):
				want = append(want, "bridge web: "+i.Name)
			case i.Sandbox == "" && strings.Contains(i.Name, "-gw"):
				want = append(want, "inet web: "+i.Name)
			}
		}
	}
	n.wantMembers(t, "after ADDs", want...)
	done := make(chan string)
	for i := range results {
		go func() {
			said := ""
			if _, fault, err := n.Invoke(cni.DEL, cni.Call{ContainerID: fmt.Sprint("p", i), IfName: "eth0", Conf: conf("")}); fault != nil || err != nil {
				said = fmt.Sprint(fault, err)
			}
			done <- said
		}()
	}
	n.gc(t, gcConf("vmnet", "null"))
	for range results {
		if said := <-done; said != "" {
			t.Error(said)
		}
	}
	n.wantMembers(t, "after DELs")
}

// TestOperatorsChainsStay: whatever vmtap mends in its table, what an operator
// has in it stays.
func TestOperatorsChainsStay(t *testing.T) {
	wantsNoVRF(t)
	const theirs = `table inet vmtap {
	set group_web {
		type ifname
		counter
	}

	set allowed {
		type ipv4_addr
		elements = { 192.0.2.7 }
	}

	chain guests {
		type filter hook forward priority filter; policy accept;
		iifname @group_web ip daddr @allowed accept
		jump more
	}

	chain more {
		iifname @links oifname @group_web drop
	}
}
`
	n := newNode(t)
	first := n.newPod(t, "first").add(t, "eth0", conf(limits))
	n.RunInput(t, theirs, "nft", "-f", "-")
	a := n.newPod(t, "p").add(t, "eth0", conf(inSets(limits, "web")))
	chains := func() string {
		return n.Run(t, "nft", "list", "chain", "inet", "vmtap", "guests") + n.Run(t, "nft", "list", "chain", "inet", "vmtap", "more") + n.Run(t, "nft", "list", "set", "inet", "vmtap", "allowed")
	}
	before := chains()
	for i, damage := range []string{
		"flush chain inet vmtap zone", "flush set inet vmtap links", "insert rule inet vmtap input accept", "add table inet vmtap { flags dormant; }",
		"flush chain inet vmtap postrouting; delete chain inet vmtap postrouting", "flush chain inet vmtap input; delete chain inet vmtap input; add chain inet vmtap input { type filter hook input priority 10; policy drop; }",
		"flush chain inet vmtap masq; delete set inet vmtap masq4; add set inet vmtap masq4 { type ipv4_addr; }",
	} {
		n.Run(t, "nft", damage)
		if n.Check(t, first.call) == nil {
			t.Errorf("%s: CHECK finds nothing", damage)
		}
		n.newPod(t, fmt.Sprint("p", i)).add(t, "eth0", conf(limits)).del()
		if fault := n.Check(t, a.call); fault != nil {
			t.Errorf("%s: CHECK: %s", damage, fault)
		}
		expect(t, "operator's chains after "+damage, chains(), before)
		n.wantMembers(t, "after "+damage, "inet web: "+a.hostLink())
	}
}

// TestOperatorsChainInTheWay: a chain of an operator's that has one of vmtap's
// names is not taken for vmtap's, nor over.
func TestOperatorsChainInTheWay(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	n.Run(t, "nft", "add table inet vmtap; add chain inet vmtap input { type filter hook input priority 10; policy drop; }; add rule inet vmtap input iifname lo accept")
	before := n.Run(t, "nft", "list", "chain", "inet", "vmtap", "input")
	n.newPod(t, "p").add(t, "eth0", conf(inSets("", "web")))
	_, fault := n.Add(t, n.newPod(t, "q").call("eth0", confOf("other", limits+`, "local": {"prefix": "10.0.0.0/16"}`)))
	wantFault(t, fault, 7, "chain input of nftables table inet vmtap is not vmtap's", "rename")
	expect(t, "chain", n.Run(t, "nft", "list", "chain", "inet", "vmtap", "input"), before)
}

// TestGroupSetOfAnotherKind: ADD says what is wrong with a set, and leaves
// nothing.
func TestGroupSetOfAnotherKind(t *testing.T) {
	wantsNoVRF(t)
	for _, kind := range []string{"type ifname; flags interval;", "type ipv4_addr;", "type ifname; timeout 1h;"} {
		n := newNode(t)
		n.Run(t, "nft", "add table inet vmtap; add set inet vmtap group_web { "+kind+" }")
		_, fault := n.Add(t, n.newPod(t, "p").call("eth0", conf(inSets("", "web"))))
		wantFault(t, fault, 7, "set group_web of nftables table inet vmtap", "type ifname")
		n.noVMLinks(t)
		n.newPod(t, "q").add(t, "eth0", conf(inSets("", "db")))
	}
}

// TestGroupSetsFlushed: the next ADD puts everybody back, whatever its network.
func TestGroupSetsFlushed(t *testing.T) {
	wantsNoVRF(t)
	for _, damage := range []string{"flush ruleset", "delete table inet vmtap; delete table bridge vmtap; add table inet vmtap; add set inet vmtap group_web { type ifname; }"} {
		t.Run(damage, func(t *testing.T) {
			n := newNode(t)
			n.newPod(t, "local").add(t, "eth0", confOf("first", inSets("", "web", "db")))
			n.newPod(t, "switch").add(t, "eth0", confOf("second", inSets(createConf, "web")))
			n.newPod(t, "port").add(t, "eth0", confOf("third", inSets(`"switch": "bridge0"`, "db")))
			n.newPod(t, "none").add(t, "eth0", confOf("fourth", createConf+`, "group": "web"`))
			gone := n.newPod(t, "gone").add(t, "eth0", confOf("first", inSets("", "web")))
			gone.del()
			before := n.members(t)
			n.Run(t, "nft", damage)
			last := n.newPod(t, "last").add(t, "eth0", confOf("first", inSets(createConf, "last")))
			n.wantMembers(t, "after ADD", append(before, "inet last: "+last.gateway(), "bridge last: "+last.hostLink())...)
		})
	}
}

// TestGroupSetsWithoutNFTables: ADD and STATUS say so.
func TestGroupSetsWithoutNFTables(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	// A bridge port: nothing else asks nftables before.
	block := inSets(`"switch": {"interface": "bridge0", "create": true}`, "web")
	n.newPod(t, "first").add(t, "eth0", conf(block)) // which takes more steps
	last := func(steps []cni.Step) (at int) {
		for _, s := range steps {
			if s.Call == "socket" {
				at = s.N
			}
		}
		return at
	}
	without, broken := n.Faulty(cni.Fault{Step: last(stepsOf(t, n, conf(block))), Err: unix.EPROTONOSUPPORT})
	_, fault := without.Add(t, n.newPod(t, "q").call("eth0", conf(block)))
	if fault == nil {
		t.Log(broken)
	}
	wantFault(t, fault, 50, "groupSets", "no nftables")
	expect(t, "host links", len(n.hostLinks(t)), 1)
	traced, trace := n.Traced()
	if fault := traced.Status(t, statusConf(block)); fault != nil {
		t.Fatalf("STATUS: %s", fault)
	}
	without, _ = n.Faulty(cni.Fault{Step: last(trace.Steps()), Err: unix.EPROTONOSUPPORT})
	wantFault(t, without.Status(t, statusConf(block)), 50, "groupSets", "no nftables")
}

// BenchmarkAddGroups is what sets cost ADD: of a network that has none on a node
// without and with sets, and of one that has them.
func BenchmarkAddGroups(b *testing.B) {
	for _, c := range []struct{ name, first, block string }{
		{"off", "", `"group": ["web", "db"]`},
		{"off, others on", inSets("", "web", "db"), `"group": ["web", "db"]`},
		{"on", inSets("", "web", "db"), inSets("", "web", "db")},
	} {
		b.Run(c.name, func(b *testing.B) {
			ns := netns.New(b)
			p := cni.New(b, ns)
			if _, fault := p.Add(b, cni.Call{ContainerID: "first", IfName: "eth0", Netns: netns.New(b).Path(), Conf: conf(c.first)}); fault != nil {
				b.Fatal(fault)
			}
			call := cni.Call{ContainerID: "p", IfName: "eth0", Netns: netns.New(b).Path(), Conf: conf(c.block)}
			for b.Loop() {
				if _, fault := p.Add(b, call); fault != nil {
					b.Fatal(fault)
				}
				b.StopTimer()
				if fault := p.Del(b, call); fault != nil {
					b.Fatal(fault)
				}
				b.StartTimer()
			}
		})
	}
}
