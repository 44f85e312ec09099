// Package bench measures what vmtap costs on this machine: with a built binary,
// in namespaces of its own. `make bench` runs it.
package bench

import (
	"testing"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// conf is a local interface on a switch that vmtap makes.
func conf(more string) string {
	return `{"cniVersion": "1.0.0", "name": "vmnet", "type": "vmtap", "switch": {"interface": "bridge0", "create": true}, "local": true` + more + `}`
}

const unguarded = `, "guard": false`

// pod is an attachment of a pod of its own.
type pod struct {
	*netns.NS
	*cni.Plugin
	call cni.Call
}

func newPod(b *testing.B, node *netns.NS, id, more string) *pod {
	b.Helper()
	ns := netns.New(b)
	return &pod{ns, cni.New(b, node), cni.Call{ContainerID: id, IfName: "eth0", Netns: ns.Path(), Conf: conf(more)}}
}

func (p *pod) add(b *testing.B) {
	b.Helper()
	_, fault := p.Add(b, p.call)
	if fault != nil {
		b.Fatal(fault)
	}
}

// BenchmarkAdd is the wall time of ADD, the process included, with a guard and
// without one. What a guard costs each packet, BenchmarkPaths says.
func BenchmarkAdd(b *testing.B) {
	for name, more := range map[string]string{"guard": "", "unguarded": unguarded} {
		b.Run(name, func(b *testing.B) {
			node := netns.New(b)
			p := newPod(b, node, "p", more)
			newPod(b, node, "first", more).add(b) // makes the bridge
			for b.Loop() {
				p.add(b)
				b.StopTimer()
				if fault := p.Del(b, p.call); fault != nil {
					b.Fatal(fault)
				}
				b.StartTimer()
			}
		})
	}
}
