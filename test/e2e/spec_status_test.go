package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/test/cni"
)

// status is STATUS of a block, by the plugin or one in a wrapper.
func (s spec) status(t *testing.T, block string) *cni.Error {
	t.Helper()
	return s.Status(t, cni.Call{Conf: s.block(block)})
}

// TestSpecSTATUSReady: exit status 0, no word, and nothing changes.
func TestSpecSTATUSReady(t *testing.T) {
	fulfil(t, fromStatus, `
		A plugin must exit with a zero (success) return code if the plugin is ready to service ADD requests.
	`, func(t *testing.T, s spec) {
		before := takeAll(t, s.NS)
		for _, block := range []string{"", createConf} {
			out := s.run(t, s.block(block), map[string]string{"CNI_COMMAND": "STATUS"})
			out.success(t)
			expect(t, "stdout", out.stdout, "")
		}
		before.wantUnchanged(t)
	})
}

// TestSpecSTATUSNotReady: what ADD needs is missing, and ADD fails indeed.
func TestSpecSTATUSNotReady(t *testing.T) {
	fulfil(t, fromStatus, `
		If the plugin knows that it is not able to service ADD requests, it must exit with a non-zero return code and output an error on standard out (see below).
		For example, if a plugin relies on an external service or daemon, it should return an error to `+"`STATUS`"+` if that service is unavailable.
	`, func(t *testing.T, s spec) {
		s.Run(t, "ip", "link", "add", "notabridge", "type", "veth", "peer", "name", "peer0")
		for _, bridge := range []string{"missing0", "notabridge"} {
			block := `"switch": "` + bridge + `"`
			out := s.run(t, s.block(block), variables("STATUS", cni.Call{}, s.Bin))
			wantFault(t, out.fault(t), 50, bridge)
			if _, fault := s.Add(t, s.newPod(t, "p").call("eth0", s.block(block))); fault == nil {
				t.Errorf("ADD to %s works", bridge)
			}
		}
		noTun := s.Wrap("unshare", "--mount", "sh", "-c", `mount -t tmpfs none /dev/net && exec "$0"`)
		wantFault(t, noTun.Status(t, cni.Call{Conf: s.block("")}), 50, "/dev/net/tun")
		if _, fault := noTun.Add(t, s.newPod(t, "p").call("eth0", s.block(""))); fault == nil {
			t.Error("ADD without /dev/net/tun works")
		}
	})
}

// TestSpecSTATUSExhausted: a bridge takes 1023 ports.
func TestSpecSTATUSExhausted(t *testing.T) {
	fulfil(t, fromStatus, `
		Likewise, if a plugin has a limited number of resources (e.g. IP addresses, hardware queues), it should return an error if those resources are exhausted and no new `+"`ADD`"+` requests can be serviced.
	`, func(t *testing.T, s spec) {
		s.fillBridge(t)
		// /sys of this namespace tells how many ports there are.
		p := s.Wrap("unshare", "--mount", "sh", "-c", `mount -t sysfs sysfs /sys && exec "$0"`)
		wantFault(t, p.Status(t, cni.Call{Conf: s.block(`"switch": "br0"`)}), 50, "br0")
	})
}

// TestSpecSTATUSIsInformational: every other verb works without it, and after
// it has failed.
func TestSpecSTATUSIsInformational(t *testing.T) {
	fulfil(t, fromStatus, "\n"+
		"Status is purely informational. A plugin MUST NOT rely on `STATUS` being called.\n"+
		"Plugins should always expect other CNI operations (like `ADD`, `DEL`, etc) even if `STATUS` returns an error.",
		func(t *testing.T, s spec) {
			s.Run(t, "ip", "link", "add", "br0", "type", "bridge")
			const block = `"switch": "br0", "local": true`
			first, second := s.attach(t, s.newPod(t, "p"), "eth0", s.block(block)), s.attach(t, s.newPod(t, "q"), "eth0", s.block(block))
			s.Run(t, "ip", "link", "set", "br0", "down") // before Linux 6.2 only such a link can be renamed
			s.Run(t, "ip", "link", "set", "br0", "name", "away0")
			wantFault(t, s.status(t, block), 50, "br0")
			if fault := s.Check(t, first.call); fault == nil {
				t.Error("CHECK passes without the bridge")
			}
			first.del()
			s.gc(t, gcConf("vmnet", "[]"))
			s.noVMLinks(t)
			second.del()
			s.Run(t, "ip", "link", "set", "away0", "name", "br0")
			s.wantCheck(t, s.attach(t, s.newPod(t, "r"), "eth0", s.block(block)))
		})
}

// TestSpecVERSION: the version in is the version out, also one that is not
// supported, with all that are.
func TestSpecVERSION(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"The plugin should output via standard-out a json-serialized version result object (see below).\n"+
		"Plugins must output a JSON object with the following keys upon a `VERSION` operation:",
		func(t *testing.T, s spec) {
			for _, stdin := range []string{
				`{"cniVersion": "` + s.version + `"}`,
				"\n" + s.switched() + "\n",
				strings.Replace(s.switched(), s.version, "9.9.9", 1),
				strings.Replace(s.switched(), s.version, "0.2.0", 1),
			} {
				out := s.run(t, stdin, map[string]string{"CNI_COMMAND": "VERSION"})
				out.success(t)
				var told map[string]json.RawMessage
				one(t, out.stdout, &told)
				expect(t, "keys", sortedKeys(told), []string{"cniVersion", "supportedVersions"})
				expect(t, "cniVersion", versionOf(t, []byte(out.stdout)), versionOf(t, []byte(stdin)))
				var supported []string
				one(t, string(told["supportedVersions"]), &supported)
				expect(t, "supportedVersions", supported, config.Versions())
			}
			// A call by hand names none.
			out := s.run(t, "", map[string]string{"CNI_COMMAND": "VERSION"})
			out.success(t)
			expect(t, "cniVersion", versionOf(t, []byte(out.stdout)), "1.1.0")
			wantFault(t, s.run(t, `{"cniVersion":`, map[string]string{"CNI_COMMAND": "VERSION"}).fault(t), 6)
			wantFault(t, s.run(t, `{"cniVersion": 5}`, map[string]string{"CNI_COMMAND": "VERSION"}).fault(t), 6)
		})
}
