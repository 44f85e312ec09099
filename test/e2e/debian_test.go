//go:build debian

package e2e

import (
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	exampleName = "www.example.org."
	example4    = "192.0.2.80"
	example6    = "2001:db8::80"
	nameServer4 = "192.0.2.53"
	nameServer6 = "2001:db8::53"
)

// TestDebian boots a Debian that nobody configured. It comes up with its addresses, routes, mtu and name, is answered by its
// gateway, answers ping, and finds a name by the network's name server. `make e2e-debian` runs it.
func TestDebian(t *testing.T) {
	for name, client := range map[string]string{"systemd-networkd": "networkd", "NetworkManager": "NetworkManager"} {
		wantClient(t, name, true, true)
		t.Run(client, func(t *testing.T) {
			n := newNode(t)
			n.Run(t, "ip", "link", "set", "lo", "up")
			ipBatch(t, n.Run, "address add "+nameServer4+"/32 dev lo\naddress add "+nameServer6+"/128 dev lo\n")
			n.nameServer(t, nameServer4)
			n.nameServer(t, nameServer6)
			n.answers(t, confDir(t, `, "mtu": 1400, "dns": {"nameservers": ["192.0.2.53", "2001:db8::53"], "domain": "example.org"}`))
			p := n.newPod(t, "web-0")
			a := p.add(t, "eth0", conf(createConf+`, "mtu": 1400`))
			c := a.guestConfig()
			t.Setenv("VMTAP_GUEST", "debian")
			var gateways []string
			for _, g := range []netip.Addr{c.Gateway4, c.Gateway6} {
				gateways = append(gateways, g.String())
			}
			console := readyLinux(t, startLinux(t, p, c.LLAddr.String(), "vmtap.client="+client,
				"vmtap.ping="+strings.Join(gateways, ","), "vmtap.resolve=www.example.org"))
			for _, want := range []string{
				"address " + c.Addr4.String(), "address " + c.Addr6.Addr().String() + "/",
				"default route via " + c.Gateway4.String(), "default route via " + gatewayLinkLocal(c).String(),
				"mtu 1400", "name web-0",
				"ping " + gateways[0] + ": answers", "ping " + gateways[1] + ": answers",
				"www.example.org is " + example4, "www.example.org is " + example6,
			} {
				wantLine(t, console, "guest: "+want)
			}
			for _, dst := range addrs(c) {
				n.Run(t, "ping", "-n", "-c", "1", "-W", "30", dst.String())
			}
			if fault := n.Check(t, a.call); fault != nil {
				t.Errorf("CHECK with the guest: %s", fault)
			}
		})
	}
}

// TestIPDHCP boots a kernel that is told "ip=dhcp": it has its address, default route, mtu, name and name server before any
// program runs. `make e2e-debian` runs it.
func TestIPDHCP(t *testing.T) {
	wantClient(t, "Linux, `ip=dhcp`", true, false)
	n := newNode(t)
	n.answers(t, confDir(t, `, "mtu": 1400, "dns": {"nameservers": ["192.0.2.53"]}`))
	p := n.newPod(t, "web-0")
	a := p.add(t, "eth0", conf(createConf+`, "mtu": 1400`))
	c := a.guestConfig()
	t.Setenv("VMTAP_GUEST", "kernel")
	gateway := c.Gateway4.String()
	console := readyLinux(t, startLinux(t, p, c.LLAddr.String(), "ip=dhcp", "vmtap.ping="+gateway))
	for _, want := range []string{
		"eth0 was told address " + c.Addr4.String(), "was told default route via " + gateway,
		"was told name server " + nameServer4, "was told mtu 1400", "was told name web-0", "ping " + gateway + ": answers",
	} {
		wantLine(t, console, "guest: "+want)
	}
	n.Run(t, "ping", "-n", "-c", "1", "-W", "30", c.Addr4.Addr().String())
	if fault := n.Check(t, a.call); fault != nil {
		t.Errorf("CHECK with the guest: %s", fault)
	}
}

// nameServer answers DNS at an address of the node's.
func (n *node) nameServer(t *testing.T, address string) {
	t.Helper()
	var conn *net.UDPConn
	var err error
	at := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(address), 53))
	n.Do(func() { conn, err = net.ListenUDP("udp", at) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			size, from, err := conn.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			if reply := nameReply(buf[:size]); reply != nil {
				_, _ = conn.WriteToUDPAddrPort(reply, from)
			}
		}
	}()
}

// nameReply is what a DNS server says that knows one name.
func nameReply(question []byte) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) != 1 {
		return nil
	}
	q := m.Questions[0]
	r := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true, RecursionDesired: m.RecursionDesired, RecursionAvailable: true}, Questions: m.Questions}
	header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60}
	switch {
	case q.Name.String() != exampleName:
		r.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		r.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: netip.MustParseAddr(example4).As4()}}}
	case q.Type == dnsmessage.TypeAAAA:
		r.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(example6).As16()}}}
	}
	reply, err := r.Pack()
	if err != nil {
		return nil
	}
	return reply
}
