package config

// checkTogether refuses values that are fine one by one and contradict each
// other.
func (d *draft) checkTogether() {
	d.checkPlacement()
	d.checkKata()
	d.checkIPAM()
	d.checkBandwidth()
	if d.Switch == nil && d.Local == nil && d.Placement != PlacementChained {
		d.fail(CodeInvalidConfig, "read local false: without a switch nothing would be connected, add switch or drop local")
	}
	d.checkRDomain()
	d.checkFirewall()
	d.checkGuard()
	d.checkBridgePort()
	if n := len(d.Groups); n > maxGroups {
		d.fail(CodeInvalidConfig, "read group: %d groups with the switch's, want %d at most", n, maxGroups)
	}
	if _, err := parseVMName(d.VMName); err != nil {
		d.fail(CodeInvalidConfig, "name the VM %s: %v", quote(d.VMName), err)
	}
	if id := d.VMID.Requested; id != 0 && !d.VMID.contains(id) {
		d.fail(CodeInvalidConfig, "choose vmid %d: outside %d-%d, the range of network %s", id, d.VMID.Min, d.VMID.Max, quote(d.Network))
	}
	if len(d.IPs) > 0 && d.Local == nil && d.IPAM == "" {
		d.fail(CodeInvalidConfig, "use runtimeConfig.ips: the interface has no addresses, it is not local and has no ipam")
	}
	if len(d.NTP) > 0 && d.Local == nil && d.IPAM == "" && d.Placement != PlacementChained {
		d.fail(CodeInvalidConfig, "read ntp: the interface has no addresses with which the guest would be told, it is not local and has no ipam")
	}
	d.checkMTU()
	for i, r := range d.Routes {
		d.checkRoute(i, r)
	}
}

// inet6 reports whether the interface is local with IPv6.
func (d *draft) inet6() bool { return d.Local != nil && d.Local.Scheme.Prefix6().IsValid() }

func (d *draft) checkMTU() {
	mtu, key := d.MTU, "mtu"
	bridge := 0 // the mtu of a bridge that vmtap makes
	if d.Switch != nil {
		bridge = d.Switch.MTU
	}
	if mtu == 0 {
		mtu, key = bridge, "switch.mtu"
	}
	if mtu != 0 && mtu < minMTU6 && d.inet6() {
		d.fail(CodeInvalidConfig, "read %s %d: IPv6 wants %d at least, raise it or set local.inet6 to false", key, mtu, minMTU6)
	}
	if mtu < bridge {
		d.fail(CodeInvalidConfig, "read mtu %d: less than switch.mtu %d, a bridge shrinks to its ports, make them equal", mtu, bridge)
	}
}

// checkRoute refuses a route that the interface has no gateway or no address
// for.
func (d *draft) checkRoute(i int, r Route) {
	switch {
	case d.Local == nil && d.IPAM == "" && !r.GW.IsValid():
		d.fail(CodeInvalidConfig, "read routes[%d] to %s: an interface that is not local has no gateway, give gw", i, r.Dst)
	case d.Device == DeviceVeth && d.Local == nil && d.IPAM == "":
		d.fail(CodeInvalidConfig, "read routes[%d] to %s: device veth has no addresses to route with, it is not local and has no ipam", i, r.Dst)
	case d.Local != nil && !d.inet6() && r.Dst.Addr().Is6():
		d.fail(CodeInvalidConfig, "read routes[%d] to %s: the interface has no IPv6, drop the route or local.inet6 false", i, r.Dst)
	}
}
