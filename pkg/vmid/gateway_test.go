package vmid

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// TestOfHost: what a scheme gives is found again from the host's side alone, and
// no other address is taken for one.
func TestOfHost(t *testing.T) {
	scheme, err := New(netip.MustParsePrefix(DefaultPrefix4), netip.MustParsePrefix(DefaultPrefix6), DefaultBits)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		want, err := scheme.Addrs(rapid.Uint32Range(1, scheme.Max()).Draw(t, "vmid"), rapid.IntRange(0, scheme.MaxIdx()).Draw(t, "idx"))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := OfHost(want.Host4, want.Host6); !ok || got != want {
			t.Errorf("%v, %t, want %v", got, ok, want)
		}
		if got, ok := OfHost(want.Host4, netip.Addr{}); !ok || got.Guest4 != want.Guest4 || got.Guest6.IsValid() {
			t.Errorf("without IPv6: %v, %t", got, ok)
		}
		if got, ok := OfHost(want.Guest4, netip.Addr{}); ok {
			t.Errorf("of the guest's address: %v", got)
		}
	})
	host4 := netip.MustParseAddr("100.64.1.2")
	for _, host6 := range []string{"fd00::6440:103:0:2", "fd00::6440:105:0:1", "fd00::6440:103:1:1", "192.0.2.1"} {
		if got, ok := OfHost(host4, netip.MustParseAddr(host6)); ok {
			t.Errorf("%s: %v", host6, got)
		}
	}
	if got, ok := OfHost(netip.MustParseAddr("fd00::2"), netip.Addr{}); ok {
		t.Errorf("of an IPv6 address: %v", got)
	}
}
