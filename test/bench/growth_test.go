package bench

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// growthRounds is how often each has its turn at each size.
const growthRounds = 25

// portName is the row of what the kernel does for a bridge's port alone.
const portName = "one more port of that bridge"

// growthSizes are how many attachments stand on the node beside the first one.
var growthSizes = []int{0, 100, 1000, 5000}

// grower is a contestant on a node that fills up to a number of attachments.
type grower struct {
	*contestant
	most   int
	stand  int
	pods   []string                  // namespaces of those that stand, by their number
	costs  map[int]map[string]series // by size and verb
	floor  bool                      // its kernel calls are replayed, too
	bridge string                    // to which a port is added, "" for none
}

// growers are those whose costs are compared with their own on an empty node.
// The first is its own witness: its node stays empty, so that what the others'
// nodes do to the machine shows.
func growers(b *testing.B, t *tools) []*grower {
	b.Helper()
	with := func(c *contestant, most int) *grower {
		return &grower{contestant: c, most: most, costs: map[int]map[string]series{}}
	}
	alone := with(t.vmtap(b, "vmtap, pod, no switch", vmtapConf("")), 5000)
	ports := with(t.vmtap(b, "vmtap, pod, switch", vmtapConf(onSwitch)), 1000)
	alone.floor, ports.floor, ports.bridge = true, true, "bridge0"
	return []*grower{
		with(t.vmtap(b, "vmtap, pod, no switch, on a node that stays empty", vmtapConf("")), 0),
		alone, ports,
		with(t.peer(b, bridge, "bridge", `, "bridge": "br0", "isGateway": true`), 1000),
		with(t.peer(b, "ptp + host-local, IPv4", "ptp", ""), 1000),
	}
}

// BenchmarkGrowth is what ADD, CHECK and DEL cost as attachments grow, beside
// other plugins and beside the kernel's own part.
func BenchmarkGrowth(b *testing.B) {
	t := newTools(b)
	for b.Loop() {
		all := growers(b, t)
		for _, size := range growthSizes {
			turn := []*grower{}
			for _, g := range all {
				if g.most >= size || g.most == 0 {
					g.fill(b, size)
					turn = append(turn, g)
				}
			}
			measureAt(b, t, turn, size)
		}
		report(b, "growth", growthText(all), growthCharts(all))
	}
	b.ReportMetric(0, "ns/op")
}

// fill adds attachments of pods of their own until that many stand.
func (g *grower) fill(b *testing.B, size int) {
	b.Helper()
	var calls []cni.Call
	for ; g.stand < min(size, g.most); g.stand++ {
		if g.stand == len(g.pods) {
			g.pods = append(g.pods, netns.New(b).Path())
		}
		calls = append(calls, cni.Call{ContainerID: standing(g.stand), IfName: "eth0", Netns: g.pods[g.stand]})
	}
	begin := time.Now()
	const callers = 4
	done := &crowd{}
	done.run(g.contestant, cni.ADD, calls, callers)
	if n := done.failures.Load(); n > 0 {
		b.Fatalf("%s: %d of %d ADDs failed", g.name, n, len(calls))
	}
	if len(calls) > 0 {
		fmt.Printf("%s: %d ADDs in %v\n", g.name, len(calls), time.Since(begin).Round(time.Second/10))
	}
}

// standing is the container id of the i-th attachment that stands.
func standing(i int) string { return fmt.Sprint("stands", i) }

// measureAt lets all have their turns at a size.
func measureAt(b *testing.B, t *tools, all []*grower, size int) {
	b.Helper()
	type turn struct {
		of     *grower
		who    *contestant
		prefix string
	}
	var turns []turn
	for _, g := range all {
		g.costs[size] = map[string]series{}
		turns = append(turns, turn{g, g.contestant, ""})
		if g.floor {
			turns = append(turns, turn{g, t.replay(b, g.contestant), floorPrefix})
		}
	}
	for range growthRounds {
		for _, i := range rand.Perm(len(turns)) {
			at := turns[i]
			at.who.measured(b, func(verb string, spent cost) {
				verb = at.prefix + verb
				at.of.costs[size][verb] = append(at.of.costs[size][verb], spent)
			})
		}
		for _, g := range all {
			if g.bridge != "" {
				took := addPort(b, g.plugin.Node, g.bridge)
				g.costs[size][portName] = append(g.costs[size][portName], cost{Wall: took, CPU: took})
			}
		}
	}
}

// floorPrefix is before the verb whose kernel calls are replayed.
const floorPrefix = "replayed "

// addPort is how long the kernel takes to make a link that is up and has a carrier
// a port of a bridge.
func addPort(b *testing.B, node *netns.NS, bridge string) time.Duration {
	b.Helper()
	h := node.Handle(b)
	defer h.Close()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = "spare"
	spare := &netlink.Veth{LinkAttrs: attrs, PeerName: "other"}
	if err := h.LinkAdd(spare); err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"spare", "other"} {
		l, err := h.LinkByName(name)
		if err != nil {
			b.Fatal(err)
		}
		if err := h.LinkSetUp(l); err != nil {
			b.Fatal(err)
		}
	}
	br, err := h.LinkByName(bridge)
	if err != nil {
		b.Fatal(err)
	}
	begin := time.Now()
	err = h.LinkSetMaster(spare, br)
	took := time.Since(begin)
	if err != nil {
		b.Fatal(err)
	}
	if err := h.LinkDel(spare); err != nil {
		b.Fatal(err)
	}
	return took
}

// growthRows are the rows of a verb's table: a name, and the costs at the sizes.
func growthRows(all []*grower, verb string) (names []string, rows []map[int]series) {
	row := func(g *grower, name, key string) {
		at := map[int]series{}
		for size, costs := range g.costs {
			if len(costs[key]) > 0 {
				at[size] = costs[key]
			}
		}
		if len(at) > 0 {
			names, rows = append(names, name), append(rows, at)
		}
	}
	for _, g := range all {
		row(g, g.name, verb)
		row(g, g.name+": the same kernel calls alone", floorPrefix+verb)
		if verb == cni.ADD {
			row(g, portName, portName)
		}
	}
	return names, rows
}

func growthText(all []*grower) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s. %d rounds at each size. Medians in ms, and their ratio to that at 0.\n", machine(), growthRounds)
	for _, verb := range []string{cni.ADD, cni.CHECK, cni.DEL} {
		fmt.Fprintf(&text, "\n**%s**\n\n|", verb)
		for _, what := range []string{" | at ", " | CPU at "} {
			for _, size := range growthSizes {
				text.WriteString(what + thousands(size))
			}
		}
		text.WriteString(" |\n|" + strings.Repeat("---|", 1+2*len(growthSizes)) + "\n")
		names, rows := growthRows(all, verb)
		for i, at := range rows {
			text.WriteString("| " + names[i])
			for _, of := range []func(series) spread{series.wall, series.cpu} {
				for _, size := range growthSizes {
					if s := at[size]; len(s) > 0 {
						m := of(s).Median
						fmt.Fprintf(&text, " | %s × %.2f", ms(m), ratio(m, of(at[0]).Median))
					} else {
						text.WriteString(" | ")
					}
				}
			}
			text.WriteString(" |\n")
		}
	}
	return text.String()
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d,%03d", n/1000, n%1000)
}

func growthCharts(all []*grower) (charts []chart) {
	for _, verb := range []string{cni.ADD, cni.CHECK, cni.DEL} {
		ch := chart{title: verb + ", median wall time in ms, by how many attachments stand"}
		for _, g := range all {
			for _, size := range slices.DeleteFunc(slices.Clone(growthSizes), func(size int) bool { return size > g.most }) {
				if g.most == 0 {
					continue
				}
				name := fmt.Sprintf("%s, %s", strings.TrimSuffix(g.name, ", IPv4"), thousands(size))
				ch.bars = append(ch.bars, bar{name, milliseconds(g.costs[size][verb].wall().Median), 0})
			}
		}
		charts = append(charts, ch)
	}
	return charts
}
