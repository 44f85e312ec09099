package kernel

import (
	"bytes"
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/filter"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/netns"
)

func TestProgramRoundTrip(t *testing.T) {
	p := filter.Program{{Op: 0x28, Jt: 1, Jf: 2, K: 12}, {Op: 6, K: 0xffffffff}}
	if got := decodeProgram(encodeProgram(p)); !slices.Equal(got, p) {
		t.Errorf("got %v, want %v", got, p)
	}
	if got := decodeProgram([]byte{1, 2, 3}); len(got) != 0 {
		t.Errorf("decoded %v from half an instruction", got)
	}
}

// TestDevconf4: a sysctl that the plan names and this package does not know
// would be set to nothing, silently.
func TestDevconf4(t *testing.T) {
	seen := map[int]string{}
	for _, name := range []string{"forwarding", "proxy_arp", "accept_redirects", "send_redirects", "rp_filter", "accept_source_route", "arp_announce", "arp_ignore", "accept_local"} {
		n := devconf4(name)
		if n == 0 || seen[n] != "" {
			t.Errorf("%s has number %d, as has %q", name, n, seen[n])
		}
		seen[n] = name
	}
}

// vrf10 is the VRF of rdomain 10.
var vrf10 = plan.Link{Name: "rdomain10", Kind: plan.KindVRF, Table: 1010}

func defaultRoute(family uint8) netip.Prefix {
	if family == unix.AF_INET6 {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

// raw returns a header and attributes, as they stand in a message.
func raw(header []byte, attrs ...[]byte) []byte {
	return append(slices.Clone(header), slices.Concat(attrs...)...)
}

// attr returns an attribute: its value is a number, a string with its end, or
// bytes.
func attr(kind int, value any) []byte {
	switch v := value.(type) {
	case uint32:
		return nl.NewRtAttr(kind, nl.Uint32Attr(v)).Serialize()
	case string:
		return nl.NewRtAttr(kind, append([]byte(v), 0)).Serialize()
	case []byte:
		return nl.NewRtAttr(kind, v).Serialize()
	}
	panic("no such value")
}

// linkHeader is a struct ifinfomsg.
func linkHeader(index int32, flags, change uint32) []byte {
	h := ifinfo(index)
	h.Flags, h.Change = flags, change
	return h.Serialize()
}

// checkMessage fails unless a message has this type, these flags besides
// NLM_F_REQUEST, and this body.
func checkMessage(t *testing.T, m *message, kind, flags uint16, body []byte) {
	t.Helper()
	if m.Type != kind || m.Flags != flags|unix.NLM_F_REQUEST {
		t.Errorf("%s: type %d and flags %#x, want %d and %#x", m.what, m.Type, m.Flags, kind, flags|unix.NLM_F_REQUEST)
	}
	if got := m.Serialize()[unix.SizeofNlMsghdr:]; !bytes.Equal(got, body) {
		t.Errorf("%s: got\n% x\nwant\n% x", m.what, got, body)
	}
}

func TestNewVRF(t *testing.T) {
	checkMessage(t, newVRF(0x01020304, &vrf10), unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, raw(
		linkHeader(0x01020304, unix.IFF_UP, unix.IFF_UP),
		attr(unix.IFLA_IFNAME, "rdomain10"),
		attr(unix.IFLA_LINKINFO, raw(
			attr(unix.IFLA_INFO_KIND, "vrf"),
			attr(unix.IFLA_INFO_DATA, attr(vrfTable, uint32(1010))),
		)),
	))
}

func TestGetLinksOfKind(t *testing.T) {
	var all []*link
	m := getLinksOfKind("vrf", &all)
	checkMessage(t, m, unix.RTM_GETLINK, unix.NLM_F_DUMP, raw(
		linkHeader(0, 0, 0),
		attr(unix.IFLA_LINKINFO|unix.NLA_F_NESTED, attr(unix.IFLA_INFO_KIND, "vrf")),
		attr(unix.IFLA_EXT_MASK, uint32(rtextFilterSkipStats)),
	))
	for name, kind := range map[string]string{"rdomain10": "vrf", "cni0": "bridge"} {
		info := attr(unix.IFLA_LINKINFO, attr(unix.IFLA_INFO_KIND, kind))
		if err := m.receive(raw(linkHeader(7, 0, 0), attr(unix.IFLA_IFNAME, name), info)); err != nil {
			t.Fatal(err)
		}
	}
	if len(all) != 1 || all[0].name != "rdomain10" {
		t.Errorf("got %v", all)
	}
}

// A VRF's table is read from a VRF alone: the number of its attribute has
// another meaning with other links.
func TestParseLinkOfVRF(t *testing.T) {
	of := func(kind string) []byte {
		return attr(unix.IFLA_LINKINFO, raw(attr(unix.IFLA_INFO_KIND, kind), attr(unix.IFLA_INFO_DATA, attr(vrfTable, uint32(1010)))))
	}
	for _, c := range []struct {
		name  string
		attrs []byte
		want  link
	}{
		{"VRF", of("vrf"), link{kind: "vrf", table: 1010}},
		{"VRF that is up", of("vrf"), link{kind: "vrf", table: 1010, up: true}},
		{"bridge with a forward delay", of("bridge"), link{kind: "bridge", vlans: plan.BridgeVLANs{Lacking: true}}},
		{"veth", of("veth"), link{kind: "veth"}},
		{"in a VRF", raw(
			attr(unix.IFLA_MASTER, uint32(9)),
			attr(unix.IFLA_LINKINFO, raw(
				attr(unix.IFLA_INFO_KIND, "veth"),
				attr(unix.IFLA_INFO_SLAVE_KIND, "vrf"),
				attr(unix.IFLA_INFO_SLAVE_DATA, attr(vrfTable, uint32(1010))),
			)),
		), link{kind: "veth", master: 9}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.want.index, c.want.netns, c.want.name = 7, -1, "rdomain10"
			var flags uint32
			if c.want.up {
				flags = unix.IFF_UP
			}
			got, err := parseLink(raw(linkHeader(7, flags, 0), attr(unix.IFLA_IFNAME, "rdomain10"), c.attrs))
			if err != nil || !reflect.DeepEqual(*got, c.want) {
				t.Errorf("got %+v, error %v, want %+v", got, err, c.want)
			}
		})
	}
}

// routeHeader is a struct rtmsg.
func routeHeader(family, dstLen, table, protocol, kind byte) []byte {
	return []byte{family, dstLen, 0, 0, table, protocol, unix.RT_SCOPE_UNIVERSE, kind, 0, 0, 0, 0}
}

func TestUnreachable(t *testing.T) {
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		dst := defaultRoute(family)
		body := raw(
			routeHeader(family, 0, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RTN_UNREACHABLE),
			attr(unix.RTA_TABLE, uint32(1010)),
			attr(unix.RTA_PRIORITY, uint32(4278198272)),
		)
		checkMessage(t, addUnreachable(&vrf10, dst), unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body)
		checkMessage(t, deleteUnreachable(&vrf10, dst), unix.RTM_DELROUTE, 0, body)
	}
}

func TestAddRoute(t *testing.T) {
	four, six := netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::1/128")
	for _, c := range []struct {
		name  string
		dst   netip.Prefix
		table uint32
		body  []byte
	}{
		{"main table", six, 0, raw(routeHeader(unix.AF_INET6, 128, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RTN_UNICAST),
			attr(unix.RTA_DST, six.Addr().AsSlice()), attr(unix.RTA_OIF, uint32(7)))},
		{"a VRF's table", six, 1010, raw(routeHeader(unix.AF_INET6, 128, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RTN_UNICAST),
			attr(unix.RTA_DST, six.Addr().AsSlice()), attr(unix.RTA_OIF, uint32(7)), attr(unix.RTA_TABLE, uint32(1010)))},
		{"a small table, IPv4", four, 10, raw(routeHeader(unix.AF_INET, 24, unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RTN_UNICAST),
			attr(unix.RTA_DST, four.Addr().AsSlice()), attr(unix.RTA_OIF, uint32(7)), attr(unix.RTA_TABLE, uint32(10)))},
	} {
		t.Run(c.name, func(t *testing.T) {
			checkMessage(t, addRoute(7, "a", c.dst, c.table), unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, c.body)
		})
	}
}

// What the kernel answers to getUnreachable, and what it may send besides,
// where it does not sort out what was not asked for.
func TestParseRoute(t *testing.T) {
	table, metric := attr(unix.RTA_TABLE, uint32(1010)), attr(unix.RTA_PRIORITY, uint32(plan.UnreachableMetric))
	prefix := netip.MustParsePrefix("2001:db8::/64")
	for _, c := range []struct {
		name  string
		data  []byte
		want  route
		taken bool // by getUnreachable
	}{
		{
			"unreachable", raw(routeHeader(unix.AF_INET, 0, unix.RT_TABLE_COMPAT, unix.RTPROT_STATIC, unix.RTN_UNREACHABLE), table, metric),
			route{dst: defaultRoute(unix.AF_INET), kind: unix.RTN_UNREACHABLE, prot: unix.RTPROT_STATIC, table: 1010, metric: 4278198272},
			true,
		},
		{
			"unreachable of IPv6", raw(routeHeader(unix.AF_INET6, 0, unix.RT_TABLE_COMPAT, unix.RTPROT_STATIC, unix.RTN_UNREACHABLE), table, metric, attr(unix.RTA_OIF, uint32(1))),
			route{dst: defaultRoute(unix.AF_INET6), oif: 1, kind: unix.RTN_UNREACHABLE, prot: unix.RTPROT_STATIC, table: 1010, metric: 4278198272},
			true,
		},
		{
			"unreachable without a metric", raw(routeHeader(unix.AF_INET6, 64, unix.RT_TABLE_COMPAT, unix.RTPROT_BOOT, unix.RTN_UNREACHABLE), table, attr(unix.RTA_DST, prefix.Addr().AsSlice())),
			route{dst: prefix, kind: unix.RTN_UNREACHABLE, prot: unix.RTPROT_BOOT, table: 1010},
			true,
		},
		{
			"unreachable of another table", raw(routeHeader(unix.AF_INET, 0, 100, unix.RTPROT_STATIC, unix.RTN_UNREACHABLE), attr(unix.RTA_TABLE, uint32(100)), metric),
			route{dst: defaultRoute(unix.AF_INET), kind: unix.RTN_UNREACHABLE, prot: unix.RTPROT_STATIC, table: 100, metric: 4278198272},
			false,
		},
		{
			"unicast", raw(routeHeader(unix.AF_INET6, 64, unix.RT_TABLE_COMPAT, unix.RTPROT_STATIC, unix.RTN_UNICAST), attr(unix.RTA_DST, prefix.Addr().AsSlice()), attr(unix.RTA_OIF, uint32(7)), table, metric),
			route{dst: prefix, oif: 7, kind: unix.RTN_UNICAST, prot: unix.RTPROT_STATIC, table: 1010, metric: 4278198272},
			false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := parseRoute(c.data); err != nil || *got != c.want {
				t.Errorf("got %+v, error %v, want %+v", got, err, c.want)
			}
			var all []*route
			if err := getUnreachable(c.data[0], 1010, &all).receive(c.data); err != nil || (len(all) == 1) != c.taken {
				t.Errorf("getUnreachable took %d, error %v, want it: %t", len(all), err, c.taken)
			}
		})
	}
	if _, err := parseRoute(routeHeader(unix.AF_INET, 0, 0, 0, 0)[:11]); !errors.Is(err, errShort) {
		t.Errorf("half a header: %v", err)
	}
}

func TestGetUnreachable(t *testing.T) {
	m := getUnreachable(unix.AF_INET6, 1010, nil)
	checkMessage(t, m, unix.RTM_GETROUTE, unix.NLM_F_DUMP, raw(
		[]byte{unix.AF_INET6, 0, 0, 0, 0, 0, 0, unix.RTN_UNREACHABLE, 0, 0, 0, 0}, // strict: all else must be 0
		attr(unix.RTA_TABLE, uint32(1010)),
	))
}

// What is added is found in its table alone, once, and deleted.
func TestUnreachableRoutesOfTheKernel(t *testing.T) {
	inSession(t, func(node *netns.NS, s *Session, _ *config.Request, _ *Observation) {
		other := plan.Link{Table: 1020}
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			dst := defaultRoute(family)
			checkUnreachable(t, s, family, nil) // a table that is not there
			if err := s.host.do(addUnreachable(&vrf10, dst), addUnreachable(&other, dst)); err != nil {
				t.Fatal(err)
			}
			if err := s.host.do(addUnreachable(&vrf10, dst)); !errors.Is(err, unix.EEXIST) {
				t.Errorf("adding it again: got %v, want EEXIST", err)
			}
			node.Run(t, "ip", "route", "add", dst.String(), "dev", "lo", "table", "1010")
			checkUnreachable(t, s, family, []route{{dst: dst, kind: unix.RTN_UNREACHABLE, prot: unix.RTPROT_STATIC, table: 1010, metric: plan.UnreachableMetric}})
			if err := s.host.do(deleteUnreachable(&vrf10, dst)); err != nil {
				t.Fatal(err)
			}
			checkUnreachable(t, s, family, nil)
		}
	})
}

func checkUnreachable(t *testing.T, s *Session, family uint8, want []route) {
	t.Helper()
	var found []*route
	if err := s.host.do(getUnreachable(family, 1010, &found)); err != nil {
		t.Fatal(err)
	}
	var got []route
	for _, r := range found {
		r.oif = 0 // IPv6 names the loopback link
		got = append(got, *r)
	}
	if !slices.Equal(got, want) {
		t.Errorf("family %d: got %+v, want %+v", family, got, want)
	}
}

// FuzzParse: what the kernel sends, however odd, is no reason to crash.
func FuzzParse(f *testing.F) {
	for _, m := range []*message{
		setLink(5, "a", change{alias: "x", mtu: 9, group: 3, noAutoLL: true, sysctls: []plan.Sysctl{{Name: "rp_filter", Value: 1}}}),
		addFilter(5, "a", 1, plan.Filter{Redirect: "b"}, 7, false),
		addFilter(5, "a", 2, plan.Filter{Match: filter.DropAll()}, 0, true),
		addAltNames(5, "a", []string{"b", "c"}),
		addShaper(5, "a", plan.Shaper{Rate: 1 << 33, Burst: 1518, Limit: 3000}),
		newVRF(5, &vrf10),
		addUnreachable(&vrf10, defaultRoute(unix.AF_INET6)),
		addRoute(5, "a", defaultRoute(unix.AF_INET), 1010),
		localRule(unix.RTM_NEWRULE, 0, "add", unix.AF_INET, 1001),
		pin(5, "a", vmid.LLAddr{2, 0, 0, 0, 0, 1}),
		changePortVLANs(unix.RTM_SETLINK, 5, "a", []plan.PortVLAN{{PVID: true}}),
		newChain(plan.AllChains()[0]),
		newElements("open4", []element{{key: make([]byte, 12), end: make([]byte, 12)}}),
	} {
		f.Add(m.Serialize()[16:])
	}
	f.Add(plainRule(unix.AF_INET6, 254, attr(unix.FRA_FWMARK, uint32(1)), attr(unix.FRA_FWMASK, uint32(1)), attr(unix.FRA_L3MDEV, []byte{1})))
	f.Fuzz(func(t *testing.T, data []byte) {
		if l, err := parseLink(data); err == nil && l == nil {
			t.Error("no link and no error")
		}
		if r, err := parseRoute(data); err == nil && r == nil {
			t.Error("no route and no error")
		}
		if _, r, err := parseRule(data); err == nil && r.Narrow && !r.Selective {
			t.Error("a narrow rule for every packet")
		}
		if b, _, err := parseShaper(data); err == nil && b != nil {
			b.shaper(plan.Shaper{Rate: 1, Burst: 1518})
		}
		_, _, _ = parseFilter(data)
		_, _ = parseHook(data)
		if e, err := parseElement(data); err == nil {
			noteElements("open4", []element{e}, new(plan.Firewall))
			noteElements("links", []element{e}, new(plan.Firewall))
			noteElements("masq4", []element{e, {key: data, ends: true}}, new(plan.Firewall))
		}
		_ = hasExprs(plan.AllChains()[0].Rules[0], data)
		_, _, _ = parseAddr(data)
		_, _, _ = parseFDBEntry(data)
		_ = getPortVLANs(5, "a", new([]plan.PortVLAN)).receive(data)
	})
}
