package config

// What the guest is told: routes and name servers, which are passed on in the
// result, and time servers, for which a result has no place.

// readRoutes reads the guest's routes. Whether the interface can have them
// is checked with the rest (see together.go).
func readRoutes(n node) []Route {
	var all []Route
	for _, item := range n.items() {
		all = append(all, readRoute(item.fields()))
	}
	return all
}

func readRoute(f *fields) Route {
	r := Route{
		Dst:      parsed(f.require("dst"), parsePrefix),
		MTU:      int(f.number("mtu", minMTU, MaxMTU, 0)),
		AdvMSS:   int(f.number("advmss", 1, maxAdvMSS, 0)),
		Priority: int(f.number("priority", 0, maxPriority, 0)),
	}
	if n, ok := f.get("gw"); ok {
		r.GW = parsed(n, parseAddr)
		if r.GW.Is4() != r.Dst.Addr().Is4() {
			n.refuse("not of the family of dst %s", r.Dst)
		}
	}
	if n, ok := f.get("table"); ok {
		n.number(0, maxUint32)
		n.notYet()
	}
	if n, ok := f.get("scope"); ok {
		n.number(0, 255)
		n.notYet()
	}
	f.done()
	return r
}

// readDNS reads what the guest is told about name servers.
func readDNS(f *fields) DNS {
	d := DNS{
		Nameservers: optionalAll(f, "nameservers", parseNameserver),
		Domain:      optional(f, "domain", parseWord),
		Search:      optionalAll(f, "search", parseWord),
		Options:     optionalAll(f, "options", parseWord),
	}
	f.done()
	return d
}
