package plan

import (
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
)

// guestLinks are links written "name master altname altname", master "-" for
// none.
func guestLinks(lines ...string) []HostSide {
	masters := map[string]int32{"-": 0, "br0": 7, "rdomain10": 8}
	var all []HostSide
	for _, l := range lines {
		words := strings.Fields(l)
		all = append(all, HostSide{words[0], words[2:], masters[words[1]]})
	}
	return all
}

// TestCheckFirewall: no other network's guest may be treated otherwise than
// its own network wants it.
func TestCheckFirewall(t *testing.T) {
	const mine = "vm5-if0 - vm5-if0.net.vmnet 100.64.5.3"
	for _, c := range []struct {
		name   string
		before *config.Request // what made the table
		req    *config.Request
		links  []string
		words  []string // nil: no error
	}{
		{"nobody there", newRequest(), newRequest(limited, masqueraded), nil, nil},
		{"own guests", newRequest(limited), newRequest(masqueraded), []string{mine}, nil},
		{"another's, limited", newRequest(), newRequest(limited), []string{mine, "vm6-if0 - vm6-if0.net.other 100.64.6.3"}, []string{`hostAccess "icmp, tcp/10250, udp/53"`, "100.64.0.0/10", `guest 100.64.6.3 of network "other", on vm6-if0`}},
		{"another's, freed", newRequest(limited), newRequest(), []string{"vm6-if0 - vm6-if0.net.other 100.64.6.3"}, []string{`hostAccess "all"`, `"other"`}},
		{"another's, other limits", newRequest(limited), newRequest(pings), []string{"vm6-if0 - vm6-if0.net.other 100.64.6.3"}, []string{`hostAccess "icmp"`}},
		{"another's, the same limits of more", with("100.64.0.0/16", "", limited), newRequest(limited), []string{"vm6-if0 - vm6-if0.net.other 100.64.6.3"}, nil},
		{"another's, of which only some had them", with("100.64.0.0/16", "", limited), newRequest(limited), []string{"vm256-if0 - vm256-if0.net.other 100.65.0.3"}, []string{"vm256-if0"}},
		{"another's, translated", newRequest(), newRequest(masqueraded), []string{"vm6-if0 - vm6-if0.net.other 100.64.6.3"}, []string{"ipMasq true", `"other"`}},
		{"another's, not any more", newRequest(masqueraded), newRequest(), []string{"vm6-if0 - vm6-if0.net.other 100.64.6.3"}, []string{"ipMasq false"}},
		{"another prefix", newRequest(), newRequest(limited, masqueraded), []string{"vm6-if0 - vm6-if0.net.other 10.0.6.3"}, nil},
		{"another rdomain, limited", newRequest(), newRequest(limited), []string{"vm6-if0 rdomain10 vm6-if0.net.other 100.64.6.3"}, nil},
		{"another rdomain, translated", newRequest(), newRequest(masqueraded), []string{"vm6-if0 rdomain10 vm6-if0.net.other 100.64.6.3"}, []string{"ipMasq"}},
		{"on a switch", newRequest(), newRequest(limited), []string{"vm6-gw0 - gw:c@eth0", "vm6-if0 br0 vm6-if0.net.other 100.64.6.3"}, []string{"vm6-if0"}},
		{"on a switch, in another rdomain", newRequest(), newRequest(limited), []string{"vm6-gw0 rdomain10 gw:c@eth0", "vm6-if0 br0 vm6-if0.net.other 100.64.6.3"}, nil},
		{"not local", newRequest(), newRequest(limited), []string{"vm6-if0 br0 vm6-if0.net.other"}, nil},
		{"not vmtap's", newRequest(), newRequest(limited), []string{"vm6-if0 - 100.64.6.3", "veth0 - 100.64.6.4 vm7-if0.net.other"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := WithFirewall(&Firewall{}, c.before)
			after := WithFirewall(&before, c.req)
			err := CheckFirewall(&before, &after, c.req, guestLinks(c.links...))
			if c.words == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, config.CodeInvalidConfig, append(c.words, "local.prefix")...)
		})
	}
}

// TestLimitsOnForeignSwitch: limits that a guest could go round are refused.
func TestLimitsOnForeignSwitch(t *testing.T) {
	err := CheckNode(newRequest(onSwitch, limited), &Node{Bridge: theirs("", 1500)})
	wantError(t, err, config.CodeInvalidConfig, "hostAccess", `switch "bridge0"`, "switch.create")
	for _, node := range []Node{{Bridge: ours(1500)}, {}} {
		if err := CheckNode(newRequest(onCreatedSwitch, limited), &node); err != nil {
			t.Error(err)
		}
	}
	if err := CheckNode(newRequest(onSwitch), &Node{Bridge: theirs("", 1500)}); err != nil {
		t.Error(err)
	}
}

// TestDiffFirewall: each difference is named, and one change is one line.
func TestDiffFirewall(t *testing.T) {
	want := WithFirewall(&Firewall{}, newRequest(masqueraded, limited))
	if !SameFirewall(&want, &want) {
		t.Error("not the same as itself")
	}
	for _, c := range []struct {
		name   string
		change func(f *Firewall)
		line   string
	}{
		{"set", func(f *Firewall) { f.Sets = f.Sets[1:] }, "set links is missing"},
		{"link", func(f *Firewall) { f.Links = append(f.Links, "eth*") }, "element of @links eth* should not be there"},
		{"masq", func(f *Firewall) { f.Masq = f.Masq[1:] }, "ipMasq for 100.64.0.0/10 is missing"},
		{"closed", func(f *Firewall) { f.Closed = f.Closed[:2] }, "limited hostAccess of fe80::6440:0:0:0/74 is missing"},
		{"open", func(f *Firewall) { f.Open = f.Open[1:] }, "hostAccess 100.64.0.0/10 . icmp . 0-65535 is missing"},
		{"chain", func(f *Firewall) { f.Chains = f.Chains[1:] }, "chain zone is missing"},
		{"hook", func(f *Firewall) { f.Chains[1].Hook = "none" }, `chain input is "none", want "type filter hook input priority filter; policy accept;"`},
		{"rule", func(f *Firewall) { f.Chains[1].Rules[3] = FirewallRule{"x", "accept"} }, "chain input: rule 4 is x accept, want udp sport 68 udp dport 67 accept"},
		{"rule more", func(f *Firewall) { f.Chains[0].Rules = append(f.Chains[0].Rules, FirewallRule{"x"}) }, "chain zone: rule 2, x, should not be there"},
		{"rule less", func(f *Firewall) { f.Chains[0].Rules = nil }, "chain zone: rule 1, iifname @links ct original zone set jhash iif mod 65535 seed 0x1 offset 1, is missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			have := WithFirewall(&Firewall{}, newRequest(masqueraded, limited))
			c.change(&have)
			lines := Diff(&State{Firewall: want}, &State{Firewall: have})
			if len(lines) != 1 || lines[0] != "nftables table vmtap: "+c.line {
				t.Errorf("got %q, want %q", lines, c.line)
			}
			if SameFirewall(&want, &have) {
				t.Error("called the same")
			}
		})
	}
}
