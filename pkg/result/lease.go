package result

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// scopeLink is RT_SCOPE_LINK of include/uapi/linux/rtnetlink.h.
const scopeLink = 253

// Lease reads what the request's IPAM plugin printed. Errors are *config.Error
// with CodeDecoding: what is not one result with an address at least, and
// addresses that no guest can have.
func Lease(req *config.Request, printed []byte) (plan.Lease, error) {
	lease, err := readLease(req, printed)
	if err != nil {
		return plan.Lease{}, config.Errorf(config.CodeDecoding, "read the result of %s: %w", req.IPAM, err)
	}
	return lease, nil
}

func readLease(req *config.Request, printed []byte) (lease plan.Lease, err error) {
	r, err := decodeIPAM(req, printed)
	if err != nil {
		return lease, fmt.Errorf("%w: %.64q", err, printed)
	}
	if lease.Addrs, err = leaseAddrs(r.IPs); err != nil {
		return lease, err
	}
	for _, route := range r.Routes {
		out, err := leaseRoute(route)
		if err != nil {
			return lease, fmt.Errorf("route to %s: %w", route.Dst.String(), err)
		}
		if !out.GW.IsValid() && !out.OnLink {
			out.GW = lease.Gateway(out.Dst)
		}
		lease.Routes = append(lease.Routes, out)
	}
	lease.DNS = config.DNS(r.DNS)
	return lease, nil
}

// decodeIPAM reads a result of any version. One without a version is of the
// configuration's, as libcni has it.
func decodeIPAM(req *config.Request, printed []byte) (*types100.Result, error) {
	if err := refuseNulls(printed); err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(printed, &members); err != nil {
		return nil, err
	}
	if members == nil {
		return nil, errors.New("want an object")
	}
	var of string
	if raw, ok := members["cniVersion"]; ok {
		if err := json.Unmarshal(raw, &of); err != nil {
			return nil, fmt.Errorf("cniVersion: %w", err)
		}
	}
	if of == "" {
		of = req.CNIVersion
		members["cniVersion"], _ = json.Marshal(of) // a string has no error
		printed, _ = json.Marshal(members)
	}
	raw, err := version.NewResult(of, printed)
	if err != nil {
		return nil, err
	}
	return types100.NewResultFromResult(raw)
}

// leaseAddrs reads the addresses of a result, in order.
func leaseAddrs(ips []*types100.IPConfig) ([]plan.LeaseAddr, error) {
	if len(ips) == 0 {
		return nil, errors.New("it has no addresses")
	}
	var addrs []plan.LeaseAddr
	for i, ip := range ips {
		prefix, err := toPrefix(ip.Address)
		if err != nil {
			return nil, fmt.Errorf("ips[%d]: address %w", i, err)
		}
		gateway, err := toAddr(ip.Gateway)
		if err != nil {
			return nil, fmt.Errorf("ips[%d]: gateway %w", i, err)
		}
		a := plan.LeaseAddr{Prefix: prefix, Gateway: gateway}
		if err := a.Check(); err != nil {
			return nil, fmt.Errorf("ips[%d]: address %s: %w", i, prefix, err)
		}
		if slices.ContainsFunc(addrs, func(b plan.LeaseAddr) bool { return b.Prefix.Addr() == prefix.Addr() }) {
			return nil, fmt.Errorf("ips[%d]: address %s stands twice", i, prefix)
		}
		addrs = append(addrs, a)
	}
	return addrs, nil
}

func leaseRoute(r *types.Route) (out config.Route, err error) {
	if r.Table != nil || r.Scope != nil && *r.Scope != scopeLink {
		return out, errors.New("a table, and a scope that is not the link's, are not supported yet")
	}
	// dhcp writes a route without a router so, since spec version 1.1.0 with
	// the scope.
	noRouter := r.GW != nil && r.GW.IsUnspecified()
	out = config.Route{MTU: r.MTU, AdvMSS: r.AdvMSS, Priority: r.Priority, OnLink: noRouter || r.Scope != nil}
	if out.Dst, err = toPrefix(r.Dst); err != nil {
		return out, err
	}
	out.Dst = out.Dst.Masked()
	if noRouter {
		return out, nil
	}
	if out.GW, err = toAddr(r.GW); err != nil {
		return out, fmt.Errorf("gw %w", err)
	}
	if out.GW.IsValid() && out.OnLink {
		return out, errors.New("it has the link's scope and a gateway")
	}
	if out.GW.IsValid() && out.GW.Is4() != out.Dst.Addr().Is4() {
		return out, fmt.Errorf("gw %s is of the other family", out.GW)
	}
	return out, nil
}

// toPrefix converts an address with a mask.
func toPrefix(n net.IPNet) (netip.Prefix, error) {
	a, ok := netip.AddrFromSlice(n.IP)
	ones, bits := n.Mask.Size()
	if ok && bits == 32 {
		a = a.Unmap() // the CNI library has IPv4 addresses in 16 bytes
	}
	if !ok || a.BitLen() != bits || a.Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%.64q is none", n.String())
	}
	return netip.PrefixFrom(a, ones), nil
}

// toAddr converts an address, invalid if there is none.
func toAddr(ip net.IP) (netip.Addr, error) {
	if ip == nil {
		return netip.Addr{}, nil
	}
	a, ok := netip.AddrFromSlice(ip)
	if !ok || a.Unmap().IsUnspecified() {
		return netip.Addr{}, fmt.Errorf("%.64q is none", ip.String())
	}
	return a.Unmap(), nil
}

// PreviousLease returns the lease that a prevResult of the attachment shows. It
// is held to nothing: the IPAM plugin's CHECK says whether it is right.
func PreviousLease(req *config.Request, previous *types100.Result) (lease plan.Lease) {
	for _, ip := range previous.IPs {
		if ip.Interface == nil || *ip.Interface < 0 || *ip.Interface >= len(previous.Interfaces) {
			continue
		}
		if i := previous.Interfaces[*ip.Interface]; i.Name != req.IfName || i.Sandbox != req.Netns && i.Sandbox != req.ContainerID {
			continue
		}
		prefix, err1 := toPrefix(ip.Address)
		gateway, err2 := toAddr(ip.Gateway)
		if err1 == nil && err2 == nil {
			lease.Addrs = append(lease.Addrs, plan.LeaseAddr{Prefix: prefix, Gateway: gateway})
		}
	}
	for _, r := range previous.Routes {
		if route, err := leaseRoute(r); err == nil {
			lease.Routes = append(lease.Routes, route)
		}
	}
	return lease
}
