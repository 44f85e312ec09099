package vmid

import "net/netip"

// OfHost returns the addresses of the local interface whose host side has these
// addresses, whatever its prefixes: host6 may be invalid, for no IPv6. It reports
// false for addresses that no scheme gives a host.
func OfHost(host4, host6 netip.Addr) (a Addrs, ok bool) {
	if !host4.Is4() || host4.As4()[3]%2 != 0 {
		return Addrs{}, false
	}
	a = Addrs{Host4: host4, Guest4: host4.Next()}
	if !host6.IsValid() {
		return a, true
	}
	b, guest4 := host6.As16(), a.Guest4.As4()
	if !host6.Is6() || [4]byte(b[8:12]) != guest4 || [4]byte(b[12:]) != [4]byte{3: 1} {
		return Addrs{}, false
	}
	a.Host6, a.Guest6 = host6, host6.Next()
	return a, true
}
