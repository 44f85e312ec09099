package plan

import (
	"fmt"
	"math"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// KindIFB is the kind of a limiter.
const KindIFB = "ifb"

// frameHeader is what a frame is longer than the mtu, in bytes: an Ethernet
// header with a VLAN tag.
const frameHeader = 18

// Shaper is the token bucket through which a link sends, tc's tbf. The zero
// Shaper is none.
type Shaper struct {
	Rate  uint64 // bytes per second
	Burst uint32 // bytes, a frame at least
	Limit uint32 // bytes that may wait
}

// maxWait is how long a frame may wait, in milliseconds, before others are
// dropped; it is the reference plugin's.
const maxWait = 25

// FirstEgress is the preference of a link's first filter at its egress. The
// ones at its ingress have others: of equal ones, Linux lists those of both.
const FirstEgress = 101

// newShaper returns a limit as a link of this mtu keeps it. A bucket that holds
// less than a frame would let none pass.
func newShaper(r config.Rate, mtu int) Shaper {
	if r.Bits == 0 {
		return Shaper{}
	}
	s := Shaper{Rate: r.Bits / 8, Burst: uint32(max(r.Burst/8, uint64(mtu+frameHeader)))}
	// What the bucket holds, and what passes while a frame waits.
	s.Limit = uint32(min(s.Rate/1000*maxWait+s.Rate%1000*maxWait/1000+uint64(s.Burst), math.MaxUint32))
	return s
}

// addBandwidth limits what passes between the guest and all else. What goes
// into the guest leaves by its port; what comes from it by the host link's pod
// end. From a tap with a gateway it leaves by two links, at one rate: both send
// through the limiter, which hands each frame back to the link that it came
// from.
func (s *State) addBandwidth(req *config.Request) {
	port := s.Port()
	port.Shaper = newShaper(req.Bandwidth.Ingress, s.Guest.MTU)
	egress := newShaper(req.Bandwidth.Egress, s.Guest.MTU)
	switch {
	case egress == (Shaper{}) || s.HostPeer.Name == "": // config refuses it where there is no such link
	case port != &s.Tap || s.Gateway.Name == "":
		s.HostPeer.Shaper = egress
	default:
		s.Limiter = s.silentLink(vmid.Limiter(s.Claim.VMID, s.Claim.Idx), KindIFB, s.linkAddr(vmid.RoleLimiter))
		s.Limiter.Shaper = egress
		for _, l := range []*Link{&s.HostPeer, &s.GatewayPeer} {
			l.Egress = []Filter{{Redirect: s.Limiter.Name}}
		}
	}
}

// String returns the shaper as `tc qdisc` has it.
func (s Shaper) String() string {
	if s == (Shaper{}) {
		return "none"
	}
	return fmt.Sprintf("tbf rate %dbit burst %db limit %db", 8*s.Rate, s.Burst, s.Limit)
}
