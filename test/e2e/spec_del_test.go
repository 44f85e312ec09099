package e2e

import (
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// TestSpecDELDeletesTheInterface: and all else of the attachment, and nothing
// of another.
func TestSpecDELDeletesTheInterface(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"A CNI plugin, upon receiving a `DEL` command, should either - delete the interface defined by `CNI_IFNAME` inside the container at `CNI_NETNS`, or",
		func(t *testing.T, s spec) {
			s.attach(t, s.newPod(t, "first"), "eth0", s.switched()).del() // the bridge stays
			p := s.newPod(t, "p")
			other, neighbour := s.attach(t, p, "net1", s.switched()), s.attach(t, s.newPod(t, "q"), "eth0", s.switched())
			s.settled(t, other, neighbour)
			before := takeAll(t, s.NS, p.NS)
			a := s.attach(t, p, "eth0", s.switched())
			out := s.run(t, withPrevResult(t, a.call), variables("DEL", a.call, s.Bin))
			out.success(t)
			expect(t, "stdout", out.stdout, "")
			before.wantUnchanged(t)
			s.wantCheck(t, other)
			s.wantCheck(t, neighbour)
		})
}

// TestSpecDELWithoutPrevResult: as containerd calls it when it removes a
// sandbox; with a prevResult that is null or holds nothing too.
func TestSpecDELWithoutPrevResult(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"Plugins should still return without error if `prevResult` is empty for a `DEL` command, however.",
		func(t *testing.T, s spec) {
			p := s.newPod(t, "p")
			for _, prevResult := range []string{"", "null", "{}", `{"cniVersion": "` + s.version + `"}`} {
				a := s.attach(t, p, "eth0", s.switched())
				a.call.PrevResult = []byte(prevResult)
				a.del()
				s.noVMLinks(t)
				p.onlyLoopback(t)
			}
		})
}

// TestSpecDELIsBestEffort: whatever is gone already.
func TestSpecDELIsBestEffort(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"`DEL` command invocations are always considered best-effort - plugins should always complete a `DEL` action without error to the fullest extent possible, even if some resources or state are missing.",
		func(t *testing.T, s spec) {
			del := func(ns interface {
				Run(t testing.TB, name string, args ...string) string
			}, name string,
			) {
				ns.Run(t, "ip", "link", "del", name)
			}
			for name, before := range map[string]func(p *pod, a *attachment){
				"tap":         func(p *pod, _ *attachment) { del(p, "eth0") },
				"host link":   func(_ *pod, a *attachment) { del(s, a.hostLink()) },
				"gateway":     func(_ *pod, a *attachment) { del(s, a.gateway()) },
				"both":        func(p *pod, a *attachment) { del(s, a.gateway()); del(s, a.hostLink()); del(p, "eth0") },
				"switch":      func(*pod, *attachment) { del(s, "bridge0") },
				"addresses":   func(_ *pod, a *attachment) { s.Run(t, "ip", "address", "flush", "dev", a.gateway()) },
				"filters":     func(p *pod, _ *attachment) { p.Run(t, "tc", "qdisc", "del", "dev", "eth0", "ingress") },
				"namespace":   func(p *pod, _ *attachment) { closeNS(t, p) },
				"CNI_NETNS":   func(_ *pod, a *attachment) { a.call.Netns = "" },
				"a file":      func(_ *pod, a *attachment) { a.call.Netns = "/proc/self/status" },
				"another one": func(_ *pod, a *attachment) { a.call.Netns = s.newPod(t, "q").Path() },
			} {
				t.Run(name, func(t *testing.T) {
					p := s.newPod(t, "p")
					a := s.attach(t, p, "eth0", s.switched())
					before(p, a)
					if fault := s.Del(t, a.call); fault != nil {
						t.Errorf("DEL: %s", fault)
					}
					s.noVMLinks(t)
					// Without a host link nothing says that the tap is vmtap's: it goes with the namespace.
					if name != "namespace" && name != "host link" {
						waitFor(t, "the tap to go", func() bool { return p.Command("ip", "link", "show", "eth0").Run() != nil })
					}
				})
			}
		})
}

// TestSpecDELIsIdempotent: several times, and for what was never added, or
// could not have been.
func TestSpecDELIsIdempotent(t *testing.T) {
	fulfil(t, fromFirst, "\n"+
		"Plugins MUST accept multiple `DEL` calls for the same (`CNI_CONTAINERID`, `CNI_IFNAME`) pair, and return success if the interface in question, or any modifications added, are missing.",
		func(t *testing.T, s spec) {
			p := s.newPod(t, "p")
			a := s.attach(t, p, "eth0", s.switched())
			late := a.call.With(nil)
			late.Netns = ""
			for _, call := range []cni.Call{a.call, a.call, late, late} {
				out := s.run(t, withPrevResult(t, call), variables("DEL", call, s.Bin))
				out.success(t)
				expect(t, "stdout", out.stdout, "")
				s.noVMLinks(t)
				p.onlyLoopback(t)
			}
			before := takeAll(t, s.NS, p.NS)
			for _, call := range []cni.Call{
				p.call("net7", s.switched()), s.newPod(t, "never").call("eth0", s.switched()), s.newPod(t, "never").call("eth0", s.block("")),
			} {
				if fault := s.Del(t, call); fault != nil {
					t.Errorf("DEL of %s@%s: %s", call.ContainerID, call.IfName, fault)
				}
			}
			before.wantUnchanged(t)
		})
}
