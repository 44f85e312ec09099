package config

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// maxPorts is how many ports hostAccess can list.
const maxPorts = 128

// HostAccess says what guests in rdomain 0 may open on the host itself. The
// zero HostAccess limits nothing.
type HostAccess struct {
	Limited bool   // to what follows
	ICMP    bool   // echo requests and all else of ICMP and ICMPv6
	Ports   []Port // in order, no doubles, 128 at most
}

// Port is a TCP or UDP port of the host.
type Port struct {
	Protocol string // "tcp" or "udp"
	Number   uint16 // from 1
}

// String returns what a configuration says, with commas between.
func (h HostAccess) String() string {
	if !h.Limited {
		return "all"
	}
	var words []string
	if h.ICMP {
		words = append(words, "icmp")
	}
	for _, p := range h.Ports {
		words = append(words, p.String())
	}
	return strings.Join(words, ", ")
}

// String returns the port as a configuration has it.
func (p Port) String() string { return p.Protocol + "/" + strconv.Itoa(int(p.Number)) }

// readHostAccess reads what guests may open on the host: "all", "icmp", or a
// list such as "tcp/10250".
func readHostAccess(f *fields) HostAccess {
	n, ok := f.get("hostAccess")
	if !ok {
		return HostAccess{}
	}
	items := n.itemsOrOne()
	h := HostAccess{Limited: true}
	for _, w := range parsedAll(items, parseAccess) {
		switch {
		case w.all:
			h.Limited = false
		case w.icmp:
			h.ICMP = true
		default:
			h.Ports = append(h.Ports, w.port)
		}
	}
	switch {
	case len(items) == 0:
		n.refuse("want all, icmp, or ports such as tcp/10250")
	case !h.Limited && len(items) > 1:
		n.refuse("all leaves nothing to add, drop the others")
	case !h.Limited:
		return HostAccess{}
	}
	slices.SortFunc(h.Ports, comparePorts)
	h.Ports = slices.Compact(h.Ports)
	if len(h.Ports) > maxPorts {
		n.refuse("want %d ports at most", maxPorts)
	}
	return h
}

func comparePorts(a, b Port) int {
	return cmp.Or(strings.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Number, b.Number))
}

// access is one word of hostAccess.
type access struct {
	all, icmp bool
	port      Port
}

func parseAccess(s string) (access, error) {
	switch s {
	case "all":
		return access{all: true}, nil
	case "icmp":
		return access{icmp: true}, nil
	}
	proto, port, _ := strings.Cut(s, "/")
	i, err := strconv.ParseUint(port, 10, 16)
	if (proto == "tcp" || proto == "udp") && err == nil && i > 0 {
		return access{port: Port{proto, uint16(i)}}, nil
	}
	return access{}, errors.New("want all, icmp, or a port such as tcp/10250")
}

// checkFirewall refuses NAT and limits where there is nothing that they could
// hold for: a limit that does nothing is worse than none.
func (d *draft) checkFirewall() {
	if d.IPMasq {
		switch {
		case d.Local == nil:
			d.fail(CodeInvalidConfig, "use ipMasq true: an interface that is not local has no addresses to translate, add local or drop ipMasq")
		case !d.Forward:
			d.fail(CodeInvalidConfig, "use ipMasq true: contradicts forward false, without forwarding there is nothing to translate, drop one of them")
		}
	}
	if d.HostAccess.Limited {
		switch {
		case d.Local == nil:
			d.fail(CodeInvalidConfig, "use hostAccess %s: an interface that is not local has no way to the host that could be limited, add local or drop hostAccess", quote(d.HostAccess.String()))
		case d.RDomain != 0:
			d.fail(CodeInvalidConfig, "use hostAccess %s: it limits guests in rdomain 0, and this one is in rdomain %d, drop hostAccess", quote(d.HostAccess.String()), d.RDomain)
		}
	}
}
