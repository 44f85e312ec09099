package result_test

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/result"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// aCase is an attachment of which there is a result.
type aCase struct {
	name    string
	request func(*config.Request)
	bridge  plan.Bridge // as it is observed
}

func cases() []aCase {
	return []aCase{
		{name: "local"},
		{name: "local-without-ipv6", request: func(r *config.Request) { r.Local = local("") }},
		{name: "switch-local", request: func(r *config.Request) { onSwitch(r); r.Switch.Create = true }},
		{name: "switch-local-their-bridge", request: onSwitch, bridge: theirs()},
		{name: "switch-not-local", request: func(r *config.Request) {
			onSwitch(r)
			r.Local = nil
			r.Routes = []config.Route{route("10.0.0.0/8", "10.1.0.1"), route("10.2.0.0/16", "")}
		}, bridge: theirs()},
		{name: "routes", request: func(r *config.Request) {
			r.Routes = []config.Route{
				route("10.0.0.0/8", ""), route("2001:db8::/32", ""),
				route("192.0.2.0/24", "100.64.5.9"),
				route("0.0.0.0/0", ""), route("::/0", "fd00::6440:503:0:1"), // the defaults again
				route("10.0.0.0/8", "100.64.5.2"), // the first again
				{Dst: netip.MustParsePrefix("198.51.100.0/24"), MTU: 1400, AdvMSS: 1360, Priority: 10},
			}
		}},
		{name: "dns", request: func(r *config.Request) {
			r.DNS = config.DNS{Nameservers: []string{"192.0.2.53", "2001:db8::53"}, Domain: "example.com", Search: []string{"example.com", "example.net"}, Options: []string{"ndots:2"}}
		}},
	}
}

// state returns the case's Request and State.
func (c aCase) state(t *testing.T) (*config.Request, *plan.State) {
	t.Helper()
	req := &config.Request{
		CNIVersion:  "1.0.0",
		Network:     "vmnet",
		ContainerID: "c1",
		IfName:      "eth0",
		Netns:       "/run/netns/p",
		VMName:      "default/web",
		VMID:        config.VMID{Min: 1, Max: 16383, Probe: true},
		Local:       local("fd00::/8"),
		Up:          true,
		Forward:     true,
		Tap:         config.Tap{HasUID: true, VnetHdr: true},
	}
	if c.request != nil {
		c.request(req)
	}
	claim := plan.Claim{VMID: 5, Holder: true, LLAddr: vmid.LLAddr{2, 0x11, 0x22, 0x33, 0x44, 0x55}}
	s, err := plan.New(req, &plan.Node{Bridge: c.bridge}, claim)
	if err != nil {
		t.Fatal(err)
	}
	return req, s
}

// result returns the case's result.
func (c aCase) result(t *testing.T) (*config.Request, *types100.Result) {
	t.Helper()
	req, s := c.state(t)
	return req, result.New(req, s, nil)
}

func local(prefix6 string) *config.Local {
	var p6 netip.Prefix
	if prefix6 != "" {
		p6 = netip.MustParsePrefix(prefix6)
	}
	s, err := vmid.New(netip.MustParsePrefix(vmid.DefaultPrefix4), p6, vmid.DefaultBits)
	if err != nil {
		panic(err)
	}
	return &config.Local{Scheme: s}
}

// onSwitch puts the interface on somebody else's bridge, theirs.
func onSwitch(r *config.Request) {
	r.Switch = &config.Switch{Interface: "bridge0", Name: "uplink", Up: true}
}

func theirs() plan.Bridge {
	return plan.Bridge{Name: "bridge0", Kind: plan.KindBridge, MTU: 1500}
}

// route is one with a gateway, "" for none.
func route(dst, gw string) config.Route {
	r := config.Route{Dst: netip.MustParsePrefix(dst)}
	if gw != "" {
		r.GW = netip.MustParseAddr(gw)
	}
	return r
}

// printed returns what the runtime reads, in a version of the specification.
func printed(t *testing.T, r *types100.Result, version string) []byte {
	t.Helper()
	versioned, err := r.GetAsVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := versioned.PrintTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// previous reads a prevResult.
func previous(t *testing.T, version string, prevResult []byte) *types100.Result {
	t.Helper()
	r, err := result.Previous(&config.Request{CNIVersion: version, PrevResult: prevResult})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// wantError fails unless err has this code and each of the words.
func wantError(t *testing.T, err error, code config.Code, words ...string) {
	t.Helper()
	var e *config.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want a *config.Error with code %d", err, code)
	}
	if e.Code != code {
		t.Errorf("got code %d, want %d: %v", e.Code, code, e)
	}
	for _, w := range words {
		if !strings.Contains(e.Error(), w) {
			t.Errorf("got error %q, want %q in it", e, w)
		}
	}
}
