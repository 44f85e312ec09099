package plan

import (
	"slices"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Rebuild returns the claim that an attachment's host link shows, so that
// CHECK can compute what ADD aimed at. others is what a look-up of the VM's
// own altname met, nil if no link carries it.
func Rebuild(req *config.Request, bridge string, hostLink Found, others *Found) (Claim, error) {
	id, idx, ok := vmid.ParseHostLink(hostLink.Name)
	if !ok {
		return Claim{}, config.Errorf(config.CodeDiffers, "check host link %q: it is not named vm<vmid>-if<idx>", hostLink.Name)
	}
	claim := Claim{VMID: id, Idx: idx, LLAddr: req.LLAddr}
	if claim.LLAddr.IsZero() {
		claim.LLAddr = derivedLLAddr(req, bridge, claim, hostLink.AltNames)
	}
	// One of the VM's host links holds the VM's altnames. If none does, it
	// should have been this one.
	claim.Holder = others == nil || slices.Contains(hostLink.AltNames, vmid.VM(id))
	return claim, nil
}

// HoldTo makes the lladdr that prevResult gives for the guest's link the one
// that it is to have, if it gives one: a later plugin, such as tuning, may have
// changed it. What was claimed stays claimed.
func (s *State) HoldTo(a vmid.LLAddr) {
	if l := s.guestLink(); l != nil && !a.IsZero() {
		l.LLAddr, s.Guest.LLAddr = a, a
	}
}

// guestLink returns the link that runtimes and later plugins know as the
// guest's, CNI_IFNAME in the pod; nil if there is none or it is another
// plugin's.
func (s *State) guestLink() *Link {
	switch {
	case s.HostPeer.Guests:
		return &s.HostPeer
	case s.Taken.Name == "" && s.Tap.Name != "":
		return &s.Tap
	}
	return nil
}

// derivedLLAddr tells which of the two derived addresses was claimed.
func derivedLLAddr(req *config.Request, bridge string, claim Claim, altNames []string) vmid.LLAddr {
	mixed := vmid.DeriveLLAddrMixed(req.VMName, claim.Idx, claim.VMID)
	if bridge != "" && slices.Contains(altNames, lladdrName(mixed, bridge)) {
		return mixed
	}
	return vmid.DeriveLLAddr(req.VMName, claim.Idx)
}
