package result

import (
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/vmtap/vmtap/pkg/config"
)

// takenIP returns the address of the interface that a guest takes over, IPv4
// if there is one, for the guest's own entry. It stands there a second time:
// the earlier plugin's entry stays as it is, since runtimes, portmap and
// firewall look for the addresses of CNI_IFNAME.
func takenIP(req *config.Request, previous *types100.Result, guest int) []*types100.IPConfig {
	var first *types100.IPConfig
	for _, ip := range previous.IPs {
		if !isTaken(req, previous, ip) {
			continue
		}
		if first == nil || first.Address.IP.To4() == nil && ip.Address.IP.To4() != nil {
			first = ip
		}
	}
	if first == nil {
		return nil
	}
	own := first.Copy()
	own.Interface = types100.Int(guest)
	return []*types100.IPConfig{own}
}

// isTaken reports whether an address belongs to CNI_IFNAME. One that says
// nothing of its interface does: there was but one.
func isTaken(req *config.Request, previous *types100.Result, ip *types100.IPConfig) bool {
	if ip.Interface == nil {
		return true
	}
	i := *ip.Interface
	return i >= 0 && i < len(previous.Interfaces) && previous.Interfaces[i].Name == req.IfName
}
