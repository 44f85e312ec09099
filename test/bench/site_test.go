package bench

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// vm is a guest of a site: its tap, and what it knows.
type vm struct {
	tap     func(b *testing.B) *tapEnd
	mac     guest.MAC
	addr    netip.Addr
	gateway netip.Addr // the host's address, and its lladdr
	gwMAC   guest.MAC
}

// site is a way to connect guests: two on one switch, and a third that they reach
// through the host.
type site struct {
	name string
	node *netns.NS
	vms  []vm
	taps []*tapEnd

	switched bool // the first two are on one switch
}

// vmtapSite connects guests by vmtap. Without a switch it is only the third that
// they reach.
func vmtapSite(b *testing.B, name, more string, hostPlacement bool) *site {
	b.Helper()
	s := &site{name: name, node: netns.New(b), switched: strings.Contains(more, "switch")}
	p := cni.New(b, s.node)
	for i := range 3 {
		ns := netns.New(b)
		r := add(b, p, cni.Call{ContainerID: fmt.Sprint("vm", i), IfName: "eth0", Netns: ns.Path(), Conf: ipv4Only(vmtapConf(more))})
		tap, where := "eth0", ns
		gateway := ""
		for _, l := range r.Interfaces {
			if l.Sandbox == "" && l.Name != "bridge0" {
				gateway = l.Name // the last: a gateway stands after the host link
				if hostPlacement && where == ns {
					tap, where = l.Name, s.node // the first
				}
			}
		}
		guestAddr, _ := netip.AddrFromSlice(r.IPs[0].Address.IP.To4())
		gwAddr, _ := netip.AddrFromSlice(r.IPs[0].Gateway.To4())
		s.vms = append(s.vms, vm{
			tap:  func(b *testing.B) *tapEnd { return openTap(b, where, tap) },
			mac:  guest.ParseMAC(r.Interfaces[len(r.Interfaces)-1].Mac),
			addr: guestAddr, gateway: gwAddr, gwMAC: linkMAC(b, s.node, gateway),
		})
		s.knows(b, i, gateway)
	}
	return s
}

// bridgeSite connects guests by bridges of the host that have addresses: by a tap
// that is a port, or as KubeVirt does, by a tap and a veth on a bridge in the pod.
func bridgeSite(b *testing.B, name string, kubeVirt bool) *site {
	b.Helper()
	s := &site{name: name, node: netns.New(b), switched: true}
	s.node.Run(b, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	for i := range 2 {
		br := fmt.Sprint("br", i)
		s.node.Run(b, "ip", "link", "add", br, "address", fmt.Sprintf("02:00:00:00:01:%02x", i), "type", "bridge")
		s.node.Run(b, "ip", "address", "add", fmt.Sprintf("10.20.%d.1/24", i), "dev", br)
		s.node.Run(b, "ip", "link", "set", br, "up")
	}
	for i := range 3 {
		br := i / 2
		tap, where := fmt.Sprint("tap", i), s.node
		if kubeVirt {
			where = netns.New(b)
		}
		where.Run(b, "ip", "tuntap", "add", tap, "mode", "tap", "vnet_hdr")
		port := tap
		if kubeVirt {
			port = fmt.Sprint("veth", i)
			s.node.Run(b, "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", where.Path())
			where.Run(b, "ip", "link", "add", "k6t-eth0", "type", "bridge")
			for _, l := range []string{"eth0", tap} {
				where.Run(b, "ip", "link", "set", l, "master", "k6t-eth0", "up")
			}
			where.Run(b, "ip", "link", "set", "k6t-eth0", "up")
		}
		s.node.Run(b, "ip", "link", "set", port, "master", fmt.Sprint("br", br), "up")
		s.vms = append(s.vms, vm{
			tap:  func(b *testing.B) *tapEnd { return openTap(b, where, tap) },
			mac:  guest.ParseMAC(fmt.Sprintf("02:00:00:00:02:%02x", i)),
			addr: netip.MustParseAddr(fmt.Sprintf("10.20.%d.%d", br, 10+i)), gateway: netip.MustParseAddr(fmt.Sprintf("10.20.%d.1", br)),
			gwMAC: linkMAC(b, s.node, fmt.Sprint("br", br)),
		})
		s.knows(b, i, fmt.Sprint("br", br))
	}
	return s
}

// knows gives the host the guest's lladdr, for these guests answer no ARP.
func (s *site) knows(b *testing.B, i int, dev string) {
	b.Helper()
	s.node.Run(b, "ip", "neighbour", "replace", s.vms[i].addr.String(), "lladdr", s.vms[i].mac.String(), "dev", dev, "nud", "permanent")
}

func add(b *testing.B, p *cni.Plugin, call cni.Call) *types100.Result {
	b.Helper()
	stdout, fault := p.Add(b, call)
	if fault != nil {
		b.Fatal(fault)
	}
	return cni.ParseResult(b, stdout)
}

func linkMAC(b *testing.B, ns *netns.NS, name string) guest.MAC {
	b.Helper()
	link, err := ns.Handle(b).LinkByName(name)
	if err != nil {
		b.Fatal(err)
	}
	return guest.ParseMAC(link.Attrs().HardwareAddr.String())
}
