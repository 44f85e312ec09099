package vmid_test

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/vmid"
)

func TestParseLLAddr(t *testing.T) {
	const form = ": want six pairs of hex digits, 02:00:00:00:00:01"
	for _, test := range []struct {
		name, in string
		want     vmid.LLAddr
		err      string
	}{
		{"colons", "02:00:5e:10:00:01", vmid.LLAddr{2, 0, 0x5e, 0x10, 0, 1}, ""},
		{"hyphens", "02-00-5e-10-00-01", vmid.LLAddr{2, 0, 0x5e, 0x10, 0, 1}, ""},
		{"upper case", "AA:BB:CC:DD:EE:FF", vmid.LLAddr{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}, ""},
		{"mixed case", "aA:bB:cC:dD:eE:fF", vmid.LLAddr{0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff}, ""},
		{"a manufacturer's", "00:00:00:00:00:01", vmid.LLAddr{0, 0, 0, 0, 0, 1}, ""},
		{"empty", "", vmid.LLAddr{}, `lladdr ""` + form},
		{"five pairs", "02:00:00:00:00", vmid.LLAddr{}, `lladdr "02:00:00:00:00"` + form},
		{"seven pairs", "02:00:00:00:00:00:01", vmid.LLAddr{}, `lladdr "02:00:00:00:00:00:01"` + form},
		{"single digits", "2:0:0:0:0:1", vmid.LLAddr{}, `lladdr "2:0:0:0:0:1"` + form},
		{"no separators", "020000000001", vmid.LLAddr{}, `lladdr "020000000001"` + form},
		{"Cisco's form", "0200.0000.0001", vmid.LLAddr{}, `lladdr "0200.0000.0001"` + form},
		{"two separators", "02:00-00:00-00:01", vmid.LLAddr{}, `lladdr "02:00-00:00-00:01"` + form},
		{"another separator", "02.00.00.00.00.01", vmid.LLAddr{}, `lladdr "02.00.00.00.00.01"` + form},
		{"space", " 2:00:00:00:00:01", vmid.LLAddr{}, `lladdr " 2:00:00:00:00:01"` + form},
		{"newline behind", "02:00:00:00:00:01\n", vmid.LLAddr{}, `lladdr "02:00:00:00:00:01\n"` + form},
		{"no hex digit", "02:00:00:00:00:0g", vmid.LLAddr{}, `lladdr "02:00:00:00:00:0g"` + form},
		{"no hex digit in front", "02:00:g0:00:00:00", vmid.LLAddr{}, `lladdr "02:00:g0:00:00:00"` + form},
		{"wide digits", "02:00:00:00:00:１", vmid.LLAddr{}, `lladdr "02:00:00:00:00:１"` + form},
		{"too long to be shown whole", strings.Repeat("x", 100), vmid.LLAddr{}, `lladdr "` + strings.Repeat("x", 64) + `"` + form},
		{"zero", "00:00:00:00:00:00", vmid.LLAddr{}, `lladdr "00:00:00:00:00:00": zero is no address`},
		{"broadcast", "ff:ff:ff:ff:ff:ff", vmid.LLAddr{}, `lladdr "ff:ff:ff:ff:ff:ff": a multicast address, the first byte must be even`},
		{"multicast", "01:00:5e:00:00:01", vmid.LLAddr{}, `lladdr "01:00:5e:00:00:01": a multicast address, the first byte must be even`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := vmid.ParseLLAddr(test.in)
			if test.err == "" && err != nil || test.err != "" && (err == nil || err.Error() != test.err) {
				t.Errorf("got error %v, want %q", err, test.err)
			}
			if got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// net.ParseMAC takes the same six pairs, and some forms and addresses more.
func FuzzParseLLAddr(f *testing.F) {
	for _, s := range []string{
		"02:00:00:00:00:01", "AA-bb-CC-dd-EE-ff", "00:00:00:00:00:00", "01:00:00:00:00:00",
		"0200.0000.0001", "02:00-00:00:00:01", "02:00:00:00:00:0", "02:00:00:00:00:0g",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		mac, macErr := net.ParseMAC(s)
		ok := macErr == nil && len(s) == len("02:00:00:00:00:01") && mac[0]&1 == 0 && string(mac) != "\x00\x00\x00\x00\x00\x00"
		a, err := vmid.ParseLLAddr(s)
		switch {
		case (err == nil) != ok:
			t.Errorf("%q: error %v, net.ParseMAC %v, %v", s, err, mac, macErr)
		case err != nil:
			if a != (vmid.LLAddr{}) {
				t.Errorf("%q: %v besides the error", s, a)
			}
			if len(err.Error()) > 1000 || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q: the error is no short line: %v", s, err)
			}
		case a != vmid.LLAddr(mac):
			t.Errorf("%q: %v, net.ParseMAC %v", s, a, mac)
		case a.String() != mac.String() || a.Hex() != strings.ReplaceAll(mac.String(), ":", ""):
			t.Errorf("%q: written %q and %q", s, a.String(), a.Hex())
		}
		if again, err := vmid.ParseLLAddr(a.String()); !a.IsZero() && (err != nil || again != a) {
			t.Errorf("%v read again is %v, %v", a, again, err)
		}
	})
}

func TestLLAddrIsZero(t *testing.T) {
	if !(vmid.LLAddr{}).IsZero() {
		t.Error("the zero LLAddr stands for an address")
	}
	if (vmid.LLAddr{5: 1}).IsZero() {
		t.Error("00:00:00:00:00:01 stands for none")
	}
}

func TestLinkLocal(t *testing.T) {
	for _, test := range []struct{ lladdr, want string }{
		{"02:00:00:00:00:01", "fe80::ff:fe00:1"},
		{"34:56:78:9a:bc:de", "fe80::3656:78ff:fe9a:bcde"}, // RFC 2464, section 4
	} {
		a, err := vmid.ParseLLAddr(test.lladdr)
		if err != nil {
			t.Fatal(err)
		}
		if got := a.LinkLocal(); got != netip.MustParseAddr(test.want) {
			t.Errorf("%s: got %v, want %s", test.lladdr, got, test.want)
		}
	}
}

func TestGatewayLinkLocal(t *testing.T) {
	for _, test := range []struct{ host6, want string }{
		{"fd00::6440:103:0:1", "fe80::6440:103:0:1"},
		{"fd12:3456:789a:bcde:6440:ff03:0:1", "fe80::6440:ff03:0:1"},
	} {
		if got := vmid.GatewayLinkLocal(netip.MustParseAddr(test.host6)); got != netip.MustParseAddr(test.want) {
			t.Errorf("%s: got %v, want %s", test.host6, got, test.want)
		}
	}
}
