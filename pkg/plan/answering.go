package plan

import (
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Answering is a link on which a guest may ask for its addresses.
type Answering struct {
	Name   string
	Index  int32
	LLAddr vmid.LLAddr // the link's
	MTU    int
	Up     bool
	Master int32 // ifindex of the bridge that it is a port of, 0 for none

	// Of a local interface, where this is the gateway if there is one, else the
	// host link. All of it is zero of any other link.
	Addrs    vmid.Addrs
	HostLink string
	Guest    vmid.LLAddr // the guest's lladdr, zero if nothing says it
	Network  string
	VMName   string // "" if the description does not say it
}

// Router is a link that routes for guests.
type Router struct {
	LLAddr    vmid.LLAddr
	LinkLocal netip.Addr
}

// RouterWith returns the router that a link with these addresses is, if one of them
// is the gateway's and it has a link-local one.
func RouterWith(lladdr vmid.LLAddr, addrs []Addr, gateway netip.Addr) (r Router, ok bool) {
	r.LLAddr = lladdr
	for _, a := range addrs {
		addr := a.Prefix.Addr()
		ok = ok || addr == gateway
		if addr.Is6() && addr.IsLinkLocalUnicast() && (!r.LinkLocal.IsValid() || addr == gateway) {
			r.LinkLocal = addr
		}
	}
	return r, ok && r.LinkLocal.IsValid()
}

// IsAnswering reports whether a link with this name and these altnames can be
// one on which a guest asks, and returns its host link's name.
func IsAnswering(name string, altNames []string) (hostLink string, ok bool) {
	if hostLink, ok = HostLinkOfMember(name); !ok || !IsOwned(altNames) {
		return "", false
	}
	return hostLink, true
}

// NetworkOf returns the network of a host link, "" if its altnames name none.
func NetworkOf(altNames []string) string {
	for _, a := range altNames {
		if network, ok := networkOf(a); ok {
			return network
		}
	}
	return ""
}

// GuestOf returns the lladdr that a host link's altnames claim on a switch, zero
// if they claim none. An attachment's name, whose container id may look like
// such a claim, has an '@'.
func GuestOf(altNames []string) vmid.LLAddr {
	for _, a := range altNames {
		digits, bridge, ok := strings.Cut(a, ".lladdr.")
		b, err := hex.DecodeString(digits)
		if !ok || bridge == "" || strings.ContainsAny(a, "@:") || err != nil || len(b) != 6 {
			continue
		}
		if guest := vmid.LLAddr(b); guest[0]&1 == 0 { // else it is no NIC's
			return guest
		}
	}
	return vmid.LLAddr{}
}

// DescribedVM returns the VM's name in a host link's description, "" if it is
// not one of vmtap's. Descriptions are for people: nothing may be decided by it.
func DescribedVM(hostLink, alias string) string {
	name, ok := strings.CutPrefix(alias, hostLink+"-")
	if !ok {
		return ""
	}
	return name
}
