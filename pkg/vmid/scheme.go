package vmid

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Defaults of the address scheme, those of vmd.
const (
	DefaultPrefix4 = "100.64.0.0/10"
	DefaultPrefix6 = "fd00::/8"
	DefaultBits    = 8
)

// MaxID is the highest VM id whose links can be named: vm9999999-if126 has
// the 15 characters that Linux gives a name.
const MaxID = 9_999_999

// Side tells the two ends of a local interface apart.
type Side uint8

// The host's side is the gateway of the guest's.
const (
	Host Side = iota
	Guest
)

// Scheme says how a local interface's addresses follow from (vmid, idx). The
// zero Scheme is of no use; New makes one.
type Scheme struct {
	prefix4 netip.Prefix
	prefix6 netip.Prefix // invalid: no IPv6
	bits    int          // address bits per VM
}

// Addrs are the addresses of one local interface. Host4 and Guest4 form a
// /31; Host6 and Guest6 stand in a /96 and are invalid without IPv6.
type Addrs struct {
	Host4, Guest4 netip.Addr
	Host6, Guest6 netip.Addr
}

// ID is one interface of one VM, seen from one side.
type ID struct {
	VMID uint32
	Idx  int
	Side Side
}

// New returns the scheme for an IPv4 prefix, an IPv6 prefix (the zero Prefix
// for none) and a number of address bits per VM from 2 to 8. It refuses a
// prefix of the wrong family or with host bits set, an IPv4 prefix too long
// for one VM and an IPv6 prefix longer than /64.
func New(prefix4, prefix6 netip.Prefix, bits int) (Scheme, error) {
	if bits < 2 || bits > 8 {
		return Scheme{}, fmt.Errorf("address bits per VM %d: choose 2 to 8", bits)
	}
	if !prefix4.IsValid() || !prefix4.Addr().Is4() {
		return Scheme{}, fmt.Errorf("local prefix %s: not an IPv4 prefix", prefix4)
	}
	if prefix4 != prefix4.Masked() {
		return Scheme{}, fmt.Errorf("local prefix %s: host bits are set, write %s", prefix4, prefix4.Masked())
	}
	// One bit must be left for vmid 1: vmid 0 is no VM.
	if longest := 32 - bits - 1; prefix4.Bits() > longest {
		return Scheme{}, fmt.Errorf("local prefix %s: no VM fits with %d address bits per VM, choose /%d or shorter", prefix4, bits, longest)
	}
	if prefix6 == (netip.Prefix{}) {
		return Scheme{prefix4: prefix4, bits: bits}, nil
	}
	if !prefix6.IsValid() || !prefix6.Addr().Is6() || prefix6.Addr().Is4In6() {
		return Scheme{}, fmt.Errorf("local prefix6 %s: not an IPv6 prefix", prefix6)
	}
	if prefix6 != prefix6.Masked() {
		return Scheme{}, fmt.Errorf("local prefix6 %s: host bits are set, write %s", prefix6, prefix6.Masked())
	}
	if prefix6.Bits() > 64 {
		return Scheme{}, fmt.Errorf("local prefix6 %s: longer than /64", prefix6)
	}
	return Scheme{prefix4: prefix4, prefix6: prefix6, bits: bits}, nil
}

// Prefix4 returns the IPv4 prefix.
func (s Scheme) Prefix4() netip.Prefix { return s.prefix4 }

// Prefix6 returns the IPv6 prefix, invalid if the scheme has no IPv6.
func (s Scheme) Prefix6() netip.Prefix { return s.prefix6 }

// Bits returns the address bits per VM, 2 to 8.
func (s Scheme) Bits() int { return s.bits }

// Max returns the highest VM id that fits the prefix; the lowest is 1.
func (s Scheme) Max() uint32 {
	return uint32(min(uint64(1)<<(32-s.bits-s.prefix4.Bits())-1, MaxID))
}

// MaxIdx returns the highest interface number of a VM; the lowest is 0.
// With 8 bits it is 126, vmd's limit.
func (s Scheme) MaxIdx() int { return 1<<(s.bits-1) - 2 }

// Addrs returns the addresses of interface idx of a VM. What lies outside the
// scheme is an error, never a wrong address.
func (s Scheme) Addrs(vmid uint32, idx int) (Addrs, error) {
	if vmid < 1 || vmid > s.Max() {
		return Addrs{}, fmt.Errorf("vmid %d: outside 1-%d, what %s holds at %d address bits per VM", vmid, s.Max(), s.prefix4, s.bits)
	}
	if idx < 0 || idx > s.MaxIdx() {
		return Addrs{}, fmt.Errorf("interface %d: outside 0-%d, what %d address bits per VM hold", idx, s.MaxIdx(), s.bits)
	}
	// vm_priv_addr: the vmid selects the VM's range, 100.64.N.0/24 at 8 bits;
	// the interface a /31 in it, of which the first is skipped, so that no
	// gateway's address ends with .0; the host has the first address.
	prefix := s.prefix4.Addr().As4()
	host := binary.BigEndian.Uint32(prefix[:]) | vmid<<s.bits | uint32(idx+1)*2
	var a Addrs
	a.Host4 = addr4(host)
	a.Guest4 = addr4(host + 1)
	if s.prefix6.IsValid() {
		// vm_priv_addr6: the guest's IPv4 address is the subnet,
		// fd00::NN:NN:0:0/96, on both sides.
		a.Host6 = addr6(s.prefix6, host+1, 1)
		a.Guest6 = addr6(s.prefix6, host+1, 2)
	}
	return a, nil
}

// Lookup tells whose address a is. It reports false for every address that
// Addrs gives to no interface.
func (s Scheme) Lookup(a netip.Addr) (ID, bool) {
	switch {
	case a.Is4():
		return s.lookup4(a)
	case a.Is6() && s.prefix6.IsValid():
		b := a.As16()
		id, ok := s.lookup4(netip.AddrFrom4([4]byte(b[8:12])))
		if !ok || id.Side != Guest || b[15] < 1 || b[15] > 2 {
			return ID{}, false
		}
		id.Side = Side(b[15] - 1)
		// The rest must be the prefix and zeros: compare with the one
		// address that this interface has.
		if want := addr6(s.prefix6, binary.BigEndian.Uint32(b[8:12]), b[15]); a != want {
			return ID{}, false
		}
		return id, true
	}
	return ID{}, false
}

func (s Scheme) lookup4(a netip.Addr) (ID, bool) {
	if !s.prefix4.Contains(a) {
		return ID{}, false
	}
	b := a.As4()
	prefix := s.prefix4.Addr().As4()
	n := binary.BigEndian.Uint32(b[:]) &^ binary.BigEndian.Uint32(prefix[:])
	pair := n & (1<<s.bits - 1) / 2
	id := ID{VMID: n >> s.bits, Idx: int(pair) - 1, Side: Side(n & 1)}
	if id.VMID < 1 || id.VMID > s.Max() || id.Idx < 0 {
		return ID{}, false
	}
	return id, true
}

func addr4(n uint32) netip.Addr {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], n)
	return netip.AddrFrom4(b)
}

func addr6(prefix netip.Prefix, guest4 uint32, last byte) netip.Addr {
	b := prefix.Addr().As16()
	binary.BigEndian.PutUint32(b[8:12], guest4)
	b[15] = last
	return netip.AddrFrom16(b)
}
