package vmid_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// privAddr is vmd's vm_priv_addr, statement by statement, in host byte order.
// Like vmd's it returns 0 for an error, and it keeps vmd's faults.
func privAddr(prefix uint32, prefixlen int, vmid uint32, idx int, isvm bool) uint32 {
	mask := ^uint32(0) << (32 - prefixlen)
	addr := vmid << 8
	addr |= uint32((idx + 1) * 2)
	if isvm {
		addr++
	}
	addr |= prefix
	if prefix != addr&mask || idx >= 0x7f {
		return 0
	}
	return addr
}

// privAddr6 is vmd's vm_priv_addr6.
func privAddr6(prefix6 [16]byte, prefix uint32, prefixlen int, vmid uint32, idx int, isvm bool) [16]byte {
	addr := prefix6
	addr4 := privAddr(prefix, prefixlen, vmid, idx, true)
	if addr4 == 0 {
		return [16]byte{}
	}
	binary.BigEndian.PutUint32(addr[8:12], addr4)
	if !isvm {
		addr[15] = 1
	} else {
		addr[15] = 2
	}
	return addr
}

func fromUint32(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

const (
	vmdPrefix = 100<<24 | 64<<16 // 100.64.0.0
	vmdLen    = 10
	vmdMax    = 16383
	vmdMaxIdx = 126
)

// newScheme is vmid.New for prefixes that are right.
func newScheme(tb testing.TB, prefix4, prefix6 string, bits int) vmid.Scheme {
	tb.Helper()
	var p6 netip.Prefix
	if prefix6 != "" {
		p6 = netip.MustParsePrefix(prefix6)
	}
	s, err := vmid.New(netip.MustParsePrefix(prefix4), p6, bits)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func vmdScheme(tb testing.TB) vmid.Scheme {
	tb.Helper()
	return newScheme(tb, vmid.DefaultPrefix4, vmid.DefaultPrefix6, vmid.DefaultBits)
}

func TestFirstAddrs(t *testing.T) {
	got, err := vmdScheme(t).Addrs(1, 0)
	want := vmid.Addrs{
		Host4:  netip.MustParseAddr("100.64.1.2"),
		Guest4: netip.MustParseAddr("100.64.1.3"),
		Host6:  netip.MustParseAddr("fd00::6440:103:0:1"),
		Guest6: netip.MustParseAddr("fd00::6440:103:0:2"),
	}
	if err != nil || got != want {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// Every interface of every VM has vmd's addresses, and they lead back to it;
// no two have one address; and no other address of the prefix leads anywhere.
func TestAllOfVmdsAddresses(t *testing.T) {
	s := vmdScheme(t)
	if s.Max() != vmdMax || s.MaxIdx() != vmdMaxIdx {
		t.Fatalf("the scheme ends at VM %d, interface %d, want %d, %d", s.Max(), s.MaxIdx(), vmdMax, vmdMaxIdx)
	}
	prefix6 := [16]byte{0xfd}
	given := make([]bool, 1<<(32-vmdLen))
	give := func(id vmid.ID, a4, a6 netip.Addr) {
		isvm := id.Side == vmid.Guest
		n := privAddr(vmdPrefix, vmdLen, id.VMID, id.Idx, isvm)
		if a4 != fromUint32(n) {
			t.Fatalf("%+v: got %v, vmd has %v", id, a4, fromUint32(n))
		}
		if given[n-vmdPrefix] {
			t.Fatalf("%+v: %v is another's", id, a4)
		}
		given[n-vmdPrefix] = true
		if want := netip.AddrFrom16(privAddr6(prefix6, vmdPrefix, vmdLen, id.VMID, id.Idx, isvm)); a6 != want {
			t.Fatalf("%+v: got %v, vmd has %v", id, a6, want)
		}
		if got, ok := s.Lookup(a4); !ok || got != id {
			t.Fatalf("Lookup(%v) = %+v, %v, want %+v", a4, got, ok, id)
		}
		if got, ok := s.Lookup(a6); !ok || got != id {
			t.Fatalf("Lookup(%v) = %+v, %v, want %+v", a6, got, ok, id)
		}
	}
	for v := uint32(1); v <= vmdMax; v++ {
		for idx := range vmdMaxIdx + 1 {
			a, err := s.Addrs(v, idx)
			if err != nil {
				t.Fatal(err)
			}
			give(vmid.ID{VMID: v, Idx: idx, Side: vmid.Host}, a.Host4, a.Host6)
			give(vmid.ID{VMID: v, Idx: idx, Side: vmid.Guest}, a.Guest4, a.Guest6)
		}
	}
	for n, want := range given {
		if id, ok := s.Lookup(fromUint32(vmdPrefix + uint32(n))); ok != want {
			t.Fatalf("Lookup(%v) = %+v, %v, want %v", fromUint32(vmdPrefix+uint32(n)), id, ok, want)
		}
	}
	for _, n := range []uint32{vmdPrefix - 1, vmdPrefix + 1<<22, vmdPrefix + 1<<22 + 259} {
		if id, ok := s.Lookup(fromUint32(n)); ok {
			t.Errorf("Lookup(%v), outside the prefix, = %+v", fromUint32(n), id)
		}
	}
}

// vmd checks by mask whether a VM's id has outgrown the prefix, which the
// prefix's own bits hide; and for IPv6 it reports success and no address.
func TestVmdsFaults(t *testing.T) {
	if a := privAddr(vmdPrefix, vmdLen, vmdMax+1, 0, false); a == 0 || a != privAddr(vmdPrefix, vmdLen, 0, 0, false) {
		t.Fatalf("vmd's own arithmetic gives VM 16384 %v, so this test has no point", fromUint32(a))
	}
	s := vmdScheme(t)
	for _, v := range []uint32{0, vmdMax + 1, 3 << 14, 1 << 24, 1<<32 - 1} {
		if a, err := s.Addrs(v, 0); err == nil || a != (vmid.Addrs{}) {
			t.Errorf("Addrs(%d, 0) = %v, %v, want an error and no address, IPv6 included", v, a, err)
		}
	}
	if id, ok := s.Lookup(netip.MustParseAddr("100.64.0.2")); ok {
		t.Errorf("VM 0's address is %+v's", id)
	}
}

// A Kubernetes node's /24, whole, at each number of bits.
func TestNodePrefix(t *testing.T) {
	prefix := netip.MustParsePrefix("10.244.7.0/24")
	if _, err := vmid.New(prefix, netip.Prefix{}, 8); err == nil {
		t.Error("a /24 is taken at 8 bits, where it holds no VM")
	}
	for _, test := range []struct {
		bits       int
		vms        uint32
		interfaces int // per VM
	}{
		{7, 1, 63},
		{6, 3, 31},
		{5, 7, 15},
		{4, 15, 7},
		{3, 31, 3},
		{2, 63, 1},
	} {
		t.Run(fmt.Sprintf("%d bits", test.bits), func(t *testing.T) {
			s := newScheme(t, prefix.String(), "fd00:7::/64", test.bits)
			if s.Max() != test.vms || s.MaxIdx() != test.interfaces-1 {
				t.Errorf("%d VMs of %d interfaces, want %d of %d", s.Max(), s.MaxIdx()+1, test.vms, test.interfaces)
			}
			given := map[netip.Addr]vmid.ID{}
			for v := uint32(1); v <= test.vms; v++ {
				for idx := range test.interfaces {
					a, err := s.Addrs(v, idx)
					if err != nil {
						t.Fatal(err)
					}
					given[a.Host4] = vmid.ID{VMID: v, Idx: idx, Side: vmid.Host}
					given[a.Guest4] = vmid.ID{VMID: v, Idx: idx, Side: vmid.Guest}
				}
			}
			if want := int(test.vms) * test.interfaces * 2; len(given) != want {
				t.Errorf("%d addresses, want %d", len(given), want)
			}
			found := 0
			for a := prefix.Addr(); prefix.Contains(a); a = a.Next() {
				want, given := given[a]
				got, ok := s.Lookup(a)
				if ok != given || got != want {
					t.Errorf("Lookup(%v) = %+v, %v, want %+v, %v", a, got, ok, want, given)
				}
				if ok {
					found++
				}
			}
			if found != len(given) {
				t.Errorf("%d of %d addresses stand in the prefix", found, len(given))
			}
			for _, id := range []vmid.ID{{VMID: test.vms + 1}, {VMID: 0}, {VMID: 1, Idx: test.interfaces}, {VMID: 1, Idx: -1}} {
				if a, err := s.Addrs(id.VMID, id.Idx); err == nil {
					t.Errorf("Addrs(%d, %d) = %v, want an error", id.VMID, id.Idx, a)
				}
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	prefix := netip.MustParsePrefix
	p4, p6 := prefix(vmid.DefaultPrefix4), prefix(vmid.DefaultPrefix6)
	for _, test := range []struct {
		name   string
		p4, p6 netip.Prefix
		bits   int
		want   string // "" for what is taken
	}{
		{"vmd's", p4, p6, 8, ""},
		{"no IPv6", p4, netip.Prefix{}, 8, ""},
		{"1 bit", p4, p6, 1, "address bits per VM 1: choose 2 to 8"},
		{"9 bits", p4, p6, 9, "address bits per VM 9: choose 2 to 8"},
		{"negative bits", p4, p6, -8, "address bits per VM -8: choose 2 to 8"},
		{"no prefix", netip.Prefix{}, p6, 8, "local prefix invalid Prefix: not an IPv4 prefix"},
		{"IPv6 for IPv4", p6, p6, 8, "local prefix fd00::/8: not an IPv4 prefix"},
		{"mapped for IPv4", netip.PrefixFrom(netip.MustParseAddr("::ffff:100.64.0.0"), 106), p6, 8, "local prefix ::ffff:100.64.0.0/106: not an IPv4 prefix"},
		{"IPv4 of 33 bits", netip.PrefixFrom(p4.Addr(), 33), p6, 8, "local prefix invalid Prefix: not an IPv4 prefix"},
		{"IPv4 with host bits", prefix("100.64.0.1/10"), p6, 8, "local prefix 100.64.0.1/10: host bits are set, write 100.64.0.0/10"},
		{"IPv4 /23 at 8 bits", prefix("10.0.2.0/23"), p6, 8, ""},
		{"IPv4 /24 at 8 bits", prefix("10.0.2.0/24"), p6, 8, "local prefix 10.0.2.0/24: no VM fits with 8 address bits per VM, choose /23 or shorter"},
		{"IPv4 /29 at 2 bits", prefix("10.0.2.0/29"), p6, 2, ""},
		{"IPv4 /30 at 2 bits", prefix("10.0.2.0/30"), p6, 2, "local prefix 10.0.2.0/30: no VM fits with 2 address bits per VM, choose /29 or shorter"},
		{"IPv4 /32", prefix("10.0.2.1/32"), p6, 2, "local prefix 10.0.2.1/32: no VM fits with 2 address bits per VM, choose /29 or shorter"},
		{"IPv4 for IPv6", p4, p4, 8, "local prefix6 100.64.0.0/10: not an IPv6 prefix"},
		{"mapped for IPv6", p4, netip.PrefixFrom(netip.MustParseAddr("::ffff:0.0.0.0"), 64), 8, "local prefix6 ::ffff:0.0.0.0/64: not an IPv6 prefix"},
		{"IPv6 of 129 bits", p4, netip.PrefixFrom(p6.Addr(), 129), 8, "local prefix6 invalid Prefix: not an IPv6 prefix"},
		{"IPv6 with host bits", p4, prefix("fd00::1/8"), 8, "local prefix6 fd00::1/8: host bits are set, write fd00::/8"},
		{"IPv6 /64", p4, prefix("fd00:1:2:3::/64"), 8, ""},
		{"IPv6 /65", p4, prefix("fd00:1:2:3::/65"), 8, "local prefix6 fd00:1:2:3::/65: longer than /64"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := vmid.New(test.p4, test.p6, test.bits)
			switch {
			case test.want != "":
				if err == nil || err.Error() != test.want {
					t.Errorf("got error %v, want %s", err, test.want)
				}
				if s != (vmid.Scheme{}) {
					t.Errorf("got a scheme besides the error: %v", s)
				}
			case err != nil:
				t.Error(err)
			case s.Prefix4() != test.p4 || s.Prefix6() != test.p6 || s.Bits() != test.bits:
				t.Errorf("got %v, %v, %d", s.Prefix4(), s.Prefix6(), s.Bits())
			}
		})
	}
}

func TestAddrsRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		prefix string
		bits   int
		vmid   uint32
		idx    int
		want   string // "" for what is given
	}{
		{"the first VM", vmid.DefaultPrefix4, 8, 1, 0, ""},
		{"the last VM", vmid.DefaultPrefix4, 8, 16383, 126, ""},
		{"VM 0", vmid.DefaultPrefix4, 8, 0, 0, "vmid 0: outside 1-16383, what 100.64.0.0/10 holds at 8 address bits per VM"},
		{"a VM too many", vmid.DefaultPrefix4, 8, 16384, 0, "vmid 16384: outside 1-16383, what 100.64.0.0/10 holds at 8 address bits per VM"},
		{"an interface too many", vmid.DefaultPrefix4, 8, 1, 127, "interface 127: outside 0-126, what 8 address bits per VM hold"},
		{"a negative interface", vmid.DefaultPrefix4, 8, 1, -1, "interface -1: outside 0-126, what 8 address bits per VM hold"},
		{"an interface that would be another VM's", vmid.DefaultPrefix4, 8, 1, 256, "interface 256: outside 0-126, what 8 address bits per VM hold"},
		{"the second interface at 2 bits", "10.0.0.0/24", 2, 1, 1, "interface 1: outside 0-0, what 2 address bits per VM hold"},
		{"the only VM of a /23", "10.0.0.0/23", 8, 1, 126, ""},
		{"the second VM of a /23", "10.0.0.0/23", 8, 2, 0, "vmid 2: outside 1-1, what 10.0.0.0/23 holds at 8 address bits per VM"},
		{"the last VM with a name", "0.0.0.0/0", 8, 9999999, 0, ""},
		{"a VM without a name", "0.0.0.0/0", 8, 10000000, 0, "vmid 10000000: outside 1-9999999, what 0.0.0.0/0 holds at 8 address bits per VM"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, err := newScheme(t, test.prefix, vmid.DefaultPrefix6, test.bits).Addrs(test.vmid, test.idx)
			switch {
			case test.want == "":
				if err != nil {
					t.Error(err)
				}
			case err == nil || err.Error() != test.want:
				t.Errorf("got error %v, want %s", err, test.want)
			case a != (vmid.Addrs{}):
				t.Errorf("got %v besides the error", a)
			}
		})
	}
}

// Addresses that look like one that was given out.
func TestLookupRefuses(t *testing.T) {
	s := vmdScheme(t)
	with4 := newScheme(t, vmid.DefaultPrefix4, "", 8)
	for _, a := range []string{"100.64.1.2", "100.64.1.3", "fd00::6440:103:0:1", "fd00::6440:103:0:2"} {
		addr := netip.MustParseAddr(a)
		if _, ok := s.Lookup(addr); !ok {
			t.Errorf("%s is not found", a)
		}
		if _, ok := with4.Lookup(addr); ok != addr.Is4() {
			t.Errorf("%s in a scheme without IPv6: found is %v", a, ok)
		}
	}
	for _, test := range []struct{ name, addr string }{
		{"mapped", "::ffff:100.64.1.3"},
		{"zone", "fd00::6440:103:0:2%eth0"},
		{"anycast of the /96", "fd00::6440:103:0:0"},
		{"third of the /96", "fd00::6440:103:0:3"},
		{"the host's address as subnet", "fd00::6440:102:0:1"},
		{"outside the IPv6 prefix", "fe00::6440:103:0:1"},
		{"another subnet of the IPv6 prefix", "fd00:0:0:1:6440:103:0:1"},
		{"bits between", "fd00::6440:103:0:101"},
		{"VM 0", "100.64.0.3"},
		{"VM 0, IPv6", "fd00::6440:3:0:1"},
		{"before the first interface", "100.64.1.1"},
		{"before the first interface, IPv6", "fd00::6440:101:0:1"},
		{"outside the prefix", "100.128.1.3"},
		{"outside the prefix, IPv6", "fd00::6480:103:0:1"},
	} {
		if id, ok := s.Lookup(netip.MustParseAddr(test.addr)); ok {
			t.Errorf("%s: %s is %+v's", test.name, test.addr, id)
		}
	}
	if id, ok := s.Lookup(netip.Addr{}); ok {
		t.Errorf("no address is %+v's", id)
	}
}

func TestNoAllocations(t *testing.T) {
	s := vmdScheme(t)
	a, err := s.Addrs(5, 1)
	if err != nil {
		t.Fatal(err)
	}
	outside := netip.MustParseAddr("fd00::1")
	if n := testing.AllocsPerRun(100, func() {
		if _, err := s.Addrs(5, 1); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Addrs allocates %v times", n)
	}
	for _, addr := range []netip.Addr{a.Guest4, a.Guest6, outside} {
		if n := testing.AllocsPerRun(100, func() { s.Lookup(addr) }); n != 0 {
			t.Errorf("Lookup(%v) allocates %v times", addr, n)
		}
	}
}

// drawScheme makes any scheme that New takes.
func drawScheme(t *rapid.T) vmid.Scheme {
	bits := rapid.IntRange(2, 8).Draw(t, "bits")
	b4 := rapid.Uint32().Draw(t, "address")
	p4 := netip.PrefixFrom(fromUint32(b4), rapid.IntRange(0, 32-bits-1).Draw(t, "length")).Masked()
	var p6 netip.Prefix
	if rapid.Bool().Draw(t, "IPv6") {
		p6 = netip.PrefixFrom(drawAddr6(t), rapid.IntRange(0, 64).Draw(t, "length6")).Masked()
	}
	s, err := vmid.New(p4, p6, bits)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func drawAddr6(t *rapid.T) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], rapid.Uint64().Draw(t, "high"))
	binary.BigEndian.PutUint64(b[8:], rapid.Uint64().Draw(t, "low"))
	return netip.AddrFrom16(b)
}

func drawID(t *rapid.T, s vmid.Scheme) vmid.ID {
	return vmid.ID{
		VMID: rapid.Uint32Range(1, s.Max()).Draw(t, "vmid"),
		Idx:  rapid.IntRange(0, s.MaxIdx()).Draw(t, "idx"),
	}
}

// What any scheme gives out has the right form and leads back.
func TestAddrsLeadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScheme(t)
		id := drawID(t, s)
		a, err := s.Addrs(id.VMID, id.Idx)
		if err != nil {
			t.Fatal(err)
		}
		if slash31, _ := a.Host4.Prefix(31); a.Host4 != slash31.Addr() || a.Guest4 != a.Host4.Next() {
			t.Fatalf("%v and %v are no /31", a.Host4, a.Guest4)
		}
		if !s.Prefix4().Contains(a.Host4) || !s.Prefix4().Contains(a.Guest4) {
			t.Fatalf("%v and %v do not stand in %v", a.Host4, a.Guest4, s.Prefix4())
		}
		sides := map[netip.Addr]vmid.Side{a.Host4: vmid.Host, a.Guest4: vmid.Guest}
		if s.Prefix6().IsValid() {
			if slash96, _ := a.Host6.Prefix(96); !slash96.Contains(a.Guest6) || a.Guest6 != a.Host6.Next() {
				t.Fatalf("%v and %v do not stand in one /96", a.Host6, a.Guest6)
			}
			if !s.Prefix6().Contains(a.Host6) {
				t.Fatalf("%v does not stand in %v", a.Host6, s.Prefix6())
			}
			sides[a.Host6], sides[a.Guest6] = vmid.Host, vmid.Guest
		} else if a.Host6.IsValid() || a.Guest6.IsValid() {
			t.Fatalf("%v and %v without a prefix", a.Host6, a.Guest6)
		}
		for addr, side := range sides {
			want := vmid.ID{VMID: id.VMID, Idx: id.Idx, Side: side}
			if got, ok := s.Lookup(addr); !ok || got != want {
				t.Fatalf("Lookup(%v) = %+v, %v, want %+v", addr, got, ok, want)
			}
		}
	})
}

// Whatever an address is found to be, the scheme gives it to exactly that: so,
// with TestAddrsLeadBack, Lookup is false for all that is not given out. Most
// of the addresses are near to one that is.
func TestLookupLeadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScheme(t)
		near, err := s.Addrs(rapid.Uint32Range(1, s.Max()).Draw(t, "vmid"), rapid.IntRange(0, s.MaxIdx()).Draw(t, "idx"))
		if err != nil {
			t.Fatal(err)
		}
		flip := func(b []byte) {
			for range rapid.IntRange(0, 2).Draw(t, "flips") {
				bit := rapid.IntRange(0, len(b)*8-1).Draw(t, "bit")
				b[bit/8] ^= 1 << (bit % 8)
			}
		}
		var addr netip.Addr
		switch {
		case rapid.IntRange(0, 9).Draw(t, "any address") == 0:
			addr = fromUint32(rapid.Uint32().Draw(t, "IPv4"))
			if rapid.Bool().Draw(t, "IPv6") {
				addr = drawAddr6(t)
			}
		case s.Prefix6().IsValid() && rapid.Bool().Draw(t, "IPv6"):
			b := near.Guest6.As16()
			flip(b[:])
			addr = netip.AddrFrom16(b)
		default:
			b := near.Guest4.As4()
			flip(b[:])
			addr = netip.AddrFrom4(b)
		}
		id, ok := s.Lookup(addr)
		if !ok {
			if id != (vmid.ID{}) {
				t.Fatalf("Lookup(%v) = %+v, false", addr, id)
			}
			return
		}
		a, err := s.Addrs(id.VMID, id.Idx)
		if err != nil {
			t.Fatalf("Lookup(%v) = %+v, which has no address: %v", addr, id, err)
		}
		want := a.Host4
		switch {
		case addr.Is4() && id.Side == vmid.Guest:
			want = a.Guest4
		case addr.Is6() && id.Side == vmid.Host:
			want = a.Host6
		case addr.Is6():
			want = a.Guest6
		}
		if addr != want {
			t.Fatalf("Lookup(%v) = %+v, which has %v", addr, id, want)
		}
	})
}

// Out of range is an error in any scheme.
func TestAddrsOutOfRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawScheme(t)
		id := drawID(t, s)
		if rapid.Bool().Draw(t, "wrong vmid") {
			id.VMID = rapid.OneOf(rapid.Just(uint32(0)), rapid.Uint32Min(s.Max()+1)).Draw(t, "vmid")
		} else {
			id.Idx = rapid.OneOf(rapid.IntMax(-1), rapid.IntMin(s.MaxIdx()+1)).Draw(t, "idx")
		}
		if a, err := s.Addrs(id.VMID, id.Idx); err == nil || a != (vmid.Addrs{}) {
			t.Fatalf("Addrs(%d, %d) = %v, %v", id.VMID, id.Idx, a, err)
		}
	})
}

func BenchmarkAddrs(b *testing.B) {
	s := vmdScheme(b)
	for b.Loop() {
		if _, err := s.Addrs(5, 1); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	s, a := vmdScheme(b), netip.MustParseAddr("fd00::6440:503:0:2")
	for b.Loop() {
		if _, ok := s.Lookup(a); !ok {
			b.Fatal("not found")
		}
	}
}
