package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/types/create"
	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/pkg/config"
)

// keys are what the objects of a result may have, and must have, in a spec
// version.
func (s spec) keys() map[string][]string {
	all := map[string][]string{
		"":           {"cniVersion", "dns", "interfaces", "ips", "routes"},
		"interfaces": {"mac", "name"}, // sandbox: only in a container
		"ips":        {"address", "gateway", "interface"},
		"routes":     {"dst", "gw"},
	}
	if s.has("1.1.0") {
		all["interfaces"] = append(all["interfaces"], "mtu")
	}
	if !s.has("1.0.0") {
		all["ips"] = append(all["ips"], "version")
	}
	return all
}

// TestSpecResultKeys: each object has all keys of its spec version and no
// other.
func TestSpecResultKeys(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"For certain operations, plugins must output result information. The output should be serialized as JSON on standard out.\n"+
		"Plugins must output a JSON object with the following keys upon a successful `ADD` operation:",
		func(t *testing.T, s spec) {
			a := s.attach(t, s.newPod(t, "p"), "eth0", s.block(createConf+`, "dns": {"nameservers": ["10.0.0.53"]}`))
			var top map[string]json.RawMessage
			one(t, string(a.call.PrevResult), &top)
			expect(t, "the result's version", versionOf(t, a.call.PrevResult), s.version)
			want := s.keys()
			expect(t, "keys of the result", sortedKeys(top), want[""])
			for name, n := range map[string]int{"interfaces": 5, "ips": 2, "routes": 2} {
				var list []map[string]json.RawMessage
				one(t, string(top[name]), &list)
				expect(t, "number of "+name, len(list), n)
				for i, object := range list {
					delete(object, "sandbox")
					expect(t, fmt.Sprintf("keys of %s[%d]", name, i), sortedKeys(object), sorted(want[name]))
				}
			}
			if !s.has("1.0.0") {
				expect(t, "ips' versions", strings.Count(string(top["ips"]), `"version": "4"`)+10*strings.Count(string(top["ips"]), `"version": "6"`), 11)
			}
		})
}

func sortedKeys(object map[string]json.RawMessage) []string {
	var keys []string
	for key := range object {
		keys = append(keys, key)
	}
	return sorted(keys)
}

func sorted(all []string) []string { return slices.Sorted(slices.Values(all)) }

// shapes are attachments that do not look alike: the tap in the pod, with
// veths, in the host's namespace, and a veth instead of it.
func (s spec) shapes() map[string]string {
	return map[string]string{
		"pod":        s.switched(),
		"pod, local": s.block(""),
		"host":       s.block(`"placement": "host", ` + createConf),
		"veth":       s.block(`"device": "veth", ` + createConf),
	}
}

// eachShape runs a test for an attachment of each shape.
func (s spec) eachShape(t *testing.T, test func(t *testing.T, p *pod, a *attachment)) {
	t.Helper()
	for name, block := range s.shapes() {
		t.Run(name, func(t *testing.T) {
			p := s.newPod(t, "p")
			a := s.attach(t, p, "eth0", block)
			test(t, p, a)
			s.wantCheck(t, a)
			a.del()
			s.noVMLinks(t)
			p.onlyLoopback(t)
		})
	}
}

// TestSpecResultInterfaces: all that was made, each in its sandbox: none for
// the host's, CNI_NETNS for the pod's. A guest's side of a tap is in no
// namespace; its sandbox is the container.
func TestSpecResultInterfaces(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"For interfaces created inside the container, this should be the value passed via `CNI_NETNS`.",
		func(t *testing.T, s spec) {
			s.eachShape(t, func(t *testing.T, p *pod, a *attachment) {
				listed := map[[2]string]bool{}
				for _, i := range a.Interfaces {
					listed[[2]string{i.Name, i.Sandbox}] = true
					if i.Sandbox == p.id {
						expect(t, "the guest's name", i.Name, "eth0")
						continue
					}
					if i.Sandbox != "" && i.Sandbox != p.Path() {
						t.Errorf("%s is in %q, which is neither CNI_NETNS nor the container", i.Name, i.Sandbox)
					}
					l := s.linkOf(t, p, i.Sandbox, i.Name)
					if l.Info.Kind != "tun" || i.Sandbox != "" { // the host's tap has an address of its own
						expect(t, "mac of "+i.Name, l.Address, i.Mac)
					}
					if s.has("1.1.0") {
						expect(t, "mtu of "+i.Name, l.MTU, i.Mtu)
					}
				}
				if p.Command("ip", "link", "show", "eth0").Run() == nil && !listed[[2]string{"eth0", p.Path()}] {
					t.Errorf("eth0 of the pod is not listed: %v", listed)
				}
				for _, name := range s.hostLinks(t) {
					// The gateway's other end only passes on.
					if !strings.Contains(name, "-gp") && !listed[[2]string{name, ""}] {
						t.Errorf("%s is not listed: %v", name, listed)
					}
				}
			})
		})
}

// linkOf is a link that a result lists.
func (s spec) linkOf(t *testing.T, p *pod, sandbox, name string) link {
	t.Helper()
	if sandbox == "" {
		return s.link(t, name)
	}
	return p.link(t, name)
}

// TestSpecResultIPs: each address says to which interface it is to be applied,
// one that is there, and has the gateway that answers for it.
func TestSpecResultIPs(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"`interface` (uint): the index into the `interfaces` list for a [CNI Plugin Result](#result) indicating which interface this IP configuration should be applied to.",
		func(t *testing.T, s spec) {
			s.eachShape(t, func(t *testing.T, _ *pod, a *attachment) {
				layer3 := a.hostLink()
				if name := a.gateway(); slices.Contains(s.hostLinks(t), name) {
					layer3 = name
				}
				host := s.link(t, layer3).addrs()
				expect(t, "number of addresses", len(a.IPs), 2)
				for _, ip := range a.IPs {
					if ip.Interface == nil || *ip.Interface < 0 || *ip.Interface >= len(a.Interfaces) {
						t.Fatalf("%s belongs to no interface", ip.Address.String())
					}
					expect(t, "interface of "+ip.Address.String(), a.Interfaces[*ip.Interface].Name, "eth0")
					size, _ := ip.Address.Mask.Size()
					if want := fmt.Sprintf("%s/%d", ip.Gateway, size); !slices.Contains(host, want) {
						t.Errorf("the host has %q, not %s", host, want)
					}
				}
			})
		})
}

// TestSpecResultConverts: the CNI library reads the result, and makes one of
// each spec version of it and back, without loss but of the mtu, for which
// versions before 1.0.0 have no place.
func TestSpecResultConverts(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"If the CNI plugin is successful, it must output a [result structure](#Success) (see below) on standard out.",
		func(t *testing.T, s spec) {
			a := s.attach(t, s.newPod(t, "p"), "eth0", s.block(createConf+`, "dns": {"nameservers": ["10.0.0.53"], "search": ["a.example"]},
				"routes": [{"dst": "10.0.0.0/8"}, {"dst": "2001:db8::/32", "gw": "fd00::1"}]`))
			r, err := create.CreateFromBytes(a.call.PrevResult)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, "version", r.Version(), s.version)
			for _, other := range config.Versions() {
				there, err := r.GetAsVersion(other)
				if err != nil {
					t.Fatalf("convert to %s: %v", other, err)
				}
				text := printed(t, there)
				expect(t, "version", versionOf(t, []byte(text)), other)
				// Read anew, as a runtime does that keeps it.
				read, err := create.CreateFromBytes([]byte(text))
				if err != nil {
					t.Fatalf("read what is converted to %s: %v", other, err)
				}
				back, err := read.GetAsVersion(s.version)
				if err != nil {
					t.Fatalf("convert back from %s: %v", other, err)
				}
				want := printed(t, r)
				if oldForm(other) {
					want = withoutMTU(want)
				}
				if diff := cmp.Diff(want, printed(t, back)); diff != "" {
					t.Errorf("by way of %s (-want +got):\n%s", other, diff)
				}
			}
		})
}

// withoutMTU drops the interfaces' mtu from a printed result.
func withoutMTU(text string) string {
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, `"mtu"`) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}
