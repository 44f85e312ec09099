package config

import "math"

// Bandwidth limits what passes between the guest and all else, as the guest
// sees it.
type Bandwidth struct {
	Ingress Rate // into the guest
	Egress  Rate // from the guest
}

// Rate is a token bucket. The zero Rate is no limit.
type Rate struct {
	Bits  uint64 // per second, 8 at least
	Burst uint64 // bits that may pass at once after silence, 4 GB at most
}

// readBandwidth reads the capability "bandwidth", whose keys containerd
// capitalises. Its rules are those of the reference plugin.
func readBandwidth(n node) Bandwidth {
	f := n.fields()
	b := Bandwidth{Ingress: readRate(f, "ingress"), Egress: readRate(f, "egress")}
	f.done()
	return b
}

func readRate(f *fields, direction string) Rate {
	rate, given := f.anyCase(direction + "Rate")
	burst, burstGiven := f.anyCase(direction + "Burst")
	var r Rate
	if given {
		r.Bits = rate.number(0, math.MaxUint64)
	}
	if burstGiven {
		r.Burst = burst.number(0, math.MaxUint64)
	}
	switch {
	case r.Bits == 0 && r.Burst != 0:
		burst.refuse("a burst without a rate limits nothing, give %sRate", direction)
	case r.Bits != 0 && r.Burst == 0:
		rate.refuse("a rate without a burst lets nothing pass, give %sBurst", direction)
	case r.Bits != 0 && r.Bits < 8:
		rate.refuse("want 8 bits per second at least")
	case r.Burst/8 >= math.MaxUint32:
		burst.refuse("want less than 4 GB, in bits")
	}
	return r
}

// checkBandwidth refuses limits where there is no link to keep them.
func (d *draft) checkBandwidth() {
	switch {
	case d.Bandwidth == (Bandwidth{}):
	case d.Placement == PlacementChained:
		d.fail(CodeInvalidConfig, "use runtimeConfig.bandwidth: placement chained leaves the interface as the earlier plugin made it, chain the bandwidth plugin behind that one")
	case d.Placement == PlacementHost && d.Bandwidth.Egress != (Rate{}):
		d.fail(CodeUnsupportedField, "use runtimeConfig.bandwidth.egressRate %d: not supported yet in placement host", d.Bandwidth.Egress.Bits)
	}
}
