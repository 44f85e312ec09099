package e2e

import (
	"encoding/json"
	"fmt"
	"net"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/test/cni"
)

// TestSpecADDCreatesTheInterface
func TestSpecADDCreatesTheInterface(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"A CNI plugin, upon receiving an `ADD` command, should either - create the interface defined by `CNI_IFNAME` inside the container at `CNI_NETNS`, or\n"+
		"If the CNI plugin is successful, it must output a [result structure](#Success) (see below) on standard out.",
		func(t *testing.T, s spec) {
			p, other := s.newPod(t, "p"), s.newPod(t, "q")
			call := p.call("eth0", s.switched())
			out := s.run(t, call.Conf, variables("ADD", call, s.Bin))
			out.success(t)
			one(t, out.stdout, new(any))
			eth0 := p.link(t, "eth0")
			expect(t, "kind", eth0.Info.Kind, "tun")
			expect(t, "address", eth0.Address, lastOf(cni.ParseResult(t, []byte(out.stdout)).Interfaces).Mac)
			other.onlyLoopback(t)
			if s.Command("ip", "link", "show", "dev", "eth0").Run() == nil {
				t.Error("eth0 is in the host's namespace")
			}
		})
}

func lastOf[T any](all []T) T { return all[len(all)-1] }

// TestSpecADDRefusesAnExistingInterface: of any kind, up or down, and an
// altname too; what was there stays as it was.
func TestSpecADDRefusesAnExistingInterface(t *testing.T) {
	fulfil(t, fromFirst, `
		If an interface of the requested name already exists in the container, the CNI plugin MUST return with an error.
	`, func(t *testing.T, s spec) {
		for name, made := range map[string][]string{
			"bridge":  {"link", "add", "eth0", "type", "bridge"},
			"veth":    {"link", "add", "eth0", "up", "type", "veth", "peer", "name", "peer0"},
			"tap":     {"tuntap", "add", "eth0", "mode", "tap"},
			"tun":     {"tuntap", "add", "eth0", "mode", "tun"},
			"altname": {"link", "property", "add", "dev", "lo", "altname", "eth0"},
		} {
			t.Run(name, func(t *testing.T) {
				p := s.newPod(t, "p")
				p.Run(t, "ip", made...)
				before := takeAll(t, s.NS, p.NS)
				_, fault := s.Add(t, p.call("eth0", s.switched()))
				wantFault(t, fault, 100, "eth0")
				before.wantUnchanged(t)
			})
		}
	})
}

// TestSpecADDTwice: the second ADD of an attachment is an error and harms
// nothing. Another interface name is another attachment, another container too.
func TestSpecADDTwice(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"A runtime should not call `ADD` twice (without an intervening DEL) for the same `(CNI_CONTAINERID, CNI_IFNAME)` tuple.",
		func(t *testing.T, s spec) {
			p := s.newPod(t, "p")
			a := s.attach(t, p, "eth0", s.switched())
			s.settled(t, a)
			before := takeAll(t, s.NS, p.NS)
			for _, again := range []cni.Call{a.call.With(nil), a.call, s.newPod(t, "p").call("eth0", s.switched()), p.call("eth0", s.blockOf("othernet", ""))} {
				_, fault := s.Add(t, again)
				wantFault(t, fault, 100, "p@eth0", "exists")
			}
			before.wantUnchanged(t)
			s.wantCheck(t, a)
			s.wantCheck(t, s.attach(t, p, "net1", s.switched()))
			s.wantCheck(t, s.attach(t, s.newPod(t, "q"), "eth0", s.switched()))
			a.del()
			s.wantCheck(t, s.attach(t, p, "eth0", s.switched()))
		})
}

// earlierResult is what an earlier plugin of a chain could have printed.
func earlierResult(t *testing.T, version string, p *pod) []byte {
	t.Helper()
	r := &types100.Result{
		CNIVersion: types100.ImplementedSpecVersion,
		Interfaces: []*types100.Interface{
			{Name: "earlier0", Mac: "02:00:00:00:01:01"},
			{Name: "other0", Mac: "02:00:00:00:01:02", Sandbox: p.Path()},
		},
		IPs: []*types100.IPConfig{
			{Interface: types100.Int(1), Address: cidr(t, "10.1.0.5/16"), Gateway: net.ParseIP("10.1.0.1")},
			{Interface: types100.Int(1), Address: cidr(t, "2001:db8::5/64")},
		},
		Routes: []*types.Route{{Dst: cidr(t, "10.0.0.0/8"), GW: net.ParseIP("10.1.0.1")}},
		DNS:    types.DNS{Nameservers: []string{"10.1.0.53"}, Domain: "example.org", Search: []string{"a.example"}, Options: []string{"ndots:5"}},
	}
	versioned, err := r.GetAsVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(versioned)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func cidr(t *testing.T, s string) net.IPNet {
	t.Helper()
	ip, n, err := net.ParseCIDR(s)
	if err != nil {
		t.Fatal(err)
	}
	return net.IPNet{IP: ip, Mask: n.Mask}
}

// TestSpecADDPassesPrevResult: all that an earlier plugin printed stands in
// the result as it was, vmtap's own behind it.
func TestSpecADDPassesPrevResult(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"If the plugin was supplied a `prevResult` as part of its input configuration, it MUST handle `prevResult` by either passing it through, or modifying it appropriately.\n"+
		"Plugins provided a `prevResult` key as part of their request configuration must output it as their result, with any possible modifications made by that plugin included.",
		func(t *testing.T, s spec) {
			p := s.newPod(t, "p")
			alone := s.attach(t, p, "eth0", s.switched())
			alone.del()
			earlier := earlierResult(t, s.version, p)
			a := s.attachBy(t, p.call("eth0", s.switched()).With(earlier))
			want := cni.ParseResult(t, earlier)
			shift := len(want.Interfaces)
			want.Interfaces = append(want.Interfaces, alone.Interfaces...)
			for _, ip := range alone.IPs {
				ip.Interface = types100.Int(*ip.Interface + shift)
				want.IPs = append(want.IPs, ip)
			}
			want.Routes = append(want.Routes, alone.Routes...)
			if diff := cmp.Diff(printed(t, want), printed(t, a.Result)); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			s.wantCheck(t, a)
		})
}

func printed(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestSpecConcurrentContainers: calls for different containers at once, which
// share a switch and the range of vmids.
func TestSpecConcurrentContainers(t *testing.T) {
	fulfil(t, fromFirst, `
		Plugins must handle being executed concurrently across different containers. If necessary, they must implement locking on shared resources (e.g. IPAM databases).
	`, func(t *testing.T, s spec) {
		const containers = 6
		calls := make([]cni.Call, containers)
		for i := range calls {
			// All want the same vmid.
			calls[i] = s.newPod(t, fmt.Sprint("c", i)).call("eth0", s.switched())
			calls[i].Args = "VMNAME=same"
		}
		results := s.atOnce(t, "ADD", calls)
		seen := map[string]bool{}
		for i, stdout := range results {
			r := cni.ParseResult(t, stdout)
			for _, id := range []string{r.IPs[0].Address.String(), r.IPs[1].Address.String(), lastOf(r.Interfaces).Mac} {
				if seen[id] {
					t.Errorf("two containers have %s", id)
				}
				seen[id] = true
			}
			calls[i] = calls[i].With(stdout)
		}
		if s.has(fromCheck) {
			s.atOnce(t, "CHECK", calls)
		}
		s.atOnce(t, "DEL", calls)
		s.noVMLinks(t)
	})
}

// atOnce makes all calls at one time, and demands that all succeed.
func (s spec) atOnce(t *testing.T, verb string, calls []cni.Call) [][]byte {
	t.Helper()
	type ending struct {
		i      int
		stdout []byte
		fault  *cni.Error
		err    error
	}
	endings := make(chan ending)
	for i, call := range calls {
		go func() {
			stdout, fault, err := s.Invoke(verb, call)
			endings <- ending{i, stdout, fault, err}
		}()
	}
	results := make([][]byte, len(calls))
	for range calls {
		e := <-endings
		if e.err != nil || e.fault != nil {
			t.Errorf("%s of %s: %v %s", verb, calls[e.i].ContainerID, e.err, e.fault)
		}
		results[e.i] = e.stdout
	}
	if t.Failed() {
		t.FailNow()
	}
	return results
}
