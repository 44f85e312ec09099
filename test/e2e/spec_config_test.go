package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// verbs are those of a spec version that read a configuration.
func (s spec) verbs() []string {
	all := []string{"ADD", "DEL"}
	if s.has(fromCheck) {
		all = append(all, "CHECK")
	}
	if s.has(fromStatus) {
		all = append(all, "GC", "STATUS")
	}
	return all
}

// wantRefused demands that each verb refuses each stdin, and that nothing
// happens.
func (s spec) wantRefused(t *testing.T, code uint, words []string, stdins ...string) {
	t.Helper()
	p := s.newPod(t, "refused")
	before := takeAll(t, s.NS, p.NS)
	for _, stdin := range stdins {
		for _, verb := range s.verbs() {
			t.Run(verb+" "+stdin, func(t *testing.T) {
				wantFault(t, s.run(t, stdin, variables(verb, p.call("eth0", ""), s.Bin)).fault(t), code, words...)
			})
		}
	}
	before.wantUnchanged(t)
}

// TestSpecMalformedInput: what is no JSON object, and one whose version or name
// is of another type.
func TestSpecMalformedInput(t *testing.T) {
	fulfil(t, fromFirst, `
		Plugins should output a JSON object with the following keys if they encounter an error:
	`, func(t *testing.T, s spec) {
		whole := s.switched()
		s.wantRefused(t, 6, nil,
			"", "  ", "{", "[]", `"vmnet"`, "5", "nonsense", whole[:len(whole)-1], whole+"{}", whole+"]",
			strings.Replace(whole, fmt.Sprintf("%q", s.version), "5", 1),
			strings.Replace(whole, `"vmnet"`, `{"a": 1}`, 1),
		)
	})
}

// TestSpecNetworkName: a network without a name, or with one that the
// specification does not have.
func TestSpecNetworkName(t *testing.T) {
	fulfil(t, fromFirst, `
		Must start with an alphanumeric character, optionally followed by any combination of one or more alphanumeric characters, underscore, dot (.) or hyphen (-). Must not contain characters disallowed in file paths.
	`, func(t *testing.T, s spec) {
		stdins := []string{fmt.Sprintf(`{"cniVersion": %q, "type": "vmtap"}`, s.version)}
		for _, name := range []string{"", "-a", ".a", "_a", "..", "a/b", `a\\b`, "a b", "ä", "a:b"} {
			stdins = append(stdins, strings.Replace(s.switched(), `"vmnet"`, `"`+name+`"`, 1))
		}
		s.wantRefused(t, 7, []string{"name"}, stdins...)
		p := s.newPod(t, "p")
		for _, name := range []string{"a", "0", "A_b.c-9", "a..", strings.Repeat("n", 100)} {
			s.attach(t, p, "eth0", s.blockOf(name, createConf)).del()
		}
	})
}

// TestSpecIncompatibleVersion: a cniVersion that is not supported is code 1
// for each verb, at the versions that lack a verb too.
func TestSpecIncompatibleVersion(t *testing.T) {
	fulfil(t, fromFirst, `
		Plugins should output a JSON object with the following keys if they encounter an error:
	`, func(t *testing.T, s spec) {
		var stdins []string
		for _, version := range []string{"0.1.0", "0.2.0", "0.3.2", "1.0.1", "1.2.0", "2.0.0", "9.9.9"} {
			stdins = append(stdins, strings.Replace(s.switched(), fmt.Sprintf("%q", s.version), fmt.Sprintf("%q", version), 1))
		}
		s.wantRefused(t, 1, nil, stdins...)
		p := s.newPod(t, "p")
		a := s.attach(t, p, "eth0", s.switched())
		stdin := with(t, withPrevResult(t, a.call), "cni.dev/valid-attachments", []byte("[]"))
		s.settled(t, a)
		before := takeAll(t, s.NS, p.NS)
		for _, verb := range []string{"CHECK", "GC", "STATUS"} {
			if !slices.Contains(s.verbs(), verb) {
				wantFault(t, s.run(t, stdin, variables(verb, a.call, s.Bin)).fault(t), 1, verb)
			}
		}
		before.wantUnchanged(t)
	})
}

// TestSpecUnsupportedField: a key that vmtap does not know.
func TestSpecUnsupportedField(t *testing.T) {
	fulfil(t, fromFirst, `
		The error message must contain the key and value of the unsupported field.
	`, func(t *testing.T, s spec) {
		p := s.newPod(t, "p")
		before := takeAll(t, s.NS, p.NS)
		for _, c := range [][]string{
			{`"keyA": "some more"`, "keyA", "some more"},
			{`"keyA": 5`, "keyA", "5"},
			{`"bridge": "cni0"`, "bridge", "cni0"},
			{`"tap": {"keyA": true}`, "tap.keyA", "true"},
		} {
			call := p.call("eth0", s.block(c[0]))
			wantFault(t, s.run(t, call.Conf, variables("ADD", call, s.Bin)).fault(t), 2, c[1:]...)
		}
		before.wantUnchanged(t)
	})
}

// TestSpecWellKnownKeys: of the keys with a standard meaning dns is passed to
// whom it is for. ipMasq and ipam stand here as what changes nothing.
func TestSpecWellKnownKeys(t *testing.T) {
	fulfil(t, fromFirst, `
		Plugins that consume any of these configuration keys should respect their intended semantics.
	`, func(t *testing.T, s spec) {
		a := s.attach(t, s.newPod(t, "p"), "eth0", s.block(createConf+`, "ipMasq": false, "ipam": {}, "dns": {
			"nameservers": ["10.0.0.53", "fd00::53"], "domain": "example.org", "search": ["a.example", "b.example"], "options": ["ndots:5"]}`))
		expect(t, "nameservers", a.DNS.Nameservers, []string{"10.0.0.53", "fd00::53"})
		expect(t, "domain", a.DNS.Domain, "example.org")
		expect(t, "search", a.DNS.Search, []string{"a.example", "b.example"})
		expect(t, "options", a.DNS.Options, []string{"ndots:5"})
	})
}

// TestSpecKeysOfTheRuntime: what the protocol or libcni puts into a request
// stops no verb.
func TestSpecKeysOfTheRuntime(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"All other fields not prefixed with `cni.dev/` should be passed through unaltered.",
		func(t *testing.T, s spec) {
			p := s.newPod(t, "p")
			a := s.attach(t, p, "eth0", s.block(createConf+`, "cniVersions": ["0.4.0", "1.1.0", "9.9.9"], "capabilities": {"portMappings": true, "mac": true},
				"runtimeConfig": {"portMappings": [{"hostPort": 80}]}, "args": {"cni": {"labels": []}}, "cni.dev/valid-attachments": `+valid("p@eth0")+`,
				"cni.dev/attachments": null, "cni.dev/anything": {"at": "all"}, "prevResult": null`))
			for _, verb := range s.verbs()[1:] {
				if verb == "DEL" {
					continue
				}
				s.run(t, withPrevResult(t, a.call), variables(verb, a.call, s.Bin)).success(t)
			}
			a.del()
			s.noVMLinks(t)
		})
}

// TestSpecPrevResultOfOtherVersions: a prevResult has its own version. One
// whose form is that of the request's version is understood, any other refused,
// and nothing stops DEL.
func TestSpecPrevResultOfOtherVersions(t *testing.T) {
	fulfil(t, fromFirst, `
		If the plugin was supplied a `+"`prevResult` as part of its input configuration, it MUST handle `prevResult`"+` by either passing it through, or modifying it appropriately.
	`, func(t *testing.T, s spec) {
		for _, version := range versions(s.version) {
			t.Run(version, func(t *testing.T) {
				p := s.newPod(t, "p")
				call := p.call("eth0", s.switched()).With(earlierResult(t, version, p))
				if oldForm(version) == oldForm(s.version) {
					a := s.attachBy(t, call)
					expect(t, "version", versionOf(t, a.call.PrevResult), s.version)
					expect(t, "first interface", a.Interfaces[0].Name, "earlier0")
					a.del()
					return
				}
				before := takeAll(t, s.NS, p.NS)
				_, fault := s.Add(t, call)
				wantFault(t, fault, 6, "prevResult")
				before.wantUnchanged(t)
				a := s.attach(t, p, "eth0", s.switched())
				a.call.PrevResult = call.PrevResult
				if s.has(fromCheck) {
					wantFault(t, s.Check(t, a.call), 6, "prevResult")
				}
				a.del()
				s.noVMLinks(t)
			})
		}
	})
}

// versions are all spec versions but one.
func versions(but string) []string {
	all := []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}
	return slices.DeleteFunc(all, func(v string) bool { return v == but })
}

// versionOf is the version that a result says it has.
func versionOf(t *testing.T, stdout []byte) string {
	t.Helper()
	var r struct {
		CNIVersion string `json:"cniVersion"`
	}
	one(t, string(stdout), &r)
	return r.CNIVersion
}

// oldForm reports whether results of a spec version have the form before 1.0.0.
func oldForm(version string) bool { return !since(version, "1.0.0") }
