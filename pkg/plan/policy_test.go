package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmtap/vmtap/pkg/config"
)

// Rules of a family, as rules reads them.
const (
	freshRules  = "0:local 32766:main 32767:default"             // of a node without a VRF
	vrfRules    = "0:local 1000:l3mdev 32766:main 32767:default" // what the first VRF adds
	movedRules  = "1000:l3mdev 1001:local 32766:main 32767:default"
	ciliumRules = "9:2004! 100:local 1000:l3mdev 32766:main 32767:default"
)

// rules reads "preference:table" words, "l3mdev" in place of the table for the
// l3mdev rule and "none" for other actions; "?" at the end says that it does
// not hold for every packet, "!" that it is narrow.
func rules(words string) []Rule {
	tables := map[string]uint32{"none": 0, "l3mdev": 0, "default": 253, "main": 254, "local": 255}
	var all []Rule
	for _, w := range strings.Fields(words) {
		var r Rule
		var table string
		_, err := fmt.Sscanf(w, "%d:%s", &r.Preference, &table)
		table, r.Narrow = strings.CutSuffix(table, "!")
		table, r.Selective = strings.CutSuffix(table, "?")
		r.Selective = r.Selective || r.Narrow
		r.L3mdev = table == "l3mdev"
		n, ok := tables[table]
		if r.Table = n; err == nil && !ok {
			_, err = fmt.Sscan(table, &r.Table)
		}
		if err != nil {
			panic(w + ": " + err.Error())
		}
		all = append(all, r)
	}
	return all
}

// nodeWith is a node with rules of IPv4 and of IPv6.
func nodeWith(rules4, rules6 string, changes ...func(*Node)) *Node {
	n := &Node{Rules: Rules{IPv4: rules(rules4), IPv6: rules(rules6)}}
	for _, change := range changes {
		change(n)
	}
	return n
}

// accepting sets which sockets take packets of all rdomains.
func accepting(kinds ...string) func(*Node) { return func(n *Node) { n.Rules.Accepts = kinds } }

func withoutIPv6(n *Node) { n.NoIPv6 = true }

func moveLocalRule(r *config.Request) { r.RDomains.MoveLocalRule = true }

// What is said of a policy.
const (
	noL3mdev4  = "the l3mdev rule of IPv4 is missing, so nothing keeps rdomains apart, add it: ip rule add pref 1000 l3mdev"
	noL3mdev6  = "the l3mdev rule of IPv6 is missing, so nothing keeps rdomains apart, add it: ip -6 rule add pref 1000 l3mdev"
	acceptsRaw = "net.ipv4.raw_l3mdev_accept is not 0, so raw sockets in rdomain 0 take packets of other rdomains, set it to 0"
	acceptsTCP = "net.ipv4.tcp_l3mdev_accept is not 0, so tcp sockets in rdomain 0 take packets of other rdomains, set it to 0"
	acceptsUDP = "net.ipv4.udp_l3mdev_accept is not 0, so udp sockets in rdomain 0 take packets of other rdomains, set it to 0"
)

// before is what is said of the rules of these words, which stand before the
// l3mdev rule.
func before(family, words string) []string {
	var lines []string
	for _, r := range rules(words) {
		if r.Table == 255 {
			lines = append(lines, fmt.Sprintf("rule %d of %s, for table local, stands before the l3mdev rule, so rdomains reach the host's addresses, have the l3mdev rule at 1000 and this one at 1001", r.Preference, family))
		} else {
			lines = append(lines, fmt.Sprintf("rule %d of %s, for table %d, stands before the l3mdev rule, so packets of rdomains are looked up there, give it a higher preference", r.Preference, family, r.Table))
		}
	}
	return lines
}

// butLocal returns words without those for table local.
func butLocal(words string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(words), func(w string) bool { return strings.Contains(w, ":local") }), " ")
}

func checkFaults(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Each family is judged by its own rules, whatever the other's are, and by the
// order that they stand in.
func TestPolicyFaults(t *testing.T) {
	for _, c := range []struct {
		name, rules string
		missing     bool   // the l3mdev rule
		before      string // faults; those for table local only if that is to be moved
	}{
		{"nothing", "", true, ""},
		{"fresh", freshRules, true, "0:local"},
		{"VRFs", vrfRules, false, "0:local"},
		{"moved", movedRules, false, ""},
		{"moved before there was a VRF", "1001:local 32766:main", true, ""},
		{"moved not far enough", "999:local 1000:l3mdev 32766:main", false, "999:local"},
		{"being moved", "0:local 1000:l3mdev 1001:local 32766:main", false, "0:local"},
		{"Cilium", ciliumRules, false, "100:local"},
		{"Cilium without VRFs", "9:2004! 100:local 32766:main", true, "100:local"},

		{"before the l3mdev rule to come", "999:local 999:7 32766:main", true, "999:local 999:7"},
		{"as early as the l3mdev rule to come", "1000:local 1000:7 32766:main", true, "1000:local 1000:7"},
		{"after the l3mdev rule to come", "1001:7 1001:local 32766:main", true, ""},
		{"as early, but before", "1000:local 1000:7 1000:l3mdev 32766:main", false, "1000:local 1000:7"},
		{"as early, but after", "1000:l3mdev 1000:local 1000:7 32766:main", false, ""},
		{"first of all, but after", "0:l3mdev 0:local 0:7", false, ""},
		{"first of all", "0:local 0:l3mdev 0:7", false, "0:local"},

		{"l3mdev rule late", "0:local 32765:l3mdev 32766:main", false, "0:local"},
		{"l3mdev rule last", "0:local 32766:main 32767:default 32768:l3mdev", false, "0:local 32766:main 32767:default"},
		{"l3mdev rule twice", "0:local 900:l3mdev 950:7 1000:l3mdev", false, "0:local"},
		{"selective l3mdev rule", "0:local 1000:l3mdev? 32766:main", true, "0:local"},
		{"narrow l3mdev rule", "0:local 1000:l3mdev! 32766:main", true, "0:local"},
		{"selective l3mdev rule first", "900:l3mdev? 950:local 960:7 1000:l3mdev 32766:main", false, "950:local 960:7"},
		{"selective l3mdev rule at its place", "1000:l3mdev? 1000:7 1002:8 1003:l3mdev", false, "1000:7 1002:8"},

		{"a table over 255", "10:1010 1000:l3mdev", false, "10:1010"},
		{"some packets", "0:local 10:7? 11:main? 1000:l3mdev", false, "0:local 10:7 11:main"},
		{"some packets, the l3mdev rule to come", "10:7? 1000:main? 1001:default? 32766:main", true, "10:7 1000:main"},
		{"packets with a mark, of links or users", "0:local 10:7! 11:main! 12:local! 1000:l3mdev", false, "0:local"},
		{"wg-quick before there was a VRF", "0:local 32764:main? 32765:51820? 32766:main", true, "0:local"},
		{"wg-quick", "0:local 998:main? 999:51820? 1000:l3mdev 32766:main", false, "0:local 998:main 999:51820"},
		{"unreachable, for some packets", "10:none? 32766:main", true, ""},
		{"local for some packets", "0:local? 10:local? 1000:l3mdev 1001:local", false, "0:local 10:local"},
		{"all kinds", "0:local 1:none? 2:7 3:8! 4:9? 5:l3mdev? 6:local? 7:local! 8:main 1000:l3mdev 1000:10 1001:local", false, "0:local 2:7 4:9 6:local 8:main"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all, other := rules(c.rules), rules("5:6 0:local 1000:l3mdev") // IPv6 has faults of its own
			for i := range 16 {
				p := Policy{IPv4: i&1 != 0, IPv6: i&2 != 0, MovedLocal: i&4 != 0}
				anyVRF, faults, others := i&8 != 0, c.before, "5:6 0:local"
				if !p.MovedLocal {
					faults, others = butLocal(faults), butLocal(others)
				}
				of := func(family, missing string) []string {
					if c.missing && anyVRF {
						return append([]string{missing}, before(family, faults)...)
					}
					return before(family, faults)
				}
				var first, last []string // the rules are IPv4's, and IPv6's
				if p.IPv4 {
					first, last = of("IPv4", noL3mdev4), before("IPv4", others)
				}
				if p.IPv6 {
					first, last = append(first, before("IPv6", others)...), append(last, of("IPv6", noL3mdev6)...)
				}
				checkFaults(t, p.faults(&Rules{IPv4: all, IPv6: other}, anyVRF), first)
				checkFaults(t, p.faults(&Rules{IPv4: other, IPv6: all}, anyVRF), last)
			}
		})
	}
}

func TestPolicyFaultsOfSockets(t *testing.T) {
	open := &Rules{IPv4: rules(freshRules), IPv6: rules(vrfRules), Accepts: []string{"raw", "tcp", "udp"}}
	checkFaults(t, Policy{}.faults(open, true), nil)
	checkFaults(t, Policy{IPv4: true, IPv6: true}.faults(open, false), []string{acceptsRaw, acceptsTCP, acceptsUDP})
	checkFaults(t, Policy{IPv6: true}.faults(open, true), []string{acceptsRaw, acceptsTCP, acceptsUDP})
	checkFaults(t, Policy{IPv4: true, IPv6: true, MovedLocal: true}.faults(open, true), slices.Concat(
		[]string{noL3mdev4}, before("IPv4", "0:local"), before("IPv6", "0:local"), []string{acceptsRaw, acceptsTCP, acceptsUDP},
	))
	open.Accepts = []string{"udp"}
	checkFaults(t, Policy{IPv6: true}.faults(open, true), []string{acceptsUDP})
}

func TestWithLocalMoved(t *testing.T) {
	for _, c := range []struct{ name, rules, want string }{
		{"nothing", "", ""},
		{"fresh", freshRules, "1001:local 32766:main 32767:default"},
		{"VRFs", vrfRules, movedRules},
		{"moved", movedRules, movedRules},
		{"Cilium", ciliumRules, ciliumRules},
		{"nothing after it", "0:local", "1001:local"},
		{"others at its place", "0:local 1001:7 1001:8? 1002:9", "1001:7 1001:8? 1001:local 1002:9"},
		{"l3mdev rule at its place", "0:local 1001:l3mdev 32766:main", "1001:l3mdev 1001:local 32766:main"},
		{"not the first", "0:7 0:local 1000:l3mdev", "0:7 1000:l3mdev 1001:local"},
		{"others for table local", "0:local 1:local 1000:l3mdev", "1:local 1000:l3mdev 1001:local"},
		{"for some packets", "0:local? 0:local! 1000:l3mdev", "0:local? 0:local! 1000:l3mdev"},
		{"for some packets, too", "0:local 0:local? 1000:l3mdev", "0:local? 1000:l3mdev 1001:local"},
		{"another table at its old place", "0:main 1000:l3mdev", "0:main 1000:l3mdev"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := rules(c.rules)
			if got, want := withLocalMoved(all), rules(c.want); !slices.Equal(got, want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, want)
			}
			if given := rules(c.rules); !slices.Equal(all, given) {
				t.Errorf("given %+v, it is %+v now", given, all)
			}
			if got := HasFirstLocal(all); got != (c.rules != c.want) {
				t.Errorf("local is first: %t", got)
			}
		})
	}
}

// vrf10 puts rdomain 10's VRF on a node, for the interface.
func vrf10(n *Node) { n.RDomain = VRF{Name: "rdomain10", Kind: KindVRF, Table: 1010} }

// switchVRF10 puts rdomain 10's VRF on a node, for the switch.
func switchVRF10(n *Node) { n.SwitchRDomain = VRF{Name: "rdomain10", Kind: KindVRF, Table: 1010} }

// What ADD mends, and what the first VRF brings with it, is not refused; all
// else is.
func TestCheckPolicy(t *testing.T) {
	const (
		behind    = "0:local 32766:main 32768:l3mdev"
		late      = "0:local 2000:l3mdev 32766:main"
		wireguard = "0:local 998:main? 999:51820? 1000:l3mdev 32766:main"
	)
	moving, missing := all(in(10, 0), moveLocalRule), []string{noL3mdev4, noL3mdev6}
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		node    *Node
		lines   []string // of the error; none if there is none
	}{
		{"fresh", in(10, 0), nodeWith(freshRules, freshRules), nil},
		{"others' VRFs there", in(10, 0), nodeWith(vrfRules, vrfRules), nil},
		{"no IPv6", in(10, 0), nodeWith(vrfRules, "", vrf10, withoutIPv6), nil},
		{"no IPv6, to be moved", moving, nodeWith(vrfRules, "5:7 100:local", vrf10, withoutIPv6), nil},
		{"raw", in(10, 0), nodeWith(vrfRules, vrfRules, vrf10, accepting("raw")), nil},
		{"to be moved", moving, nodeWith(vrfRules, vrfRules, vrf10), nil},
		{"to be moved on a fresh node", moving, nodeWith(freshRules, freshRules), nil},
		{"to be moved once more", moving, nodeWith("0:local 1000:l3mdev 1001:local", vrfRules, vrf10), nil},
		{"moved", moving, nodeWith(movedRules, movedRules, vrf10), nil},
		{"moved before there was a VRF", moving, nodeWith("1001:local 32766:main", "32765:local 32766:main"), nil},
		{"to be moved right behind the l3mdev rule", moving, nodeWith("0:local 1001:l3mdev", "1001:l3mdev 1001:local", vrf10), nil},
		{"Cilium", in(10, 0), nodeWith(ciliumRules, ciliumRules, vrf10), nil},
		{"narrow rules", moving, nodeWith("0:local 1:local! 2:7! 3:none? 1000:l3mdev", vrfRules, vrf10), nil},
		{"l3mdev rule elsewhere", in(10, 0), nodeWith("0:local 900:l3mdev 32766:main", "0:local 32765:l3mdev 32766:main", vrf10), nil},

		{"l3mdev rules gone", in(10, 0), nodeWith(freshRules, freshRules, vrf10), missing},
		{"IPv4's gone", in(10, 0), nodeWith(freshRules, vrfRules, vrf10), []string{noL3mdev4}},
		{"IPv6's gone", in(10, 0), nodeWith(vrfRules, freshRules, vrf10), []string{noL3mdev6}},
		{"IPv4's gone, no IPv6", in(10, 0), nodeWith(freshRules, "", vrf10, withoutIPv6), []string{noL3mdev4}},
		{"IPv4's behind the main table's", in(10, 0), nodeWith(behind, vrfRules, vrf10), before("IPv4", "32766:main")},
		{"IPv6's behind the main table's", in(10, 0), nodeWith(vrfRules, behind), before("IPv6", "32766:main")},
		{"gone, to be moved", moving, nodeWith(freshRules, freshRules, vrf10), missing},
		{"gone, the interface's VRF too", all(onCreatedSwitch, in(20, 10)), nodeWith(freshRules, freshRules, switchVRF10), missing},
		{"gone, the switch's VRF too", all(onCreatedSwitch, in(10, 20)), nodeWith(freshRules, freshRules, vrf10), missing},
		{"gone, not local", all(onCreatedSwitch, notLocal, in(10, 10)), nodeWith(freshRules, freshRules, switchVRF10), missing},

		{"wg-quick", in(10, 0), nodeWith(wireguard, vrfRules, vrf10), before("IPv4", "998:main 999:51820")},
		{"wg-quick of IPv6, to be moved", moving, nodeWith(vrfRules, wireguard, vrf10), before("IPv6", "998:main 999:51820")},
		{"at 1000 before there is a VRF", in(10, 0), nodeWith("0:local 1000:7 1001:8", "0:local 999:7?"), slices.Concat(before("IPv4", "1000:7"), before("IPv6", "999:7"))},
		{"Cilium, to be moved", moving, nodeWith(ciliumRules, vrfRules, vrf10), before("IPv4", "100:local")},
		{"another one besides the kernel's", moving, nodeWith("0:local 100:local? 1000:l3mdev", "0:local 1000:local", vrf10), slices.Concat(before("IPv4", "100:local"), []string{noL3mdev6}, before("IPv6", "1000:local"))},
		{"to be moved before the l3mdev rule", moving, nodeWith(late, late, vrf10), slices.Concat(before("IPv4", "1001:local"), before("IPv6", "1001:local"))},

		{"tcp", in(10, 0), nodeWith(vrfRules, vrfRules, vrf10, accepting("tcp")), []string{acceptsTCP}},
		{"udp on a fresh node", moving, nodeWith(freshRules, freshRules, accepting("udp")), []string{acceptsUDP}},
		{"raw, tcp and udp", in(10, 0), nodeWith(vrfRules, vrfRules, vrf10, accepting("raw", "tcp", "udp")), []string{acceptsTCP, acceptsUDP}},
		{"a rule and tcp", in(10, 0), nodeWith(vrfRules, freshRules, vrf10, accepting("tcp", "raw")), []string{noL3mdev6, acceptsTCP}},
	} {
		t.Run(c.name, func(t *testing.T) {
			given := *c.node
			given.Rules = Rules{slices.Clone(given.Rules.IPv4), slices.Clone(given.Rules.IPv6), slices.Clone(given.Rules.Accepts)}
			err := CheckPolicy(newRequest(c.request), c.node)
			if !reflect.DeepEqual(*c.node, given) {
				t.Errorf("the node is %+v now, it was %+v", *c.node, given)
			}
			if len(c.lines) == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, config.CodeInvalidConfig)
			if want := "use rdomains: " + strings.Join(c.lines, "; "); err.Error() != want {
				t.Errorf("got\n%s\nwant\n%s", err, want)
			}
		})
	}
}

// drawRules draws rules in the kernel's order, none of it twice.
func drawRules(t *rapid.T, label string) []Rule {
	all := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Rule {
		r := Rule{
			Preference: rapid.SampledFrom([]uint32{0, 0, 1, 100, 999, 1000, 1000, 1001, 1001, 1002, 32766}).Draw(t, "preference"),
			Table:      rapid.SampledFrom([]uint32{0, 0, 0, 100, 254, 255, 255}).Draw(t, "table"),
			Selective:  rapid.Bool().Draw(t, "selective"),
		}
		r.Narrow = r.Selective && rapid.Bool().Draw(t, "narrow")
		r.L3mdev = r.Table == 0 && (!r.Selective || rapid.Bool().Draw(t, "l3mdev"))
		if r.Table == 255 && r.Selective {
			r.Preference++ // the kernel may delete such a one at 0 in place of its own
		}
		return r
	}), 0, 7).Draw(t, label)
	var kept []Rule
	for _, r := range all {
		// Of selective ones with equal selectors, too; others are not seen to differ.
		if r.Selective || !slices.Contains(kept, r) {
			kept = inserted(kept, r)
		}
	}
	return kept
}

// inserted does what the kernel does with a new rule.
func inserted(all []Rule, r Rule) []Rule {
	all = append(slices.Clone(all), r)
	slices.SortStableFunc(all, func(a, b Rule) int { return int(a.Preference) - int(b.Preference) })
	return all
}

// apart reports whether rules do for rdomains: every packet of a VRF is looked
// up in its table, and before that in none but maybe that of the host's
// addresses.
func apart(all []Rule, movedLocal bool) bool {
	for taken := range 1 << len(all) {
		if !packetApart(all, taken, movedLocal) {
			return false
		}
	}
	return true
}

// packetApart follows one packet of a VRF. No rule that is narrow takes it, of
// others that need not those of the bits in taken.
func packetApart(all []Rule, taken int, movedLocal bool) bool {
	for i, r := range all {
		takes := !r.Selective || !r.Narrow && taken&(1<<i) != 0
		switch {
		case takes && r.L3mdev:
			return true
		case takes && r.Table != 0 && (r.Table != 255 || movedLocal):
			return false
		}
	}
	return false
}

// afterFirstVRF does what Linux does at the first VRF.
func afterFirstVRF(all []Rule) []Rule {
	if slices.ContainsFunc(all, func(r Rule) bool { return r.L3mdev && !r.Selective }) {
		return all
	}
	return inserted(all, Rule{Preference: 1000, L3mdev: true})
}

// afterMove does what the kernel does with the messages of moveLocalRule.
func afterMove(all []Rule) []Rule {
	i := slices.IndexFunc(all, func(r Rule) bool { return r.Table == 255 && r.Preference == 0 })
	if i < 0 {
		return all
	}
	all = slices.Delete(slices.Clone(all), i, i+1)
	if moved := (Rule{Preference: 1001, Table: 255}); !slices.Contains(all, moved) {
		return inserted(all, moved)
	}
	return all
}

// For any rules the policy is what packets meet on their way through them.
func TestPolicyIsWhatPacketsMeet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		four, six := drawRules(t, "IPv4"), drawRules(t, "IPv6")
		for i := range 8 {
			p := Policy{IPv4: i&1 != 0, IPv6: i&2 != 0, MovedLocal: i&4 != 0}
			got := p.faults(&Rules{IPv4: four, IPv6: six}, true)
			if want := (!p.IPv4 || apart(four, p.MovedLocal)) && (!p.IPv6 || apart(six, p.MovedLocal)); want != (len(got) == 0) {
				t.Errorf("%+v: got %q, want that they do: %t", p, got, want)
			}
			got = p.faults(&Rules{IPv4: four, IPv6: six}, false)
			four, six := afterFirstVRF(four), afterFirstVRF(six)
			if want := (!p.IPv4 || apart(four, p.MovedLocal)) && (!p.IPv6 || apart(six, p.MovedLocal)); want != (len(got) == 0) {
				t.Errorf("%+v before the first VRF: got %q, want that they do: %t", p, got, want)
			}
		}
	})
}

// For any rules: either ADD is refused, or the rules do when it is done, with
// the l3mdev rules that the first VRF brings, and it does not do it again.
func TestMovingTheLocalRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, vrfs := &Node{}, rapid.Bool().Draw(t, "VRFs")
		n.Rules = Rules{IPv4: drawRules(t, "IPv4"), IPv6: drawRules(t, "IPv6")}
		four, six := n.Rules.IPv4, n.Rules.IPv6
		if vrfs {
			vrf10(n)
		} else {
			four, six = afterFirstVRF(four), afterFirstVRF(six)
		}
		four, six = afterMove(four), afterMove(six)
		if HasFirstLocal(four) || HasFirstLocal(six) {
			t.Error("moved, and it would be moved again")
		}
		req := newRequest(in(10, 0), moveLocalRule)
		refused := CheckPolicy(req, n)
		if want := apart(four, true) && apart(six, true); want != (refused == nil) {
			t.Errorf("got error %v, want that they do: %t", refused, want)
		}
		after := &Node{Rules: Rules{IPv4: four, IPv6: six}}
		vrf10(after)
		if err := CheckPolicy(req, after); (err == nil) != (refused == nil) {
			t.Errorf("before: %v, when it is done: %v", refused, err)
		}
	})
}

// A rule that jumps over the l3mdev rule opens rdomains, unless it is narrow or
// stands behind.
func TestPolicyFaultsOfGoto(t *testing.T) {
	for _, c := range []struct {
		words string
		jump  Rule
		want  []string
	}{
		{vrfRules, Rule{Preference: 500, Goto: true, Selective: true}, []string{"rule 500 of IPv4 jumps over the l3mdev rule, so nothing keeps rdomains apart, give it a higher preference"}},
		{vrfRules, Rule{Preference: 500, Goto: true, Selective: true, Narrow: true}, nil},
		{vrfRules, Rule{Preference: 1001, Goto: true, Selective: true}, nil},
	} {
		all := append(rules(c.words), c.jump)
		slices.SortStableFunc(all, func(a, b Rule) int { return int(a.Preference) - int(b.Preference) })
		checkFaults(t, Policy{IPv4: true}.faults(&Rules{IPv4: all}, true), c.want)
	}
}
