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
const portName = "one more port of that bridge, the kernel alone"

// floorPrefix is before the verb whose kernel calls are replayed.
const floorPrefix = "replayed "

// growthSizes are how many attachments stand on the node beside the first one.
var growthSizes = []int{0, 100, 1000, 5000}

// grower is a contestant on a node that fills up to a number of attachments.
type grower struct {
	*contestant
	most   int
	stand  int
	pods   []*netns.NS               // of those that stand, by their number
	costs  map[int]map[string]series // by size and verb
	floor  bool                      // its kernel calls are replayed, too
	bridge string                    // to which a port is added, "" for none
}

func newGrower(c *contestant, most int) *grower {
	return &grower{contestant: c, most: most, costs: map[int]map[string]series{}}
}

// BenchmarkGrowth is what ADD, CHECK and DEL cost as attachments grow, beside
// other plugins and beside the kernel's own part. One fills its node after the
// other, since what stands on one node costs time on others, too: that shows at
// vmtap's second node, which stays empty.
func BenchmarkGrowth(b *testing.B) {
	t := newTools(b)
	for b.Loop() {
		ports := newGrower(t.vmtap(b, "vmtap, pod, switch, dual stack", vmtapConf(onSwitch)), 1000)
		alone := newGrower(t.vmtap(b, "vmtap, pod, no switch, dual stack", vmtapConf("")), 5000)
		witness := newGrower(t.vmtap(b, "the same on another node, which stays empty", vmtapConf("")), 0)
		ports.floor, ports.bridge, alone.floor = true, "bridge0", true
		alike := []*grower{
			ports,
			newGrower(t.peer(b, bridge, "bridge", `, "bridge": "br0", "isGateway": true`), 1000),
			newGrower(t.peer(b, "ptp + host-local, IPv4", "ptp", ""), 1000),
		}
		for _, g := range alike {
			g.grow(b)
			g.empty(b)
		}
		alone.grow(b, witness)
		all := append([]*grower{alone, witness}, alike...)
		report(b, "growth", growthText(all), growthCharts(all))
	}
	b.ReportMetric(0, "ns/op")
}

// grow fills the node, and measures at each size. The others have their turns with it.
func (g *grower) grow(b *testing.B, others ...*grower) {
	b.Helper()
	for _, size := range growthSizes {
		if size <= g.most {
			g.fill(b, size)
			measureAt(b, append([]*grower{g}, others...), size)
		}
	}
}

// fill adds attachments of pods of their own until that many stand.
func (g *grower) fill(b *testing.B, size int) {
	b.Helper()
	var calls []cni.Call
	for ; g.stand < min(size, g.most); g.stand++ {
		if g.stand == len(g.pods) {
			g.pods = append(g.pods, netns.New(b))
		}
		calls = append(calls, cni.Call{ContainerID: standing(g.stand), IfName: "eth0", Netns: g.pods[g.stand].Path()})
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

// empty lets the pods go, and waits until the kernel has taken all links.
func (g *grower) empty(b *testing.B) {
	b.Helper()
	const few = 20
	for _, p := range g.pods {
		if err := p.Close(); err != nil {
			b.Fatal(err)
		}
	}
	h := g.plugin.Node.Handle(b)
	defer h.Close()
	for end := time.Now().Add(10 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		left, err := h.LinkList()
		switch {
		case err == nil && len(left) < few:
			return
		case time.Now().After(end):
			b.Fatalf("%s: %d links are left, %v", g.name, len(left), err)
		}
	}
}

// measureAt lets all have their turns at a size.
func measureAt(b *testing.B, all []*grower, size int) {
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
			turns = append(turns, turn{g, g.tools.replay(b, g.contestant), floorPrefix})
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
		row(g, "the same kernel calls alone, replayed", floorPrefix+verb)
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
