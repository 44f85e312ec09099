package result

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Previous returns the request's prevResult in its newest form, nil if there
// is none.
func Previous(req *config.Request) (*types100.Result, error) {
	if req.PrevResult == nil {
		return nil, nil //nolint:nilnil // no result is a result here
	}
	if err := refuseNulls(req.PrevResult); err != nil {
		return nil, config.Errorf(config.CodeDecoding, "read prevResult: %w", err)
	}
	raw, err := version.NewResult(req.CNIVersion, req.PrevResult)
	if err != nil {
		return nil, config.Errorf(config.CodeDecoding, "read prevResult: %w", err)
	}
	r, err := types100.NewResultFromResult(raw)
	if err != nil {
		return nil, config.Errorf(config.CodeDecoding, "read prevResult: %w", err)
	}
	return r, nil
}

// refuseNulls refuses a null in the lists of a result: the CNI library would
// make a nil pointer of it, and follow it.
func refuseNulls(prevResult []byte) error {
	var r map[string]json.RawMessage
	if err := json.Unmarshal(prevResult, &r); err != nil {
		return err
	}
	for key, value := range r {
		var list []json.RawMessage
		if err := json.Unmarshal(value, &list); err != nil {
			continue // no list
		}
		if slices.ContainsFunc(list, func(v json.RawMessage) bool { return string(v) == "null" }) {
			return fmt.Errorf("%.64q holds null", key)
		}
	}
	return nil
}

// After returns own as it is after an earlier plugin's result: that one's
// interfaces, addresses and routes stand first.
func After(previous, own *types100.Result) *types100.Result {
	if previous == nil {
		return own
	}
	shift := len(previous.Interfaces)
	r := &types100.Result{
		CNIVersion: own.CNIVersion,
		Interfaces: slices.Concat(previous.Interfaces, own.Interfaces),
		IPs:        slices.Clone(previous.IPs),
		Routes:     slices.Concat(previous.Routes, own.Routes),
		DNS:        previous.DNS,
	}
	for _, ip := range own.IPs {
		ip = ip.Copy()
		ip.Interface = types100.Int(*ip.Interface + shift)
		r.IPs = append(r.IPs, ip)
	}
	if !own.DNS.IsEmpty() {
		r.DNS = own.DNS
	}
	return r
}

// Missing names what own has and a prevResult that came from it lacks, one
// line each.
func Missing(own, previous *types100.Result) []string {
	var lines []string
	for _, i := range own.Interfaces {
		switch p := find(previous, i); {
		case p == nil:
			lines = append(lines, fmt.Sprintf("prevResult: interface %s of sandbox %q is missing", i.Name, i.Sandbox))
		case p.Mac != i.Mac && i.Mac != "":
			lines = append(lines, fmt.Sprintf("prevResult: interface %s of sandbox %q has mac %q, want %q", i.Name, i.Sandbox, p.Mac, i.Mac))
		}
	}
	for _, ip := range own.IPs {
		if !hasAddress(previous, ip) {
			lines = append(lines, fmt.Sprintf("prevResult: address %s is missing", ip.Address.String()))
		}
	}
	return lines
}

// GivenLLAddr returns the lladdr that a prevResult gives for CNI_IFNAME in the
// pod; zero if it gives none.
func GivenLLAddr(req *config.Request, previous *types100.Result) vmid.LLAddr {
	i := find(previous, &types100.Interface{Name: req.IfName, Sandbox: req.Netns})
	if i == nil {
		return vmid.LLAddr{}
	}
	a, err := vmid.ParseLLAddr(i.Mac)
	if err != nil {
		return vmid.LLAddr{}
	}
	return a
}

// StillGiven returns those of a guest's routes that a prevResult lists: a later
// plugin may have taken the others away.
func StillGiven(routes []config.Route, previous *types100.Result) []config.Route {
	var given []config.Route
	for _, r := range routes {
		dst := ipNet(r.Dst)
		if slices.ContainsFunc(previous.Routes, func(p *types.Route) bool {
			return p.Dst.String() == dst.String() && p.GW.Equal(r.GW.AsSlice())
		}) {
			given = append(given, r)
		}
	}
	return given
}

func find(r *types100.Result, want *types100.Interface) *types100.Interface {
	for _, i := range r.Interfaces {
		if i.Name == want.Name && i.Sandbox == want.Sandbox {
			return i
		}
	}
	return nil
}

func hasAddress(r *types100.Result, want *types100.IPConfig) bool {
	for _, ip := range r.IPs {
		if ip.Address.String() == want.Address.String() {
			return true
		}
	}
	return false
}
