package e2e

import (
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// recording is a delegate that keeps what each verb gave it, and fails the verb
// that $fail names.
const recording = `cat >$dir/$CNI_COMMAND.stdin; env >$dir/$CNI_COMMAND.env; echo words of $CNI_COMMAND >&2
[ "$(cat $dir/fail 2>/dev/null)" = $CNI_COMMAND ] && { echo '{"code": 142, "msg": "not now"}'; exit 1; }; ` + give

// failing lets the delegate fail a verb from now on, "" for none.
func (f fake) failing(t *testing.T, n *node, verb string) {
	t.Helper()
	n.RunInput(t, verb, "sh", "-c", `cat >"$0/fail"`, f.dir)
}

// delegated is a block with a delegate.
func (s spec) delegated() string {
	return s.block(createBridge0 + `, "ipam": {"type": "fake", "x": 1}`)
}

const createBridge0 = `"switch": {"interface": "bridge0", "create": true}`

// variablesOf are those of a call that finds the delegate.
func (s spec) variablesOf(verb string, c cni.Call) map[string]string {
	env := variables(verb, c, s.Bin)
	env["CNI_PATH"] = s.Plugin.Path
	env["SOMETHING"] = "else"
	return env
}

// TestSpecDelegateGetsTheRequest: from CNI_PATH's directories, with the
// environment and the whole configuration that vmtap got. What it says on
// stderr is on vmtap's.
func TestSpecDelegateGetsTheRequest(t *testing.T) {
	fulfil(t, fromFirst, `
		The delegated plugin must receive all the same environment variables that were passed in to the CNI plugin.
		When a plugin executes a delegated plugin, it should: - Look up the plugin binary by searching the directories provided in `+"`CNI_PATH`"+` environment variable. - Execute that plugin with the same environment and configuration that it received. - Ensure that the delegated plugin's stderr is output to the calling plugin's stderr.
	`, func(t *testing.T, s spec) {
		f := s.newFake(t, recording)
		call := s.newPod(t, "p").call("eth0", s.delegated())
		call.Args = "IgnoreUnknown=1;FOO=BAR"
		for _, verb := range []string{"ADD", "CHECK", "DEL"} {
			if verb == "CHECK" && !s.has(fromCheck) {
				continue
			}
			stdin, env := withPrevResult(t, call), s.variablesOf(verb, call)
			out := s.run(t, stdin, env)
			if out.code != 0 {
				t.Fatalf("%s: %s", verb, out.stdout)
			}
			expect(t, verb+"'s stderr", out.stderr, "words of "+verb+"\n")
			expect(t, verb+"'s configuration", f.said(t, verb+".stdin"), stdin)
			for name, value := range env {
				if !strings.Contains("\n"+f.said(t, verb+".env")+"\n", "\n"+name+"="+value+"\n") {
					t.Errorf("%s: the delegate has no %s=%s", verb, name, value)
				}
			}
			if verb == "ADD" {
				call = call.With([]byte(out.stdout))
			}
		}
	})
}

// TestSpecDelegateOfEachVerb: what calls vmtap calls the delegate, and the
// delegate's error is vmtap's.
func TestSpecDelegateOfEachVerb(t *testing.T) {
	fulfil(t, fromFirst, `
		it must also execute any delegated plugins. If any of the delegated plugins return error, error should be returned by the upper plugin.
		the `+"`bridge`"+` plugin should delegate the DEL action to the IPAM plugin and clean up its own resources even if the container network namespace and/or container network interface no longer exist.
	`, func(t *testing.T, s spec) {
		f := s.newFake(t, recording)
		p := s.newPod(t, "p")
		call := p.call("eth0", s.delegated())
		added := s.run(t, call.Conf, s.variablesOf("ADD", call))
		call = call.With([]byte(added.stdout))
		expect(t, "verbs", f.verbs(t), "ADD")
		closeNS(t, p)
		for _, fails := range []bool{true, false, false} {
			f.failing(t, s.node, "")
			if fails {
				f.failing(t, s.node, "DEL")
			}
			out := s.run(t, withPrevResult(t, call), s.variablesOf("DEL", call))
			if fails {
				wantFault(t, out.fault(t), 142, "not now")
			} else {
				expect(t, "exit status", out.code, 0)
			}
			expect(t, "verbs", f.verbs(t), "DEL")
			waitFor(t, "the links to go", func() bool { return len(s.hostLinks(t)) == 0 })
		}
	})
}

// TestSpecDelegateCHECK: both have to agree.
func TestSpecDelegateCHECK(t *testing.T) {
	fulfil(t, fromCheck, "\n"+
		"The plugin should call `CHECK` on any delegated (e.g. IPAM) plugins and pass any errors on to its caller.",
		func(t *testing.T, s spec) {
			f := s.newFake(t, recording)
			p := s.newPod(t, "p")
			call := p.call("eth0", s.delegated())
			added := s.run(t, call.Conf, s.variablesOf("ADD", call))
			call = call.With([]byte(added.stdout))
			expect(t, "exit status", s.run(t, withPrevResult(t, call), s.variablesOf("CHECK", call)).code, 0)
			f.failing(t, s.node, "CHECK")
			wantFault(t, s.run(t, withPrevResult(t, call), s.variablesOf("CHECK", call)).fault(t), 142, "not now")
			expect(t, "verbs", f.verbs(t), "ADD CHECK CHECK")
			f.failing(t, s.node, "")
			p.Run(t, "ip", "link", "set", "eth0", "down")
			wantFault(t, s.run(t, withPrevResult(t, call), s.variablesOf("CHECK", call)).fault(t), 101, "eth0")
		})
}

// TestSpecDelegateFailsADD: it is called with DEL before ADD fails, and nothing
// is left.
func TestSpecDelegateFailsADD(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"If, on `ADD`, a delegated plugin fails, the \"upper\" plugin should execute again with `DEL` before returning failure.",
		func(t *testing.T, s spec) {
			f := s.newFake(t, recording)
			p := s.newPod(t, "p")
			f.failing(t, s.node, "ADD")
			call := p.call("eth0", s.delegated())
			wantFault(t, s.run(t, call.Conf, s.variablesOf("ADD", call)).fault(t), 142, "not now")
			expect(t, "verbs", f.verbs(t), "ADD DEL")
			s.noVMLinks(t)
			p.onlyLoopback(t)
		})
}

// TestSpecDelegateSTATUS: its error is vmtap's.
func TestSpecDelegateSTATUS(t *testing.T) {
	fulfil(t, fromStatus, `
		it must also execute a `+"`STATUS`"+` request to that plugin when it receives a `+"`STATUS`"+` request for itself. If the delegated plugin return an error result, the executing plugin should return an error result.
	`, func(t *testing.T, s spec) {
		f := s.newFake(t, recording)
		call := cni.Call{Conf: s.delegated()}
		expect(t, "exit status", s.run(t, call.Conf, s.variablesOf("STATUS", call)).code, 0)
		f.failing(t, s.node, "STATUS")
		wantFault(t, s.run(t, call.Conf, s.variablesOf("STATUS", call)).fault(t), 50, "not now")
		expect(t, "verbs", f.verbs(t), "STATUS STATUS")
	})
}

// TestSpecDelegateGC: with the same list, an empty one too. A null, by which the
// runtime says nothing, is not passed on: a delegate could take it for an empty
// list, and give away addresses that are in use.
func TestSpecDelegateGC(t *testing.T) {
	fulfil(t, fromStatus, `
		Plugins MUST, additionally, forward any GC calls to delegated plugins they are configured to use (see section 4).
	`, func(t *testing.T, s spec) {
		f := s.newFake(t, recording)
		for _, list := range []string{valid("p@eth0"), "[]"} {
			call := cni.Call{Conf: with(t, s.delegated(), "cni.dev/valid-attachments", []byte(list))}
			expect(t, "exit status", s.run(t, call.Conf, s.variablesOf("GC", call)).code, 0)
			expect(t, "verbs", f.verbs(t), "GC")
			expect(t, "configuration", f.said(t, "GC.stdin"), call.Conf)
		}
		f.failing(t, s.node, "GC")
		call := cni.Call{Conf: with(t, s.delegated(), "cni.dev/valid-attachments", []byte("[]"))}
		wantFault(t, s.run(t, call.Conf, s.variablesOf("GC", call)).fault(t), 142, "not now")
	})
}
