package e2e

import (
	"net"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
)

// TestSpecCapabilities: of CONVENTIONS.md those that say what an interface has:
// mac, and ips, which for a local interface must be the VM's own. containerd
// capitalises the keys. Runtimes leave `capabilities` in the request, or take it
// out, as the specification has it.
func TestSpecCapabilities(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"Plugin authors should aim to support these conventions where it makes sense for their plugin.\n"+
		"Plugins should accept arguments according to these conventions if they implement the same basic functionality as other plugins.\n"+
		"Dynamic information (i.e. data that a runtime fills out) should be placed in a `runtimeConfig` section.\n"+
		"`capabilities`: must not be set",
		func(t *testing.T, s spec) {
			const mac = "02:00:00:00:00:42"
			for name, c := range map[string]struct{ capabilities, runtimeConfig string }{
				"declared":        {`"capabilities": {"mac": true, "ips": true},`, `{"mac": "` + mac + `", "ips": ["100.64.7.3/31", "fd00::6440:703:0:2"]}`},
				"capitalised":     {`"capabilities": {"mac": true, "ips": true},`, `{"Mac": "` + mac + `", "Ips": ["100.64.7.3"]}`},
				"taken out":       {``, `{"mac": "` + mac + `", "ips": ["100.64.7.3/31"]}`},
				"others' as well": {`"capabilities": {"mac": true, "portMappings": true},`, `{"mac": "` + mac + `", "portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}], "dns": {"servers": ["8.8.8.8"]}}`},
			} {
				t.Run(name, func(t *testing.T) {
					p := s.newPod(t, "p")
					call := p.call("eth0", s.block(c.capabilities+`"runtimeConfig": `+c.runtimeConfig))
					call.Args = "VMID=7"
					a := s.attachBy(t, call)
					expect(t, "mac", lastOf(a.Interfaces).Mac, mac)
					expect(t, "mac of the tap", p.link(t, "eth0").Address, mac)
					expect(t, "address", a.IPs[0].Address.String(), "100.64.7.3/31")
					s.wantCheck(t, a)
					a.del()
				})
			}
		})
}

// TestSpecCapabilitiesRefused: a value that is malformed, or that vmtap cannot
// act on.
func TestSpecCapabilitiesRefused(t *testing.T) {
	fulfil(t, fromFirst, `
		It should return an error if it can't act on fields that were expected or where the field values were malformed.
	`, func(t *testing.T, s spec) {
		p := s.newPod(t, "p")
		before := takeAll(t, s.NS, p.NS)
		for runtimeConfig, word := range map[string]string{
			`{"mac": "x"}`:                       "mac",
			`{"mac": "01:00:5e:00:00:01"}`:       "mac",
			`{"mac": 5}`:                         "mac",
			`{"ips": "10.0.0.1"}`:                "ips",
			`{"ips": ["10.0.0.256"]}`:            "ips",
			`{"ips": ["192.0.2.9"]}`:             "192.0.2.9",
			`{"mac": "02::1", "Mac": "02:0::2"}`: "mac",
		} {
			call := p.call("eth0", s.block(`"capabilities": {"mac": true, "ips": true}, "runtimeConfig": `+runtimeConfig))
			call.Args = "VMID=7"
			_, fault := s.Add(t, call)
			if fault == nil {
				t.Errorf("%s is accepted", runtimeConfig)
				continue
			}
			wantFault(t, fault, fault.Code, word)
		}
		before.wantUnchanged(t)
	})
}

// TestSpecArgs: args that vmtap does not know are not its own. Its own are
// under args.cni, as all of the conventions.
func TestSpecArgs(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"Runtimes can place additional data in `args` and plugins that don't understand that data should just ignore it.",
		func(t *testing.T, s spec) {
			for _, args := range []string{
				`null`, `{}`, `{"cni": null}`, `{"cni": {}}`,
				`{"cni": {"labels": [{"key": "app", "value": "myapp"}], "ips": ["10.2.2.42/24"]}, "org.example": [1, {"a": null}], "x": "y"}`,
			} {
				a := s.attach(t, s.newPod(t, "p"), "eth0", s.block(`"args": `+args))
				s.wantCheck(t, a)
				a.del()
			}
			a := s.attach(t, s.newPod(t, "p"), "eth0", s.block(`"args": {"cni": {"labels": [], "vmtap": {"vmid": 7}}}`))
			expect(t, "host link", a.hostLink(), "vm7-if0")
		})
}

// TestSpecArgsBeforeCNI_ARGS: what stands in both is taken from args.
func TestSpecArgsBeforeCNIArgs(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"The use of `CNI_ARGS` is deprecated and \"args\" should be used instead. If a runtime passes an equivalent key via `args` (eg the `ips` `args` Area and the `CNI_ARGS` `IP` Field) and the plugin understands `args`, the plugin must ignore the CNI_ARGS Field.",
		func(t *testing.T, s spec) {
			call := s.newPod(t, "p").call("eth0", s.block(`"args": {"cni": {"vmtap": {"vmid": 7, "lladdr": "02:00:00:00:00:07", "name": "by-args"}}}`))
			call.Args = "VMID=8;MAC=02:00:00:00:00:08;VMNAME=by-variable"
			a := s.attachBy(t, call)
			expect(t, "host link", a.hostLink(), "vm7-if0")
			expect(t, "alias", s.link(t, "vm7-if0").Alias, "vm7-if0-by-args")
			expect(t, "mac", lastOf(a.Interfaces).Mac, "02:00:00:00:00:07")
			s.wantCheck(t, a)
		})
}

// TestSpecCNIArgs: pairs in any order. What is unknown is an error, unless
// IgnoreUnknown says otherwise, as with the reference plugins.
func TestSpecCNIArgs(t *testing.T) {
	fulfil(t, fromFirst, `
		The error message must contain the names of invalid variables.
	`, func(t *testing.T, s spec) {
		for _, args := range []string{
			"VMID=7", "IgnoreUnknown=1;VMID=7", "VMID=7;FOO=BAR;ABC=123;IgnoreUnknown=true", "K8S_POD_UID=u;VMID=7", "FOO=;IgnoreUnknown=True;VMID=7",
		} {
			call := s.newPod(t, "p").call("eth0", s.block(""))
			call.Args = args
			a := s.attachBy(t, call)
			expect(t, "host link with "+args, a.hostLink(), "vm7-if0")
			s.wantCheck(t, a)
			a.del()
		}
		p := s.newPod(t, "p")
		before := takeAll(t, s.NS, p.NS)
		for args, word := range map[string]string{
			"VMID=7;FOO=BAR": "FOO", "FOO=BAR;IgnoreUnknown=0": "FOO", "VMID": "VMID", "=7": "=7", "VMID=7;VMID=8": "VMID", "VMID=7;;": "KEY=value", "IgnoreUnknown=x": "IgnoreUnknown",
		} {
			call := p.call("eth0", s.block(""))
			call.Args = args
			wantFault(t, s.run(t, call.Conf, variables("ADD", call, s.Bin)).fault(t), 4, "CNI_ARGS", word)
		}
		before.wantUnchanged(t)
	})
}

// TestSpecChained: vmtap as a later plugin of a chain gives the earlier one's
// interface, whatever its kind, to a guest, and takes away its own alone.
func TestSpecChained(t *testing.T) {
	fulfil(t, fromFirst, `
		If plugins are agnostic about the type of interface created, they SHOULD work in a chained mode and configure existing interfaces.
	`, func(t *testing.T, s spec) {
		for kind, made := range map[string]string{
			"veth":   "link add eth0 type veth peer name earlier0\nlink set earlier0 up",
			"tap":    "tuntap add eth0 mode tap",
			"bridge": "link add eth0 type bridge",
		} {
			t.Run(kind, func(t *testing.T) {
				p := s.newPod(t, "p")
				p.RunInput(t, made+"\nlink set eth0 up address 02:00:00:00:00:11\naddress add 10.9.0.5/24 dev eth0\n", "ip", "-batch", "-")
				before := takeAll(t, s.NS, p.NS)
				a := s.attachBy(t, p.call("eth0", s.block(chainedConf)).With(s.altered(t, &attachment{Result: &types100.Result{}}, func(r *types100.Result) {
					r.Interfaces = []*types100.Interface{{Name: "eth0", Mac: "02:00:00:00:00:11", Sandbox: p.Path()}}
					r.IPs = []*types100.IPConfig{{Interface: types100.Int(0), Address: cidr(t, "10.9.0.5/24"), Gateway: net.ParseIP("10.9.0.1")}}
				})))
				expect(t, "first interface", a.Interfaces[0].Name, "eth0")
				expect(t, "kind of tap0", p.link(t, "tap0").Info.Kind, "tun")
				s.wantCheck(t, a)
				a.del()
				a.del()
				before.wantUnchanged(t)
			})
		}
	})
}
