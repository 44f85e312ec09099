package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/vmtap/vmtap/test/cni"
)

// TestSpecCHECKConsultsPrevResult: it is required, and what it says to have
// been made is what must be there.
func TestSpecCHECKConsultsPrevResult(t *testing.T) {
	fulfil(t, fromCheck, "\n"+
		"The plugin must consult the `prevResult` to determine the expected interfaces and addresses.",
		func(t *testing.T, s spec) {
			p := s.newPod(t, "p")
			a := s.attach(t, p, "eth0", s.switched())
			wantFault(t, s.Check(t, a.call.With(nil)), 7, "prevResult")
			for name, alter := range map[string]func(r *types100.Result){
				"no interface":      func(r *types100.Result) { r.Interfaces, r.IPs = nil, nil },
				"other tap":         func(r *types100.Result) { r.Interfaces[3].Name = "eth1" },
				"other namespace":   func(r *types100.Result) { r.Interfaces[3].Sandbox += "x" },
				"other host link":   func(r *types100.Result) { r.Interfaces[1].Name = "vm9-if9" },
				"other mac":         func(r *types100.Result) { r.Interfaces[3].Mac = "02:00:00:00:00:99" },
				"other address":     func(r *types100.Result) { r.IPs[0].Address = cidr(t, "192.0.2.1/31") },
				"one address alone": func(r *types100.Result) { r.IPs = r.IPs[1:] },
			} {
				t.Run(name, func(t *testing.T) {
					wantFault(t, s.Check(t, a.call.With(s.altered(t, a, alter))), 101)
				})
			}
		})
}

// altered is an attachment's result after a change.
func (s spec) altered(t *testing.T, a *attachment, alter func(r *types100.Result)) []byte {
	t.Helper()
	var r types100.Result
	one(t, printed(t, a.Result), &r)
	alter(&r)
	r.CNIVersion = types100.ImplementedSpecVersion
	versioned, err := r.GetAsVersion(s.version)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(versioned)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSpecCHECKAllowsLaterPlugins: what a later plugin of the chain added or
// changed on ADD, as prevResult has it, is no difference.
func TestSpecCHECKAllowsLaterPlugins(t *testing.T) {
	fulfil(t, fromCheck, "\n"+
		"The plugin must allow for a later chained plugin to have modified networking resources, e.g. routes, on `ADD`.",
		func(t *testing.T, s spec) {
			for name, c := range map[string]struct {
				alter func(r *types100.Result)
				run   string // in the pod
				more  string // members of the configuration
			}{
				"interface": {func(r *types100.Result) {
					r.Interfaces = append(r.Interfaces, &types100.Interface{Name: "ifb0", Mac: "02:00:00:00:00:11"})
				}, "", ""},
				"address": {func(r *types100.Result) {
					r.IPs = append(r.IPs, &types100.IPConfig{Interface: types100.Int(3), Address: cidr(t, "192.0.2.5/24")})
				}, "", ""},
				"routes":     {func(r *types100.Result) { r.Routes = []*types.Route{{Dst: cidr(t, "192.0.2.0/24")}} }, "", ""},
				"no routes":  {func(r *types100.Result) { r.Routes = nil }, "", ""},
				"pod routes": {func(*types100.Result) {}, "ip route add 192.0.2.0/24 dev lo", ""},
				"pod links":  {func(*types100.Result) {}, "ip link add later0 type bridge", ""},
				"dns":        {func(r *types100.Result) { r.DNS.Nameservers = []string{"192.0.2.53"} }, "", ""},
				"mtu":        {func(r *types100.Result) { r.Interfaces[3].Mtu = 1400 }, "ip link set eth0 mtu 1400", ""},
				// A guard would hold the guest to the lladdr that it was given.
				"mac": {func(r *types100.Result) {
					r.Interfaces[3].Mac, r.Interfaces[4].Mac = "02:00:00:00:00:77", "02:00:00:00:00:77"
				}, "ip link set eth0 address 02:00:00:00:00:77", `, "guard": false`},
			} {
				t.Run(name, func(t *testing.T) {
					p := s.newPod(t, "p")
					a := s.attach(t, p, "eth0", s.switched(c.more))
					if do := strings.Fields(c.run); len(do) > 0 {
						p.Run(t, do[0], do[1:]...)
					}
					if fault := s.Check(t, a.call.With(s.altered(t, a, c.alter))); fault != nil {
						t.Errorf("CHECK: %s", fault)
					}
					a.del()
				})
			}
		})
}

// breach is something done to an attachment: IF, GW and GUEST6 stand for its
// names and address.
type breach struct {
	name, do string
	inPod    bool
}

// wantBroken demands that CHECK sees each breach and that DEL clears it away.
func (s spec) wantBroken(t *testing.T, breaches ...breach) {
	t.Helper()
	for _, b := range breaches {
		t.Run(b.name, func(t *testing.T) {
			p := s.newPod(t, "p")
			a := s.attach(t, p, "eth0", s.switched())
			s.wantCheck(t, a)
			do := strings.Fields(strings.NewReplacer("IF", a.hostLink(), "GW", a.gateway(), "GUEST6", a.IPs[1].Address.IP.String(),
				"HOST4", a.IPs[0].Gateway.String(), "HOST6", a.IPs[1].Gateway.String()).Replace(b.do))
			run := s.Run
			if b.inPod {
				run = p.Run
			}
			run(t, do[0], do[1:]...)
			wantFault(t, s.Check(t, a.call), 101)
			a.del()
		})
	}
}

// TestSpecCHECKFindsMissingResources: each kind that the result lists.
func TestSpecCHECKFindsMissingResources(t *testing.T) {
	fulfil(t, fromCheck, "\n"+
		"The plugin should return an error if a resource included in the CNI Result type (interface, address or route) was created by the plugin, and is listed in `prevResult`, but is missing or in an invalid state.",
		func(t *testing.T, s spec) {
			s.wantBroken(t,
				breach{"tap", "ip link del eth0", true},
				breach{"tap down", "ip link set eth0 down", true},
				breach{"host link", "ip link del IF", false},
				breach{"host link off the switch", "ip link set IF nomaster", false},
				breach{"gateway", "ip link del GW", false},
				breach{"switch down", "ip link set bridge0 down", false},
				breach{"gateway's IPv4 address", "ip address del HOST4/31 dev GW", false},
				breach{"gateway's IPv6 address", "ip address del HOST6/96 dev GW", false},
				breach{"route to the guest", "ip -6 route del GUEST6 dev GW", false},
			)
			t.Run("switch", func(t *testing.T) {
				a := s.attach(t, s.newPod(t, "p"), "eth0", s.switched())
				s.Run(t, "ip", "link", "del", "bridge0")
				if fault := s.Check(t, a.call); fault == nil {
					t.Error("CHECK passes without the bridge")
				}
				a.del()
			})
		})
}

// TestSpecCHECKFindsOtherFaults: what no result lists.
func TestSpecCHECKFindsOtherFaults(t *testing.T) {
	fulfil(t, fromCheck, `
		The plugin should return an error if other resources not tracked in the Result type such as the following are missing or are in an invalid state: - Firewall rules - Traffic shaping controls - IP reservations - External dependencies such as a daemon required for connectivity
	`, func(t *testing.T, s spec) {
		s.wantBroken(t,
			breach{"redirects of the tap", "tc filter del dev eth0 ingress", true},
			breach{"redirect of the host link's pod end", "tc qdisc del dev IF ingress", true},
			breach{"the switch drops nothing", "tc filter del dev bridge0 ingress", false},
			breach{"claim of the vmid", "ip link property del dev IF altname pod:p", false},
			breach{"reverse path filter", "sysctl -qw net.ipv4.conf.GW.rp_filter=0", false},
		)
	})
}

// TestSpecCHECKFindsUnreachableContainers: every link on the way to the guest,
// when it is down.
func TestSpecCHECKFindsUnreachableContainers(t *testing.T) {
	fulfil(t, fromCheck, `
		The plugin should return an error if it is aware of a condition where the container is generally unreachable.
	`, func(t *testing.T, s spec) {
		s.wantBroken(t,
			breach{"host link", "ip link set IF down", false},
			breach{"gateway", "ip link set GW down", false},
			breach{"host link's pod end", "ip link set IF down", true},
			breach{"gateway's pod end", "ip link set GW down", true},
			breach{"forwarding", "sysctl -qw net.ipv4.conf.GW.forwarding=0", false},
		)
	})
}

// TestSpecCHECKAfterADD: directly after ADD, twice, of a tap that nobody has
// opened; it says nothing and changes nothing.
func TestSpecCHECKAfterADD(t *testing.T) {
	fulfil(t, fromCheck, "\n"+
		"The plugin must handle `CHECK` being called immediately after an `ADD`, and therefore should allow a reasonable convergence delay for any asynchronous resources.",
		func(t *testing.T, s spec) {
			p := s.newPod(t, "p")
			call := p.call("eth0", s.switched())
			added := s.run(t, call.Conf, variables("ADD", call, s.Bin))
			checked := s.run(t, withPrevResult(t, call.With([]byte(added.stdout))), variables("CHECK", call, s.Bin))
			checked.success(t)
			expect(t, "stdout", checked.stdout, "")
			s.settled(t, &attachment{t, s.node, call, cni.ParseResult(t, []byte(added.stdout))})
			before := takeAll(t, s.NS, p.NS)
			s.run(t, withPrevResult(t, call.With([]byte(added.stdout))), variables("CHECK", call, s.Bin)).success(t)
			before.wantUnchanged(t)
		})
}

// TestSpecCHECKNeedsTheSameParameters: another namespace or configuration than
// ADD's is a difference, not a mistake.
func TestSpecCHECKNeedsTheSameParameters(t *testing.T) {
	fulfil(t, fromCheck, "\n"+
		"All parameters, with the exception of `CNI_PATH`, must be the same as the corresponding `ADD` for this container.",
		func(t *testing.T, s spec) {
			p := s.newPod(t, "p")
			a := s.attach(t, p, "eth0", s.switched())
			elsewhere := a.call
			elsewhere.Netns = s.newPod(t, "q").Path()
			wantFault(t, s.Check(t, elsewhere), 101, "missing")
			env := variables("CHECK", a.call, s.Bin)
			env["CNI_PATH"] = "/nowhere:/else"
			s.run(t, withPrevResult(t, a.call), env).success(t)
			never := a.call
			never.ContainerID = "q"
			wantFault(t, s.Check(t, never), 101, "q@eth0", "missing")
			a.del()
			wantFault(t, s.Check(t, a.call), 101, "p@eth0", "missing")
		})
}
