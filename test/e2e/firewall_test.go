package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// limits is a block that has a bit of everything in vmtap's table.
const limits = `"ipMasq": true, "hostAccess": ["icmp", "tcp/22", "udp/53"]`

// nftTable is vmtap's table as nft lists it, "" if there is none.
func (n *node) nftTable(t *testing.T) string {
	t.Helper()
	if !strings.Contains(n.Run(t, "nft", "list", "tables"), "table inet vmtap") {
		return ""
	}
	return n.Run(t, "nft", "list", "table", "inet", "vmtap")
}

// nftOf is what nft makes of the table that plan prints for configurations.
func nftOf(t *testing.T, confs ...string) string {
	t.Helper()
	var f plan.Firewall
	for _, c := range confs {
		req, err := config.ParseNetwork(config.Input{Stdin: []byte(c)})
		if err != nil {
			t.Fatal(err)
		}
		f = plan.WithFirewall(&f, &req)
	}
	n := &node{NS: netns.New(t)}
	n.RunInput(t, f.String(), "nft", "-f", "-")
	return n.nftTable(t)
}

// TestFirewallTable: what vmtap writes is what nft makes of what plan prints,
// for each of its parts. It is there once, stays after DEL, and is nowhere else.
func TestFirewallTable(t *testing.T) {
	wantsNoVRF(t)
	for _, confs := range [][]string{
		{conf(`"ipMasq": true`)},
		{conf(`"hostAccess": "icmp"`)},
		{conf(limits)},
		{conf(limits + `, "local": {"inet6": false}`)},
		{conf(limits + `, "local": {"prefix": "128.0.0.0/1"}`)}, // ends at the highest address
		{conf(limits), confOf("b", limits+`, "local": {"prefix": "10.0.0.0/16"}`), confOf("c", `"local": {"prefix": "10.1.0.0/16"}, "hostAccess": "tcp/443"`)},
	} {
		t.Run(fmt.Sprint(confs), func(t *testing.T) {
			n := newNode(t)
			n.RunInput(t, operators, "nft", "-f", "-")
			var all []*attachment
			for i, c := range append(confs, confs...) {
				all = append(all, n.newPod(t, fmt.Sprint("p", i)).add(t, "eth0", c))
			}
			expect(t, "table", n.nftTable(t), nftOf(t, confs...))
			for _, a := range all {
				a.del()
			}
			expect(t, "table after the last DEL", n.nftTable(t), nftOf(t, confs...))
			expect(t, "operator's table", n.Run(t, "nft", "list", "table", "inet", "filter"), operators)
			expect(t, "tables", n.Run(t, "nft", "list", "tables"), "table inet filter\ntable inet vmtap\n")
		})
	}
}

// operators is a table of the operator's, as nft lists it.
const operators = `table inet filter {
	set s {
		type ipv4_addr
		elements = { 192.0.2.7 }
	}

	chain input {
		type filter hook input priority filter; policy accept;
		iifname "vm*" ip saddr @s drop
	}
}
`

// TestNoFirewall: who wants nothing gets no table.
func TestNoFirewall(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	n.newPod(t, "p").add(t, "eth0", switchConf)
	expect(t, "tables", n.Run(t, "nft", "list", "ruleset"), "")
}

// TestFirewallMended: CHECK names what is not as it was made, and the next ADD
// makes the table anew.
func TestFirewallMended(t *testing.T) {
	wantsNoVRF(t)
	for _, c := range []struct {
		damage string
		words  []string
	}{
		{"delete table inet vmtap", []string{"chain zone is missing", "set links is missing"}},
		{"flush chain inet vmtap zone", []string{"chain zone: rule 1, iifname @links ct original zone set jhash iif mod 65535 seed 0x1 offset 1, is missing"}},
		{"flush chain inet vmtap input", []string{"rule 12, ip6 saddr @closed6 drop, is missing"}},
		{"insert rule inet vmtap input accept", []string{"chain input: rule 1 is one that is not vmtap's, want iifname != @links accept", "rule 13"}},
		{"add rule inet vmtap masq ip saddr @masq4 masquerade random", []string{"chain masq: rule 3, one that is not vmtap's, should not be there"}},
		{"flush set inet vmtap links", []string{"element of @links vm1* is missing"}},
		{`add element inet vmtap links { "eth*" }`, []string{"element of @links eth* should not be there"}},
		{"delete element inet vmtap masq6 { fd00:0:0:0:6440::/74 }", []string{"ipMasq for fd00::6440:0:0:0/74 is missing"}},
		{"delete element inet vmtap closed4 { 100.64.0.0/10 }", []string{"limited hostAccess of 100.64.0.0/10 is missing"}},
		{"flush set inet vmtap open6", []string{"hostAccess fd00::6440:0:0:0/74 . tcp . 22 is missing", "fe80::6440:0:0:0/74 . ipv6-icmp . 0-65535 is missing"}},
		{"add element inet vmtap open4 { 100.64.0.0/10 . tcp . 23-24 }", []string{"hostAccess 100.64.0.0/10 . tcp . 23-24 should not be there"}},
		{"add table inet vmtap { flags dormant; }", []string{"chain input is missing"}},
		{"flush chain inet vmtap input; delete chain inet vmtap input; add chain inet vmtap input { type filter hook input priority 10; policy drop; }", []string{`chain input is "type filter hook 1 priority 10; policy 0;", want "type filter hook input priority filter; policy accept;"`}},
	} {
		t.Run(c.damage, func(t *testing.T) {
			n := newNode(t)
			n.RunInput(t, operators, "nft", "-f", "-")
			a := n.newPod(t, "p").add(t, "eth0", conf(limits))
			n.Run(t, "nft", c.damage)
			wantFault(t, n.Check(t, a.call), 101, append(c.words, "nftables table vmtap")...)
			n.newPod(t, "q").add(t, "eth0", conf(limits))
			// A chain that is made anew is listed last. CHECK saw the rules' order.
			expect(t, "table", sortedLines(n.nftTable(t)), sortedLines(nftOf(t, conf(limits))))
			expect(t, "operator's table", n.Run(t, "nft", "list", "table", "inet", "filter"), operators)
		})
	}
}

func sortedLines(s string) []string { return slices.Sorted(strings.Lines(s)) }

// TestFirewallChanged: a network's new settings hold for all of its guests,
// from the next ADD on.
func TestFirewallChanged(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	old := n.newPod(t, "old").add(t, "eth0", conf(limits))
	for i, block := range []string{`"hostAccess": "icmp"`, `"ipMasq": true`, ``, limits + `, "local": {"prefix": "100.64.0.0/12"}`, limits} {
		a := n.newPod(t, fmt.Sprint("p", i)).add(t, "eth0", conf(block))
		if block != "" {
			expect(t, "table", n.nftTable(t), nftOf(t, conf(block)))
		}
		a.del()
	}
	if fault := n.Check(t, old.call); fault != nil {
		t.Errorf("CHECK with the settings of old: %s", fault)
	}
}

// TestFirewallAtOnce: first ADDs at once, while others write rules, too.
func TestFirewallAtOnce(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
				if out, err := n.Command("nft", "add table inet other; delete table inet other").CombinedOutput(); err != nil {
					done <- fmt.Errorf("%w: %s", err, out)
					return
				}
			}
		}
	}()
	n.addAtOnce(t, 10, conf(limits))
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
	expect(t, "table", n.nftTable(t), nftOf(t, conf(limits)))
}

// TestNoNFTables: on a kernel without nftables who wants nothing of it gets an
// interface, and who wants something is told.
func TestNoNFTables(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	var last cni.Step // of those that open a socket: that of nftables comes after the routes'
	for _, s := range stepsOf(t, n, localConf) {
		if s.Call == "socket" {
			last = s
		}
	}
	without, trace := n.Faulty(cni.Fault{Step: last.N, Err: unix.EPROTONOSUPPORT})
	p := n.newPod(t, "p")
	if _, fault := without.Add(t, p.call("eth0", localConf)); fault != nil || !trace.Injected() {
		t.Errorf("ADD: %v, fault injected: %t", fault, trace.Injected())
	}
	for _, block := range []string{`"ipMasq": true`, `"hostAccess": "icmp"`} {
		_, fault := without.Add(t, n.newPod(t, "q").call("eth0", conf(block)))
		wantFault(t, fault, 50, "no nftables", "nf_tables")
	}
}

// TestStatusNoNFTables: STATUS says so before.
func TestStatusNoNFTables(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	call := statusConf(limits)
	traced, trace := n.Traced()
	if fault := traced.Status(t, call); fault != nil {
		t.Fatalf("STATUS: %s", fault)
	}
	var last cni.Step
	for _, s := range trace.Steps() {
		if s.Call == "socket" {
			last = s
		}
	}
	without, _ := n.Faulty(cni.Fault{Step: last.N, Err: unix.EPROTONOSUPPORT})
	wantFault(t, without.Status(t, call), 50, "no nftables")
}
