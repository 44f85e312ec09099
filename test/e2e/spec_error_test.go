package e2e

import (
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// TestSpecExitStatus: of each verb, when it succeeds and when it fails; the
// error object has the version in use.
func TestSpecExitStatus(t *testing.T) {
	fulfil(t, fromFirst, `
		A plugin must exit with a return code of 0 on success, and non-zero on failure. If the plugin encounters an error, it should output an ["error" result structure](#Error) (see below).
		Plugins should output a JSON object with the following keys if they encounter an error:
	`, func(t *testing.T, s spec) {
		p := s.newPod(t, "p")
		call := p.call("eth0", s.switched())
		added := s.run(t, call.Conf, variables("ADD", call, s.Bin))
		added.success(t)
		good := map[string]cni.Call{
			"CHECK":  call.With([]byte(added.stdout)),
			"GC":     {Conf: with(t, call.Conf, "cni.dev/valid-attachments", []byte(valid("p@eth0")))},
			"STATUS": {Conf: call.Conf},
			"DEL":    call,
		}
		bad := map[string]cni.Call{
			"ADD":    p.call("net1", s.block(`"rdomian": 10`)),
			"CHECK":  call, // without prevResult
			"GC":     {Conf: with(t, call.Conf, "cni.dev/valid-attachments", []byte("5"))},
			"STATUS": {Conf: s.block(`"switch": "missing0"`)},
			"DEL":    p.call("eth0", s.blockOf("vmnet", `"a": `)),
		}
		for _, verb := range s.verbs() {
			fault := s.run(t, withPrevResult(t, bad[verb]), variables(verb, bad[verb], s.Bin)).fault(t)
			if strings.Contains(fault.Msg, "\n") {
				t.Errorf("%s: msg is not one line: %q", verb, fault.Msg)
			}
			if verb != "DEL" { // of what is no JSON the version is not known
				expect(t, verb+"'s cniVersion", fault.CNIVersion, s.version)
			}
		}
		for _, verb := range append(s.verbs()[2:], "DEL") {
			out := s.run(t, withPrevResult(t, good[verb]), variables(verb, good[verb], s.Bin))
			out.success(t)
			expect(t, verb+"'s stdout", out.stdout, "")
		}
	})
}

// TestSpecIOFailure: a standard input that cannot be read.
func TestSpecIOFailure(t *testing.T) {
	fulfil(t, fromFirst, `
		Plugins should output a JSON object with the following keys if they encounter an error:
	`, func(t *testing.T, s spec) {
		p := s.newPod(t, "p")
		before := takeAll(t, s.NS, p.NS)
		for _, verb := range append(s.verbs(), "VERSION") {
			out := s.runBy(t, "", variables(verb, p.call("eth0", ""), s.Bin), "sh", "-c", `exec "$0" </`, s.Bin)
			wantFault(t, out.fault(t), 5, "directory")
		}
		before.wantUnchanged(t)
	})
}

// TestSpecTryAgainLater: what is exhausted now may be free later.
func TestSpecTryAgainLater(t *testing.T) {
	fulfil(t, fromFirst, `
		If the plugin detects some transient condition that should clear up, it can use this code to notify the runtime it should re-try the operation later.
	`, func(t *testing.T, s spec) {
		block := s.block(`"vmid": {"range": "7-7"}`)
		first := s.attach(t, s.newPod(t, "p"), "eth0", block)
		_, fault := s.Add(t, s.newPod(t, "q").call("eth0", block))
		wantFault(t, fault, 11, "vmid")
		first.del()
		s.attach(t, s.newPod(t, "q"), "eth0", block).del()
	})
}

// TestSpecFailedADDLeavesNothing: a result that cannot be written fails ADD,
// too.
func TestSpecFailedADDLeavesNothing(t *testing.T) {
	fulfil(t, fromFirst, `
		The container runtime must ensure that _add_ is eventually followed by a corresponding _delete_. The only exception is in the event of catastrophic failure, such as node loss. A _delete_ must still be executed even if the _add_ fails.
	`, func(t *testing.T, s spec) {
		p := s.newPod(t, "p")
		s.attach(t, p, "eth0", s.switched()).del() // the bridge stays
		before := takeAll(t, s.NS, p.NS)
		full := s.Wrap("sh", "-c", `"$0" >/dev/full; echo '{"code": 999, "msg": "failed"}'; exit 1`)
		call := p.call("eth0", s.switched())
		if _, fault := full.Add(t, call); fault == nil {
			t.Error("ADD that cannot write its result succeeds")
		}
		before.wantUnchanged(t)
		if fault := s.Del(t, call); fault != nil {
			t.Errorf("DEL after ADD has failed: %s", fault)
		}
		before.wantUnchanged(t)
	})
}
