package kernel

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/test/netns"
)

// The families of multicast routing (rtnetlink.h), which have rules, too.
const (
	familyIPMR  = 128
	familyIP6MR = 129
)

// plainRule is a rule as the kernel sends it, which takes every packet.
func plainRule(family, table byte, attrs ...[]byte) []byte {
	return raw(ruleHeader(family, table, ruleActionTable), slices.Concat(
		attr(unix.FRA_TABLE, uint32(table)),
		attr(unix.FRA_SUPPRESS_PREFIXLEN, ^uint32(0)),
		attr(unix.FRA_PROTOCOL, []byte{unix.RTPROT_KERNEL}),
	), slices.Concat(attrs...))
}

func TestParseRule(t *testing.T) {
	preference := func(p uint32) []byte { return attr(unix.FRA_PRIORITY, p) }
	for _, c := range []struct {
		name   string
		data   []byte
		family uint8
		want   plan.Rule
	}{
		{"local", plainRule(unix.AF_INET, 255), unix.AF_INET, plan.Rule{Table: plan.TableLocal}},
		{"local that was moved", plainRule(unix.AF_INET6, 255, preference(1001)), unix.AF_INET6, plan.Rule{Preference: 1001, Table: plan.TableLocal}},
		{"main", plainRule(unix.AF_INET, 254, preference(32766)), unix.AF_INET, plan.Rule{Preference: 32766, Table: 254}},
		{"l3mdev", plainRule(unix.AF_INET6, 0, preference(1000), attr(unix.FRA_L3MDEV, []byte{1})), unix.AF_INET6, plan.Rule{Preference: 1000, L3mdev: true}},
		{"l3mdev off", plainRule(unix.AF_INET, 0, attr(unix.FRA_L3MDEV, []byte{0})), unix.AF_INET, plan.Rule{}},
		{"l3mdev of an odd size", plainRule(unix.AF_INET, 0, attr(unix.FRA_L3MDEV, []byte{1, 0})), unix.AF_INET, plan.Rule{}},
		{
			"a table over 255", raw(ruleHeader(unix.AF_INET, unix.RT_TABLE_COMPAT, ruleActionTable), attr(unix.FRA_TABLE, uint32(1010)), preference(5)),
			unix.AF_INET,
			plan.Rule{Preference: 5, Table: 1010},
		},
		{"a table in the header alone", ruleHeader(unix.AF_INET, 254, ruleActionTable), unix.AF_INET, plan.Rule{Table: 254}},
		{"multicast routing", plainRule(familyIPMR, 253, preference(32767)), familyIPMR, plan.Rule{Preference: 32767, Table: 253}},
	} {
		t.Run(c.name, func(t *testing.T) {
			family, got, err := parseRule(c.data)
			if err != nil || family != c.family || got != c.want {
				t.Errorf("got %+v of family %d, error %v, want %+v of %d", got, family, err, c.want, c.family)
			}
		})
	}
}

// A rule that does not take every packet, for whatever reason, is not taken
// for one that does, nor for one that is narrow.
func TestParseRuleSelective(t *testing.T) {
	every := plan.Rule{Table: plan.TableLocal}
	some := plan.Rule{Table: plan.TableLocal, Selective: true}
	narrow := plan.Rule{Table: plan.TableLocal, Selective: true, Narrow: true}
	other := plan.Rule{Selective: true} // action
	with := func(attrs ...[]byte) []byte { return plainRule(unix.AF_INET, 255, attrs...) }
	header := func(at int, value byte, attrs ...[]byte) []byte {
		data := with(attrs...)
		data[at] = value
		return data
	}
	flags := func(flags uint32, attrs ...[]byte) []byte {
		return raw(with()[:8], attr(0, flags)[unix.SizeofRtAttr:], with(attrs...)[sizeofRuleHeader:])
	}
	mark, mask := attr(unix.FRA_FWMARK, uint32(1)), attr(unix.FRA_FWMASK, uint32(1))
	iif, oif := attr(unix.FRA_IIFNAME, "lo"), attr(unix.FRA_OIFNAME, "lo")
	users, tcp := attr(unix.FRA_UID_RANGE, make([]byte, 8)), attr(unix.FRA_IP_PROTO, []byte{6})
	dst, l3mdev := attr(unix.FRA_DST, []byte{10, 0, 0, 0}), attr(unix.FRA_L3MDEV, []byte{1})
	suppress, none := attr(unix.FRA_SUPPRESS_PREFIXLEN, uint32(0)), attr(unix.FRA_SUPPRESS_IFGROUP, ^uint32(0))
	for _, c := range []struct {
		name string
		data []byte
		want plan.Rule
	}{
		{"to", header(1, 8), some},
		{"from", header(2, 8), some},
		{"tos", header(3, 16), some},
		{"to prefix", with(dst), some},
		{"from prefix", with(attr(unix.FRA_SRC, []byte{10, 0, 0, 0})), some},
		{"fwmask", with(mask), some},
		{"tunnel", with(attr(unix.FRA_TUN_ID, make([]byte, 8))), some},
		{"ipproto", with(tcp), some},
		{"sport", with(attr(unix.FRA_SPORT_RANGE, make([]byte, 4))), some},
		{"dport", with(attr(unix.FRA_DPORT_RANGE, make([]byte, 4))), some},
		{"of a later kernel", with(attr(200, uint32(0))), some},
		{"suppressed prefixes", with(suppress), some},
		{"suppressed groups", with(attr(unix.FRA_SUPPRESS_IFGROUP, uint32(7))), some},
		{"suppressed groups of an odd size", with(attr(unix.FRA_SUPPRESS_IFGROUP, []byte{255})), some},
		{"suppressed prefixes, but no groups", with(suppress, none, attr(unix.FRA_PAD, []byte{})), some},

		{"fwmark", with(mark), narrow},
		{"fwmark with a mask", with(mark, mask), narrow},
		{"fwmark with a mask, the other way round", with(mask, mark), narrow},
		{"iif", with(iif), narrow},
		{"oif", with(oif), narrow},
		{"uidrange", with(users), narrow},
		{"fwmark and prefix", header(1, 8, dst, mark), narrow},
		{"iif and ipproto", with(iif, tcp), narrow},
		{"fwmark, suppressed prefixes", with(suppress, mark, none), narrow},
		{"iif of a link that is gone", flags(0x9, iif), narrow},

		{"not", flags(2), some},
		{"not, with other flags", flags(0x1b), some},
		{"not to prefix", flags(2, dst), some},
		{"not fwmark", flags(2, mark), some},
		{"not fwmark and prefix", raw(header(1, 8)[:8], flags(2, dst, mark)[8:]), some},
		{"not fwmark with a mask", flags(2, mark, mask), some},
		{"not iif", flags(3, iif), some},
		{"not oif", flags(2, oif), some},
		{"not uidrange", flags(2, users), some},
		{"not any of all", flags(2, mark, mask, iif, oif, users), some},

		{"no action", header(7, 0), other},
		{"goto", header(7, 2), plan.Rule{Selective: true, Goto: true}},
		{"blackhole", header(7, 6), other},
		{"unreachable", header(7, 7), other},
		{"unreachable, for a table over 255", header(7, 7, attr(unix.FRA_TABLE, uint32(1010))), other},
		{"unreachable, fwmark", header(7, 7, mark), plan.Rule{Selective: true, Narrow: true}},
		{"l3mdev, unreachable", header(7, 7, l3mdev), plan.Rule{Selective: true, L3mdev: true}},
		{"l3mdev, to", header(1, 8, l3mdev), plan.Rule{Table: plan.TableLocal, Selective: true, L3mdev: true}},
		{"l3mdev, iif", with(iif, l3mdev), plan.Rule{Table: plan.TableLocal, Selective: true, Narrow: true, L3mdev: true}},
		{"l3mdev, not iif", flags(2, l3mdev, iif), plan.Rule{Table: plan.TableLocal, Selective: true, L3mdev: true}},

		{"nothing suppressed", with(none), every},
		{"permanent, of links that are gone", flags(0x19), every},
		{"realm", with(attr(unix.FRA_FLOW, uint32(7))), every},
		{"padding", with(attr(unix.FRA_PAD, []byte{})), every},
		{"of somebody else", with(attr(unix.FRA_PROTOCOL, []byte{unix.RTPROT_STATIC})), every},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got, err := parseRule(c.data); err != nil || got != c.want {
				t.Errorf("got %+v, error %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestParseRuleShort(t *testing.T) {
	whole := plainRule(unix.AF_INET, 255)
	for _, data := range [][]byte{nil, whole[:sizeofRuleHeader-1], whole[:sizeofRuleHeader+4]} {
		if _, _, err := parseRule(data); !errors.Is(err, errShort) {
			t.Errorf("%d bytes: got %v, want %v", len(data), err, errShort)
		}
	}
}

func TestGetRules(t *testing.T) {
	var all plan.Rules
	m := getRules(&all)
	checkMessage(t, m, unix.RTM_GETRULE, unix.NLM_F_DUMP, make([]byte, sizeofRuleHeader)) // strict: but for the family all must be 0
	for _, family := range []byte{unix.AF_INET, familyIPMR, unix.AF_INET6, familyIP6MR, unix.AF_INET} {
		if err := m.receive(plainRule(family, family)); err != nil {
			t.Fatal(err)
		}
	}
	four, six := plan.Rule{Table: unix.AF_INET}, plan.Rule{Table: unix.AF_INET6}
	if want := (plan.Rules{IPv4: []plan.Rule{four, four}, IPv6: []plan.Rule{six}}); !reflect.DeepEqual(all, want) {
		t.Errorf("got %+v, want %+v", all, want)
	}
	if err := m.receive(nil); !errors.Is(err, errShort) {
		t.Errorf("got %v for an empty answer, want %v", err, errShort)
	}
}

// A rule is known by its preference: one at 0, too, is not any.
func TestLocalRule(t *testing.T) {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		header := []byte{family, 0, 0, 0, 255, 0, 0, 1, 0, 0, 0, 0}
		for _, preference := range []uint32{0, 1001} {
			m := localRule(unix.RTM_DELRULE, 0, "delete", family, preference)
			checkMessage(t, m, unix.RTM_DELRULE, 0, raw(header, attr(unix.FRA_PRIORITY, preference)))
		}
	}
}

// The kernel's own rules, and the l3mdev rules that one with VRFs would have.
func TestRulesOfTheKernel(t *testing.T) {
	const main = unix.RT_TABLE_MAIN
	some, narrow := plan.Rule{Table: main, Selective: true}, plan.Rule{Table: main, Selective: true, Narrow: true}
	ofWords := []struct {
		words string
		want  plan.Rule
	}{
		{"fwmark 1 lookup main", narrow},
		{"fwmark 1/3 lookup main", narrow},
		{"fwmark 0/1 lookup main", some},
		{"not fwmark 1 lookup main", some},
		{"iif lo lookup main", narrow},
		{"not iif lo lookup main", some},
		{"oif gone lookup main", narrow},
		{"not oif lo lookup main", some},
		{"uidrange 0-9 lookup main", narrow},
		{"not uidrange 0-9 lookup main", some},
		{"ipproto tcp lookup main", some},
		{"dport 53 lookup main", some},
		{"tos 0x10 lookup main", some},
		{"suppress_prefixlength 0 lookup main", some},
		{"suppress_ifgroup 0 lookup main", some},
		{"fwmark 1 suppress_prefixlength 0 lookup main", narrow},
		{"iif lo l3mdev", plan.Rule{Selective: true, Narrow: true, L3mdev: true}},
		{"blackhole", plan.Rule{Selective: true}},
		{"fwmark 1 unreachable", plan.Rule{Selective: true, Narrow: true}},
		{"goto 2200", plan.Rule{Selective: true, Goto: true}},
		{"lookup 1010", plan.Rule{Table: 1010}},
	}
	inSession(t, func(node *netns.NS, s *Session, _ *config.Request, _ *Observation) {
		rule := func(option, words string) {
			node.Run(t, "ip", append([]string{option, "rule", "add"}, strings.Fields(words)...)...)
		}
		for _, option := range []string{"-4", "-6"} {
			rule(option, "pref 1000 l3mdev protocol kernel")
			rule(option, "not fwmark 51820 lookup 51820") // as wg-quick does
			for i, c := range ofWords {
				rule(option, fmt.Sprintf("pref %d %s", 2000+i, c.words))
			}
			for _, words := range []string{"lookup 7", "lookup 6", "l3mdev", "lookup 5"} {
				rule(option, "pref 2500 "+words)
			}
		}
		want := []plan.Rule{{Table: plan.TableLocal}, {Preference: 999, Table: 51820, Selective: true}, {Preference: 1000, L3mdev: true}}
		for i, c := range ofWords {
			c.want.Preference = uint32(2000 + i)
			want = append(want, c.want)
		}
		want = append(want, plan.Rule{Preference: 2500, Table: 7}, plan.Rule{Preference: 2500, Table: 6}, plan.Rule{Preference: 2500, L3mdev: true}, plan.Rule{Preference: 2500, Table: 5})
		want = append(want, plan.Rule{Preference: 32766, Table: main})
		checkRules(t, s, want)

		want = slices.Concat(want[1:3], []plan.Rule{{Preference: 1001, Table: plan.TableLocal}}, want[3:])
		for range 2 { // the second time there is nothing to move
			if err := s.moveLocalRules(); err != nil {
				t.Fatal(err)
			}
			checkRules(t, s, want)
		}
	})
}

// checkRules fails unless IPv6 has these rules, and IPv4 that for the default
// table besides.
func checkRules(t *testing.T, s *Session, want []plan.Rule) {
	t.Helper()
	var all plan.Rules
	if err := s.host.do(getRules(&all)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(all.IPv6, want) {
		t.Errorf("IPv6: got\n%+v\nwant\n%+v", all.IPv6, want)
	}
	if want := append(slices.Clone(want), plan.Rule{Preference: 32767, Table: unix.RT_TABLE_DEFAULT}); !slices.Equal(all.IPv4, want) {
		t.Errorf("IPv4: got\n%+v\nwant\n%+v", all.IPv4, want)
	}
}

// inRDomain runs f in a session of an attachment in an rdomain, after setup,
// which is lines of ip, and a look.
func inRDomain(t *testing.T, moveLocal bool, setup string, f func(node *netns.NS, s *Session, mend func())) {
	t.Helper()
	inSession(t, func(node *netns.NS, s *Session, req *config.Request, o *Observation) {
		req.RDomain, req.RDomains = 10, config.RDomains{TableBase: 1000, MoveLocalRule: moveLocal}
		for line := range strings.Lines(setup) {
			node.Run(t, "ip", strings.Fields(line)...)
		}
		if err := s.observeRDomains(req, o); err != nil {
			t.Fatal(err)
		}
		f(node, s, func() {
			t.Helper()
			if err := s.mendPolicy(req, o); err != nil {
				t.Fatal(err)
			}
		})
	})
}

func TestMendPolicy(t *testing.T) {
	const main = "32766:\tfrom all lookup main\n"
	for _, c := range []struct {
		name, setup string
		moveLocal   bool
		four, six   string // rules but the last
	}{
		{"kept", "", false, "0:\tfrom all lookup local\n", "0:\tfrom all lookup local\n"},
		{"moved", "", true, "1001:\tfrom all lookup local\n", "1001:\tfrom all lookup local\n"},
		{
			"moved before", "rule add pref 1001 lookup local\nrule del pref 0\n-6 rule add pref 1001 lookup local", true,
			"1001:\tfrom all lookup local\n", "1001:\tfrom all lookup local\n",
		},
		{
			"only IPv4's", "-6 rule add pref 100 lookup local\n-6 rule del pref 0\n", true,
			"1001:\tfrom all lookup local\n", "100:\tfrom all lookup local\n",
		},
		{
			"only IPv6's", "rule add pref 100 lookup local\nrule del pref 0\n", true,
			"100:\tfrom all lookup local\n", "1001:\tfrom all lookup local\n",
		},
		{
			"others stay", "rule add pref 0 to 192.0.2.0/24 lookup local\nrule add pref 0 lookup 7\n", true,
			"0:\tfrom all to 192.0.2.0/24 lookup local\n0:\tfrom all lookup 7\n1001:\tfrom all lookup local\n", "1001:\tfrom all lookup local\n",
		},
		{
			"another one first", "rule add pref 0 iif lo lookup local\nrule del pref 0 from all lookup local\nrule add pref 0 lookup local\n", true,
			"0:\tfrom all iif lo lookup local\n0:\tfrom all lookup local\n", "1001:\tfrom all lookup local\n",
		},
		{
			"killed half-way", "rule add pref 1001 lookup local\n", true,
			"1001:\tfrom all lookup local\n", "1001:\tfrom all lookup local\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			inRDomain(t, c.moveLocal, c.setup, func(node *netns.NS, _ *Session, mend func()) {
				for range 2 { // another call may have looked at the same time
					mend()
					if got := node.Run(t, "ip", "rule"); got != c.four+main+"32767:\tfrom all lookup default\n" {
						t.Errorf("IPv4: got\n%s", got)
					}
					if got := node.Run(t, "ip", "-6", "rule"); got != c.six+main {
						t.Errorf("IPv6: got\n%s", got)
					}
				}
			})
		})
	}
}

// Of two calls one moves the rule, under the claims lock, and lets it go.
func TestMendPolicyUnderTheLock(t *testing.T) {
	inRDomain(t, true, "", func(_ *netns.NS, _ *Session, mend func()) {
		other := openTestLock(t)
		if err := other.lock(claimsByte, "other"); err != nil {
			t.Fatal(err)
		}
		var unlocked atomic.Bool
		time.AfterFunc(100*time.Millisecond, func() {
			unlocked.Store(true)
			_ = other.unlock(claimsByte)
		})
		if mend(); !unlocked.Load() {
			t.Error("did not wait")
		}
		if err := other.lock(claimsByte, "other"); err != nil {
			t.Error(err)
		}
	})
}

// Raw sockets alone are closed, if they were seen open.
func TestMendPolicyOfSockets(t *testing.T) {
	for _, before := range []string{"1", "0"} {
		inSession(t, func(_ *netns.NS, s *Session, req *config.Request, o *Observation) {
			req.RDomain = 10
			kinds := []string{"raw", "tcp", "udp"}
			for i, value := range []string{before, "1", "1"} {
				if err := writeSysctl("ipv4/"+kinds[i]+"_l3mdev_accept", value); err != nil {
					netns.Lacking(t, err.Error())
				}
			}
			err := errors.Join(s.observeRDomains(req, o), s.mendPolicy(req, o))
			got, errAccepts := readAccepts()
			if err := errors.Join(err, errAccepts); err != nil || !slices.Equal(got, kinds[1:]) {
				t.Errorf("raw was %s: open are %q, error %v", before, got, err)
			}
			o.Node.Rules.Accepts = kinds[1:]
			if err := errors.Join(writeSysctl("ipv4/raw_l3mdev_accept", "1"), s.mendPolicy(req, o)); err != nil {
				t.Error(err)
			}
			if got, err := readAccepts(); err != nil || !slices.Equal(got, kinds) {
				t.Errorf("seen closed: open are %q, error %v", got, err)
			}
		})
	}
}
