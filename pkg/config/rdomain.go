package config

// The routing tables that are the kernel's own: default, main and local. A
// VRF with one of them would be the host's own routing domain.
const (
	tableDefault = 253
	tableLocal   = 255
)

// defaultTableBase is rdomains.tableBase if it is not given.
const defaultTableBase = 1000

// readRDomain reads the rdomain of an interface or a switch; ok is false if
// there is none. An explicit 0 counts.
func readRDomain(f *fields) (rdomain uint32, ok bool) {
	n, ok := f.get("rdomain")
	if !ok {
		return 0, false
	}
	return uint32(n.number(0, maxRDomain)), true
}

// readRDomains reads what all routing domains share.
func readRDomains(f *fields) RDomains {
	r := RDomains{
		TableBase:     uint32(f.number("tableBase", 0, maxUint32-maxRDomain, defaultTableBase)), // base+rdomain is a table's number
		MoveLocalRule: f.bool("moveLocalRule", false),
	}
	f.done()
	return r
}

// completeRDomain settles the interface's rdomain: its own, else the
// switch's, else the default one (vm_priv_ifconfig).
func (d *draft) completeRDomain() {
	switch {
	case d.ownRDomain != nil:
		d.RDomain = *d.ownRDomain
	case d.Switch != nil:
		d.RDomain = d.Switch.RDomain
	}
}

func (d *draft) checkRDomain() {
	d.checkTable(d.RDomain)
	if d.Switch == nil {
		return
	}
	d.checkTable(d.Switch.RDomain)
	if d.Local == nil && d.RDomain != d.Switch.RDomain {
		d.fail(CodeInvalidConfig, "use rdomain %d: an interface that is not local is in its switch's, which is %d, drop rdomain or add local", d.RDomain, d.Switch.RDomain)
	}
}

func (d *draft) checkTable(rdomain uint32) {
	if rdomain == 0 {
		return
	}
	if table := d.RDomains.Table(rdomain); table >= tableDefault && table <= tableLocal {
		d.fail(CodeInvalidConfig, "use rdomain %d: its table would be %d, and %d-%d are the kernel's own, choose another rdomain or rdomains.tableBase", rdomain, table, tableDefault, tableLocal)
	}
}
