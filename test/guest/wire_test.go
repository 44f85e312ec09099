package guest

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var (
	mac1 = ParseMAC("02:00:00:00:00:01")
	mac2 = ParseMAC("02:00:00:00:00:02")
	a4   = netip.MustParseAddr("100.64.1.3")
	b4   = netip.MustParseAddr("100.64.1.2")
	a6   = netip.MustParseAddr("fd00::6440:103:0:2")
	b6   = netip.MustParseAddr("fd00::6440:103:0:1")
)

func TestChecksum(t *testing.T) {
	// The example of RFC 1071, section 3: the sum is ddf2.
	if got, want := checksum(unhex(t, "0001 f203 f4f5 f6f7")), ^uint16(0xddf2); got != want {
		t.Errorf("checksum %#04x, want %#04x", got, want)
	}
	if got, want := checksum(unhex(t, "0001 f203"), unhex(t, "f4f5 f6f7")), ^uint16(0xddf2); got != want {
		t.Errorf("checksum of parts %#04x, want %#04x", got, want)
	}
	if got, want := checksum([]byte{0x12}), ^uint16(0x1200); got != want {
		t.Errorf("checksum of an odd length %#04x, want %#04x", got, want)
	}
	if got, want := checksum(bytes.Repeat([]byte{0xff}, 1<<17)), uint16(0); got != want {
		t.Errorf("checksum with many carries %#04x, want %#04x", got, want)
	}
}

// Packets that others made: their checksums are theirs.
func TestForeignPackets(t *testing.T) {
	// The IPv4 header of Wikipedia's "Internet checksum", with its UDP payload left out.
	header := unhex(t, "4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7")
	ip, err := ParseIP(append(header, make([]byte, 0x73-20)...))
	if err != nil || ip.Src != netip.MustParseAddr("192.168.0.1") || ip.Dst != netip.MustParseAddr("192.168.0.199") ||
		ip.TTL != 64 || ip.Protocol != ProtocolUDP || len(ip.Payload) != 0x73-20 {
		t.Errorf("parsed %+v, %v", ip, err)
	}
	if again := ip.Marshal(); !bytes.Equal(again[:20], header) {
		t.Errorf("marshalled %x, want %x", again[:20], header)
	}
}

func TestDerivedAddresses(t *testing.T) {
	if got, want := EUI64(ParseMAC("02:00:5e:10:20:30")), netip.MustParseAddr("fe80::5eff:fe10:2030"); got != want {
		t.Errorf("EUI64 %v, want %v", got, want)
	}
	// RFC 4291, 2.7.1.
	if got, want := SolicitedNode(netip.MustParseAddr("4037::01:800:200e:8c6c")), netip.MustParseAddr("ff02::1:ff0e:8c6c"); got != want {
		t.Errorf("SolicitedNode %v, want %v", got, want)
	}
	if got, want := MulticastMAC(netip.MustParseAddr("ff02::1:ff0e:8c6c")), ParseMAC("33:33:ff:0e:8c:6c"); got != want {
		t.Errorf("MulticastMAC %v, want %v", got, want)
	}
}

func frame(p IP) []byte {
	return Ethernet{Dst: mac2, Src: mac1, Type: p.EtherType(), Payload: p.Marshal()}.Marshal()
}

func TestRoundTrips(t *testing.T) {
	arp := ARP{Op: ARPReply, SenderMAC: mac1, Sender: a4, TargetMAC: mac2, Target: b4}
	got := Decode(Ethernet{Dst: Broadcast, Src: mac1, Type: TypeARP, Payload: arp.Marshal()}.Marshal())
	if got.ARP == nil || *got.ARP != arp || got.Dst != Broadcast || got.Src != mac1 {
		t.Errorf("ARP: %+v", got)
	}
	for _, c := range []struct{ src, dst netip.Addr }{{a4, b4}, {a6, b6}} {
		for _, data := range []string{"", "odd", "even"} {
			for _, reply := range []bool{false, true} {
				echo := Echo{Reply: reply, ID: 7, Seq: 9, Data: []byte(data)}
				got := Decode(frame(echo.Packet(c.src, c.dst)))
				if got.Echo == nil || !reflect.DeepEqual(*got.Echo, echo) || got.IP.Src != c.src || got.IP.Dst != c.dst {
					t.Errorf("echo %+v: %v", echo, got)
				}
			}
			udp := UDP{SrcPort: 68, DstPort: 67, Payload: []byte(data)}
			got := Decode(frame(udp.Packet(c.src, c.dst)))
			if got.UDP == nil || !reflect.DeepEqual(*got.UDP, udp) {
				t.Errorf("UDP %+v: %v", udp, got)
			}
		}
	}
	for _, source := range []MAC{{}, mac1} {
		s := Solicitation{Target: b6, Source: source}
		got := Decode(frame(s.Packet(a6)))
		if got.Solicitation == nil || *got.Solicitation != s || got.IP.Dst != SolicitedNode(b6) {
			t.Errorf("solicitation %+v: %v", s, got)
		}
	}
	for _, a := range []Advertisement{{Target: b6}, {b6, mac2, true, false, false}, {b6, mac2, false, true, false}, {b6, mac2, false, false, true}} {
		got := Decode(frame(a.Packet(b6, a6)))
		if got.Advertisement == nil || *got.Advertisement != a {
			t.Errorf("advertisement %+v: %v", a, got)
		}
	}
}

func TestPaddingIsIgnored(t *testing.T) {
	padded := append(frame(Echo{ID: 1}.Packet(a4, b4)), make([]byte, 30)...)
	if got := Decode(padded); got.Echo == nil || len(got.Echo.Data) != 0 {
		t.Errorf("padded echo: %v", got)
	}
}

func TestTag(t *testing.T) {
	inner := Ethernet{Dst: mac2, Src: mac1, Type: TypeIPv4, Payload: []byte("x")}
	got := inner.Tag(100).Marshal()
	if want := unhex(t, "020000000002 020000000001 8100 0064 0800 78"); !bytes.Equal(got, want) {
		t.Errorf("tagged %x, want %x", got, want)
	}
}

// Whatever single bit of a packet is wrong, it is not taken for what it was, unless no checksum covers the bit.
func TestBrokenPacketsAreNotTakenForGood(t *testing.T) {
	for name, p := range map[string]IP{
		"echo 4": Echo{ID: 1, Seq: 2, Data: []byte("abc")}.Packet(a4, b4),
		"echo 6": Echo{ID: 1, Seq: 2, Data: []byte("abc")}.Packet(a6, b6),
	} {
		good := frame(p)
		first := ethernetHeader
		if p.Src.Is6() {
			first += 8 // version, traffic class, flow label, length, next header and hop limit
		}
		for bit := first * 8; bit < len(good)*8; bit++ {
			bad := append([]byte(nil), good...)
			bad[bit/8] ^= 1 << (bit % 8)
			if got := Decode(bad); got.Echo != nil {
				t.Errorf("%s with byte %d, bit %d wrong: %v", name, bit/8, bit%8, got)
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(frame(Echo{ID: 1}.Packet(a4, b4)))
	f.Add(frame(Solicitation{b6, mac1}.Packet(a6)))
	f.Add(frame(Advertisement{Target: b6, MAC: mac1}.Packet(a6, b6)))
	f.Add(frame(UDP{SrcPort: 1}.Packet(a6, b6)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) { _ = Decode(b).String() })
}
