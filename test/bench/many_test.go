package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// many is how many interfaces are removed at once, and one after another.
const many = 500

// manyOf are the kinds of interfaces that are.
var manyOf = []struct{ name, more string }{
	{"vmtap, pod, no switch", ""},
	{"vmtap, pod, switch", onSwitch},
	{"vmtap, host, switch", onSwitch + `, "placement": "host"`},
}

// BenchmarkMany is what a GC costs that removes many interfaces, beside as many
// DELs one after another.
func BenchmarkMany(b *testing.B) {
	t := newTools(b)
	for b.Loop() {
		var text strings.Builder
		fmt.Fprintf(&text, "%s. %d interfaces of pods that are still there. Times in ms.\n\n", machine(), many)
		text.WriteString("| | DELs, wall | CPU | GC, wall | CPU | DELs to GC, wall | CPU |\n|---|---|---|---|---|---|---|\n")
		ch := chart{title: fmt.Sprintf("Removing %d interfaces, wall time in ms", many)}
		for _, kind := range manyOf {
			g := newGrower(t.vmtap(b, kind.name, vmtapConf(kind.more)), many)
			g.fill(b, many)
			one := g.delAll(b)
			g.stand = 0
			g.fill(b, many)
			all := g.collect(b)
			fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %.1f | %.1f |\n", g.name,
				ms(one.Wall), ms(one.CPU), ms(all.Wall), ms(all.CPU), ratio(one.Wall, all.Wall), ratio(one.CPU, all.CPU))
			ch.bars = append(ch.bars, bar{g.name + ", DELs", milliseconds(one.Wall), 0}, bar{g.name + ", GC", milliseconds(all.Wall), 0})
		}
		report(b, "many", text.String(), []chart{ch})
	}
	b.ReportMetric(0, "ns/op")
}

// delAll removes what fill added by one DEL after another.
func (g *grower) delAll(b *testing.B) (sum cost) {
	b.Helper()
	for i := range g.stand {
		spent := g.spend(b, cni.DEL, cni.Call{ContainerID: standing(i), IfName: "eth0", Netns: g.pods[i].Path(), Conf: g.call.Conf})
		sum.Wall += spent.Wall
		sum.CPU += spent.CPU
	}
	return sum
}

// collect removes what fill added by a GC, which leaves the first attachment alone,
// and demands that nothing else is left.
func (g *grower) collect(b *testing.B) cost {
	b.Helper()
	const valid = `, "cni.dev/valid-attachments": [{"containerID": "first", "ifname": "eth0"}]}`
	conf := strings.Replace(strings.TrimSuffix(g.call.Conf, "}")+valid, `"1.0.0"`, `"1.1.0"`, 1)
	spent := g.spend(b, cni.GC, cni.Call{Conf: conf})
	for i := range g.stand {
		if g.plugin.Node.Command("ip", "link", "show", standing(i)+"@eth0").Run() == nil {
			b.Fatalf("%s: GC left %s", g.name, standing(i))
		}
	}
	return spent
}

// spend runs one verb and returns what it cost.
func (g *grower) spend(b *testing.B, verb string, call cni.Call) (spent cost) {
	b.Helper()
	if _, fault, err := g.plugin.Wrap(g.tools.launch, g.tools.record).Invoke(verb, call); fault != nil || err != nil {
		b.Fatalf("%s: %s: %v %v", g.name, verb, fault, err)
	}
	text, err := os.ReadFile(g.tools.record)
	if err == nil {
		err = json.Unmarshal(text, &spent)
	}
	if err != nil {
		b.Fatal(err)
	}
	return spent
}
