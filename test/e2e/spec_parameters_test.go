package e2e

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// required are the variables that each verb needs, and the spec version that
// brought the verb.
var required = []struct {
	command, from string
	names         []string
}{
	{"ADD", fromFirst, []string{"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"}},
	{"DEL", fromFirst, []string{"CNI_CONTAINERID", "CNI_IFNAME"}},
	{"CHECK", fromCheck, []string{"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"}},
	{"GC", fromStatus, []string{"CNI_PATH"}},
}

// TestSpecRequiredParameters: each variable missing, as empty or not there at
// all, and all at once; nothing happens then.
func TestSpecRequiredParameters(t *testing.T) {
	fulfil(t, fromFirst, `
		Required environment parameters:
		Must not be empty.
	`, func(t *testing.T, s spec) {
		p := s.newPod(t, "p")
		a := s.attach(t, p, "eth0", s.switched())
		s.settled(t, a)
		before := takeAll(t, s.NS, p.NS)
		for _, verb := range required {
			if !s.has(verb.from) {
				continue
			}
			whole := variables(verb.command, a.call, s.Bin)
			if verb.command == "ADD" {
				whole = variables("ADD", s.newPod(t, "q").call("eth0", ""), s.Bin)
			}
			for _, name := range verb.names {
				for _, gone := range []func(map[string]string){
					func(env map[string]string) { delete(env, name) },
					func(env map[string]string) { env[name] = "" },
				} {
					env := maps.Clone(whole)
					gone(env)
					fault := s.run(t, a.call.Conf, env).fault(t)
					wantFault(t, fault, 4, name)
					for _, other := range verb.names {
						if other != name && strings.Contains(fault.Msg, other) {
							t.Errorf("%s without %s: %q names %s", verb.command, name, fault.Msg, other)
						}
					}
				}
			}
			wantFault(t, s.run(t, a.call.Conf, map[string]string{"CNI_COMMAND": verb.command}).fault(t), 4, verb.names...)
		}
		before.wantUnchanged(t)
	})
}

// TestSpecOptionalParameters: what a verb needs is enough, for VERSION
// CNI_COMMAND alone.
func TestSpecOptionalParameters(t *testing.T) {
	fulfil(t, fromFirst, `
		Required environment parameters:
	`, func(t *testing.T, s spec) {
		p := s.newPod(t, "p")
		call := p.call("eth0", s.switched())
		for _, verb := range required {
			if !s.has(verb.from) || verb.command == "DEL" {
				continue
			}
			if verb.command == "GC" {
				call.Conf = with(t, call.Conf, "cni.dev/valid-attachments", []byte(valid("p@eth0")))
			}
			out := s.run(t, withPrevResult(t, call), only(verb.names, verb.command, call, s.Bin))
			out.success(t)
			if verb.command == "ADD" {
				call = call.With([]byte(out.stdout))
			}
		}
		if s.has(fromStatus) {
			s.run(t, call.Conf, map[string]string{"CNI_COMMAND": "STATUS"}).success(t)
		}
		s.run(t, `{"cniVersion": "1.0.0"}`, map[string]string{"CNI_COMMAND": "VERSION"}).success(t)
		s.run(t, call.Conf, only(required[1].names, "DEL", call, s.Bin)).success(t)
		s.noVMLinks(t)
		p.onlyLoopback(t)
	})
}

// only are a call's variables of these names, and the command.
func only(names []string, command string, c cni.Call, bin string) map[string]string {
	env := variables(command, c, bin)
	maps.DeleteFunc(env, func(name, _ string) bool { return name != "CNI_COMMAND" && !slices.Contains(names, name) })
	return env
}

// TestSpecUnknownCommand: a CNI_COMMAND that is none, and none at all.
func TestSpecUnknownCommand(t *testing.T) {
	fulfil(t, fromFirst, `
		The error message must contain the names of invalid variables.
	`, func(t *testing.T, s spec) {
		p := s.newPod(t, "p")
		before := takeAll(t, s.NS, p.NS)
		for _, command := range []string{"add", "UPDATE", " ADD", "ADD,DEL"} {
			call := p.call("eth0", s.switched())
			wantFault(t, s.run(t, call.Conf, variables(command, call, s.Bin)).fault(t), 4, "CNI_COMMAND", strings.TrimSpace(command))
		}
		// Without one it is a person who calls: see what the CNI library does.
		out := s.run(t, s.switched(), variables("", p.call("eth0", ""), s.Bin))
		if out.code != 0 || out.stdout != "" || !strings.Contains(out.stderr, "vmtap") {
			t.Errorf("without CNI_COMMAND: %+v", out)
		}
		before.wantUnchanged(t)
	})
}

// TestSpecContainerID: ids that the specification does not have are refused by
// each verb that is given one, and all others are taken.
func TestSpecContainerID(t *testing.T) {
	fulfil(t, fromFirst, `
		Must start with an alphanumeric character, optionally followed by any combination of one or more alphanumeric characters, underscore (), dot (.) or hyphen (-).
		The error message must contain the names of invalid variables.
	`, func(t *testing.T, s spec) {
		p := s.newPod(t, "p")
		before := takeAll(t, s.NS, p.NS)
		for _, id := range []string{"-p", ".p", "_p", "a/b", "a b", "a:b", "a@b", "ä", "a\n"} {
			call := p.call("eth0", s.switched())
			call.ContainerID = id
			for _, verb := range required[:3] {
				if s.has(verb.from) {
					wantFault(t, s.run(t, call.Conf, variables(verb.command, call, s.Bin)).fault(t), 4, "CNI_CONTAINERID")
				}
			}
		}
		before.wantUnchanged(t)
		for _, id := range []string{"a", "0", "Z9", "a_b.c-d", "a..b", "a--", strings.Repeat("f", 64), strings.Repeat("x", 96)} {
			call := p.call("eth0", s.switched())
			call.ContainerID = id
			s.attachBy(t, call).del()
		}
		s.noVMLinks(t)
	})
}

// TestSpecIfName: a name that no Linux interface can have, and one that is
// taken, are errors; any other is the interface's.
func TestSpecIfName(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"`CNI_IFNAME`: Name of the interface to create inside the container; if the plugin is unable to use this interface name it must return an error.\n"+
		"The error message must contain the names of invalid variables.",
		func(t *testing.T, s spec) {
			p := s.newPod(t, "p")
			before := takeAll(t, s.NS, p.NS)
			for _, name := range []string{"sixteen-letters1", ".", "..", "a/b", "a:b", "a b", "a\tb", "eth%d"} {
				call := p.call(name, s.switched())
				wantFault(t, s.run(t, call.Conf, variables("ADD", call, s.Bin)).fault(t), 4, "CNI_IFNAME")
			}
			wantFault(t, s.run(t, s.switched(), variables("ADD", p.call("lo", ""), s.Bin)).fault(t), 100, "lo")
			before.wantUnchanged(t)
			for _, name := range []string{"e", "eth0", "net1", "fifteen-letters", "a.b-c_d", "vm1-if0"} {
				a := s.attach(t, p, name, s.switched())
				expect(t, "kind of "+name, p.link(t, name).Info.Kind, "tun")
				a.del()
			}
			p.onlyLoopback(t)
		})
}
