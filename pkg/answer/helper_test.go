package answer

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// sample is interface 0 of VM 1, with all that a network can say.
func sample() *Guest {
	return &Guest{
		LLAddr:  vmid.LLAddr{2, 0, 0, 0, 0, 1},
		Gateway: vmid.LLAddr{0x0a, 3, 100, 64, 1, 3},
		Addr4:   netip.MustParsePrefix("100.64.1.3/31"),
		Server4: netip.MustParseAddr("100.64.1.2"),
		Router4: netip.MustParseAddr("100.64.1.2"),
		Addr6:   netip.MustParsePrefix("fd00::6440:103:0:2/96"),
		Server6: netip.MustParseAddr("fe80::6440:103:0:1"),
		Router6: netip.MustParseAddr("fd00::6440:103:0:1"),
		Name:    "web-0",
		Network: Network{
			MTU:    1400,
			DNS:    []netip.Addr{netip.MustParseAddr("10.96.0.10"), netip.MustParseAddr("fd00:1::a")},
			Domain: "example.org",
			Search: []string{"svc.cluster.local", "cluster.local"},
			NTP:    []netip.Addr{netip.MustParseAddr("192.0.2.123"), netip.MustParseAddr("2001:db8::123")},
			Routes: []Route{
				{Dst: netip.MustParsePrefix("10.0.0.0/8")},
				{Dst: netip.MustParsePrefix("2001:db8:1::/48")},
			},
		},
	}
}

// bare is a guest of a network that says nothing.
func bare() *Guest {
	g := sample()
	g.Name, g.Network = "", Network{}
	return g
}

func without6(g *Guest) *Guest {
	g.Addr6 = netip.Prefix{}
	return g
}

func expect[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// wire is an answer as a guest's NIC and kernel take it, all checksums checked.
func wire(t *testing.T, frame []byte) packet {
	t.Helper()
	p, ok := parseFrame(frame)
	if !ok {
		t.Fatalf("the answer is no frame: %x", frame)
	}
	if p.src.Is4() {
		if got := fold(sum(frame[etherLen : etherLen+ipv4Len])); got != 0xffff {
			t.Errorf("IPv4 checksum: the sum is %#x", got)
		}
	}
	body := frame[etherLen+ipv6Len:]
	if p.src.Is4() {
		body = frame[etherLen+ipv4Len:]
	}
	pseudo := append(p.src.AsSlice(), p.dst.AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(body)))
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(p.protocol))
	if got := fold(sum(append(pseudo, body...))); got != 0xffff {
		t.Errorf("checksum of protocol %d: the sum is %#x", p.protocol, got)
	}
	if p.protocol == protocolUDP && binary.BigEndian.Uint16(body[6:]) == 0 {
		t.Error("UDP has no checksum")
	}
	return p
}

// silent demands that a frame is not answered.
func silent(t *testing.T, g *Guest, frame []byte) {
	t.Helper()
	if reply, kind := g.Answer(frame); reply != nil || kind != None {
		t.Errorf("answered with %s: %x", kind, reply)
	}
}
