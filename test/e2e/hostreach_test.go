package e2e

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/guest"
)

// What comes of a packet that a guest sends to the host.
const (
	reaches = "yes"     // an echo reply, a connection, or the socket has it
	refused = "refused" // a reset, or port unreachable: it arrived, and no socket takes it
	nothing = "no"      // at most a router says that there is no way
)

// reach is what a guest reaches of one of the host's addresses: the address
// itself, and sockets there that are bound to no address.
type reach struct {
	ping      string
	inRDomain sockets
}

// hostReach is what TestHostReach measures. The tables of docs/rdomains.md are
// made of it.
var hostReach = []struct {
	guest    string // its rdomain
	settings string
	to       string
	want     reach
}{
	{"0", keepLocalRule, toHost4, reach{reaches, sockets{{reaches, reaches, reaches}, {refused, refused, nothing}}}},
	{"0", keepLocalRule, toHost6, reach{reaches, sockets{{reaches, reaches, reaches}, {refused, refused, nothing}}}},
	{"0", moveLocalRule, toHost4, reach{reaches, sockets{{reaches, reaches, reaches}, {refused, refused, nothing}}}},
	{"0", moveLocalRule, toHost6, reach{reaches, sockets{{reaches, reaches, reaches}, {refused, refused, nothing}}}},
	{"10", keepLocalRule, toHost4, reach{reaches, sockets{{refused, refused, nothing}, {reaches, reaches, reaches}}}},
	{"10", keepLocalRule, toHost6, reach{nothing, sockets{{refused, refused, nothing}, {reaches, reaches, reaches}}}},
	{"10", moveLocalRule, toHost4, reach{nothing, sockets{{nothing, nothing, nothing}, {nothing, nothing, nothing}}}},
	{"10", moveLocalRule, toHost6, reach{nothing, sockets{{nothing, nothing, nothing}, {nothing, nothing, nothing}}}},
	{"10", keepLocalRule, toGateway4, reach{reaches, sockets{{refused, refused, nothing}, {reaches, reaches, reaches}}}},
	{"10", keepLocalRule, toGateway6, reach{reaches, sockets{{refused, refused, nothing}, {reaches, reaches, reaches}}}},
	{"10", moveLocalRule, toGateway4, reach{reaches, sockets{{refused, refused, nothing}, {reaches, reaches, reaches}}}},
	{"10", moveLocalRule, toGateway6, reach{reaches, sockets{{refused, refused, nothing}, {reaches, reaches, reaches}}}},
	{"10", keepAndAccept, toHost4, reach{reaches, sockets{{reaches, reaches, reaches}, {reaches, reaches, reaches}}}},
	{"10", keepAndAccept, toHost6, reach{nothing, sockets{{reaches, reaches, reaches}, {reaches, reaches, reaches}}}},
	{"10", keepAndAccept, toGateway4, reach{reaches, sockets{{reaches, reaches, reaches}, {reaches, reaches, reaches}}}},
	{"10", keepAndAccept, toGateway6, reach{reaches, sockets{{reaches, reaches, reaches}, {reaches, reaches, reaches}}}},
	{"10", moveAndAccept, toHost4, reach{nothing, sockets{{nothing, nothing, nothing}, {nothing, nothing, nothing}}}},
	{"10", moveAndAccept, toHost6, reach{nothing, sockets{{nothing, nothing, nothing}, {nothing, nothing, nothing}}}},
	{"10", moveAndAccept, toGateway4, reach{reaches, sockets{{reaches, reaches, reaches}, {reaches, reaches, reaches}}}},
	{"10", moveAndAccept, toGateway6, reach{reaches, sockets{{reaches, reaches, reaches}, {reaches, reaches, reaches}}}},
}

// sockets are those in rdomain 0, and those in rdomain 10.
type sockets [2]struct{ tcp, udp, raw string }

// Settings of the host, and its addresses.
const (
	keepLocalRule = "false"
	moveLocalRule = "true"
	keepAndAccept = "false, accepts 1" // set by hand
	moveAndAccept = "true, accepts 1"

	toHost4    = "an IPv4 address in rdomain 0"
	toHost6    = "an IPv6 address in rdomain 0"
	toGateway4 = "its gateway's IPv4 address"
	toGateway6 = "its gateway's IPv6 address"
)

// TestHostReachShown: docs/rdomains.md says what TestHostReach measures.
func TestHostReachShown(t *testing.T) {
	page, err := os.ReadFile("../../docs/rdomains.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range hostReach {
		row := []string{c.guest, c.to, c.settings, c.want.ping}
		for _, s := range c.want.inRDomain {
			row = append(row, s.tcp, s.udp, s.raw)
		}
		if line := "| " + strings.Join(row, " | ") + " |\n"; !strings.Contains(string(page), line) {
			t.Errorf("docs/rdomains.md lacks the row\n%s", line)
		}
	}
}

// TestHostReach measures what guests reach of the host: its addresses, and its
// sockets in rdomain 0 and in rdomain 10.
func TestHostReach(t *testing.T) {
	for _, moved := range []string{"false", "true"} {
		n := newVRFNode(t)
		n.Run(t, "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0")
		n.Run(t, "ip", "address", "add", hostAddr4+"/32", "dev", "lo")
		n.Run(t, "ip", "address", "add", hostAddr6+"/128", "dev", "lo", "nodad")
		callers := map[string]*caller{}
		for _, rdomain := range []string{"0", "10"} {
			p := n.newPod(t, "in"+rdomain)
			a := p.add(t, "eth0", extended(conf(`"rdomain": `+rdomain+`, "rdomains": {"moveLocalRule": `+moved+`}`), speaksRaw))
			callers[rdomain] = &caller{Guest: a.boot(p), config: a.guestConfig()}
		}
		servers := [2]*server{n.listen(t, "", 7000), n.listen(t, "rdomain10", 7010)}
		run := func(settings string) {
			for _, c := range hostReach {
				if c.settings != settings {
					continue
				}
				t.Run(strings.Join([]string{"moved " + settings, c.guest, c.to}, ", "), func(t *testing.T) {
					callers[c.guest].wantReach(t, c.to, &servers, c.want)
				})
			}
		}
		run(moved)
		n.Run(t, "sysctl", "-qw", "net.ipv4.raw_l3mdev_accept=1", "net.ipv4.tcp_l3mdev_accept=1", "net.ipv4.udp_l3mdev_accept=1")
		run(moved + ", accepts 1")
	}
}

// rawProtocol is "any private encryption scheme" of IANA's list. Over IPv6 a
// guard lets it through for those that it is told of.
const (
	rawProtocol = 99
	speaksRaw   = `"guard": {"protocols": ["99"]}`
)

// server is a set of the host's sockets, one of each kind and family, and what
// UDP and raw ones heard.
type server struct {
	port  uint16
	heard sync.Map
}

// listen opens sockets in rdomain 0, or in that of a VRF.
func (n *node) listen(t *testing.T, vrf string, port uint16) *server {
	t.Helper()
	s := &server{port: port}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) (err error) {
		if vrf == "" {
			return nil
		}
		if e := c.Control(func(fd uintptr) { err = unix.BindToDevice(int(fd), vrf) }); e != nil {
			return e
		}
		return err
	}}
	n.Do(func() {
		for family, unspecified := range map[string]string{"4": "0.0.0.0", "6": "::"} {
			all := net.JoinHostPort(unspecified, fmt.Sprint(port))
			tcp, err := lc.Listen(t.Context(), "tcp"+family, all)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = tcp.Close() })
			for network, addr := range map[string]string{"udp" + family: all, fmt.Sprintf("ip%s:%d", family, rawProtocol): unspecified} {
				c, err := lc.ListenPacket(t.Context(), network, addr)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close() })
				go s.hear(c)
			}
		}
	})
	return s
}

// hear reads until the socket is closed.
func (s *server) hear(c net.PacketConn) {
	b := make([]byte, 1500)
	for {
		n, _, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		s.heard.Store(string(b[:n]), true)
	}
}

// caller is a guest that opens things on the host.
type caller struct {
	*guest.Guest
	config guest.Config
	asked  uint16
}

// callerPort is the first source port; each packet has another one.
const callerPort = 20000

// wantReach sends one packet of each kind to one of the host's addresses.
func (c *caller) wantReach(t *testing.T, to string, servers *[2]*server, want reach) {
	t.Helper()
	src, gateway := c.config.Addr4.Addr(), c.config.Gateway4
	if to == toHost6 || to == toGateway6 {
		src, gateway = c.config.Addr6.Addr(), c.config.Gateway6
	}
	dst := gateway
	switch to {
	case toHost4:
		dst = netip.MustParseAddr(hostAddr4)
	case toHost6:
		dst = netip.MustParseAddr(hostAddr6)
	}
	mac, err := c.Resolve(gateway, answered)
	if err != nil {
		t.Fatal(err)
	}
	// Of each packet: how to know what became of it.
	var packets []guest.IP
	var outcomes []func() string
	mark := c.Mark()
	add := func(p guest.IP, outcome func() string) {
		packets = append(packets, p)
		outcomes = append(outcomes, outcome)
	}
	echo := c.next()
	add(guest.Echo{ID: echo}.Packet(src, dst), func() string {
		return c.outcome(mark, func(p guest.Packet) string {
			if p.Echo != nil && p.Echo.Reply && p.Echo.ID == echo && p.IP.Src == dst {
				return reaches
			}
			return nothing
		})
	})
	for _, s := range servers {
		port := c.next()
		add(guest.IP{Src: src, Dst: dst, TTL: 64, Protocol: unix.IPPROTO_TCP, Payload: syn(src, dst, port, s.port)}, func() string {
			return c.outcome(mark, func(p guest.Packet) string { return tcpOutcome(p, dst, port) })
		})
		port2 := c.next()
		text := fmt.Sprint(src, port2)
		add(guest.UDP{SrcPort: port2, DstPort: s.port, Payload: []byte(text)}.Packet(src, dst), func() string {
			if _, ok := s.heard.Load(text); ok {
				return reaches
			}
			return c.outcome(mark, func(p guest.Packet) string { return udpOutcome(p, port2) })
		})
		text2 := fmt.Sprint(src, c.next())
		add(guest.IP{Src: src, Dst: dst, TTL: 64, Protocol: rawProtocol, Payload: []byte(text2)}, func() string {
			if _, ok := s.heard.Load(text2); ok {
				return reaches
			}
			return nothing
		})
	}
	for _, p := range packets {
		if err := c.SendIP(mac, p); err != nil {
			t.Fatal(err)
		}
	}
	var have reach
	into := []*string{&have.ping}
	for i := range have.inRDomain {
		into = append(into, &have.inRDomain[i].tcp, &have.inRDomain[i].udp, &have.inRDomain[i].raw)
	}
	for end := time.Now().Add(answered); ; {
		time.Sleep(silence)
		for i := range into {
			*into[i] = outcomes[i]()
		}
		if have == want || time.Now().After(end) {
			break
		}
	}
	if have != want {
		t.Errorf("to %s: have %+v, want %+v", dst, have, want)
	}
}

// next returns a number that no packet had.
func (c *caller) next() uint16 {
	c.asked++
	return callerPort + c.asked
}

// outcome returns what the first packet says that says anything.
func (c *caller) outcome(mark guest.Mark, of func(guest.Packet) string) string {
	for _, p := range c.Received(mark) {
		if p.IP == nil {
			continue
		}
		if o := of(p); o != nothing {
			return o
		}
	}
	return nothing
}

func tcpOutcome(p guest.Packet, from netip.Addr, port uint16) string {
	const rst, synAck = 4, 2 | 16
	b := p.IP.Payload
	switch {
	case p.IP.Protocol != unix.IPPROTO_TCP || p.IP.Src != from || len(b) < 20 || binary.BigEndian.Uint16(b[2:]) != port:
		return nothing
	case b[13]&rst != 0:
		return refused
	case b[13] == synAck:
		return reaches
	}
	return nothing
}

// udpOutcome looks for port unreachable.
func udpOutcome(p guest.Packet, port uint16) string {
	typ, code, header := uint8(3), uint8(3), 20
	if p.IP.Src.Is6() {
		typ, code, header = 1, 4, 40
	}
	if m := p.ICMP; m != nil && m.Type == typ && m.Code == code && len(m.Body) >= header+4 && binary.BigEndian.Uint16(m.Body[header:]) == port {
		return refused
	}
	return nothing
}

// syn is the first segment of a connection, a header without options.
func syn(src, dst netip.Addr, from, to uint16) []byte {
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b[0:], from)
	binary.BigEndian.PutUint16(b[2:], to)
	b[12], b[13] = 5<<4, 2
	binary.BigEndian.PutUint16(b[14:], 1024)
	sum := uint32(unix.IPPROTO_TCP + len(b)) // RFC 1071, over the pseudo header too
	summed := append(append(src.AsSlice(), dst.AsSlice()...), b...)
	for i := 0; i < len(summed); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(summed[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	binary.BigEndian.PutUint16(b[16:], ^uint16(sum))
	return b
}
