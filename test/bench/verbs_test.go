package bench

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/cni"
)

// BenchmarkVerbs is what ADD, CHECK and DEL cost, beside other plugins and beside
// the least that is possible. In each round all have their turn, in an order of
// its own, so that what else the machine does concerns all.
func BenchmarkVerbs(b *testing.B) {
	all := contestants(b)
	costs := map[string]map[string]series{}
	counted := map[string]map[string]counts{}
	for _, c := range all {
		costs[c.name] = map[string]series{}
		counted[c.name] = c.count(b)
		c.measured(b, func(string, cost) {}) // its pages are in memory then
	}
	rounds := 0
	for b.Loop() {
		for _, i := range rand.Perm(len(all)) {
			c := all[i]
			c.measured(b, func(verb string, spent cost) { costs[c.name][verb] = append(costs[c.name][verb], spent) })
		}
		rounds++
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s. %d rounds. Times in ms.\n", machine(), rounds)
	var charts []chart
	for _, verb := range []string{cni.ADD, cni.CHECK, cni.DEL} {
		base := costs[bridge][verb]
		ch := chart{title: verb + ", median wall time in ms (thin: 95 of 100 are below)"}
		fmt.Fprintf(&text, "\n**%s**\n\n| | min | median | p95 | to bridge | CPU | to bridge | peak memory, MiB | system calls | processes |\n|---|---|---|---|---|---|---|---|---|---|\n", verb)
		for _, c := range all {
			s := costs[c.name][verb]
			if len(s) == 0 {
				continue
			}
			w := s.wall()
			n := counted[c.name][verb]
			fmt.Fprintf(&text, "| %s | %s | %s | %s | %.2f | %s | %.2f | %.1f | %d | %d |\n", c.name, ms(w.Min), ms(w.Median), ms(w.P95),
				ratio(w.Median, base.wall().Median), ms(s.cpu().Median), ratio(s.cpu().Median, base.cpu().Median),
				float64(s.peak())/1024, n.calls, n.processes)
			ch.bars = append(ch.bars, bar{c.name, milliseconds(w.Median), milliseconds(w.P95)})
		}
		charts = append(charts, ch)
	}
	add := func(name string) time.Duration { return costs[name][cni.ADD].wall().Median }
	b.ReportMetric(ratio(add(vmtapMain), add(bridge)), "ADD/bridge")
	b.ReportMetric(ratio(add(vmtapMain), add(floorName)), "ADD/floor")
	b.ReportMetric(0, "ns/op")
	report(b, "verbs", text.String(), charts)
}

func ratio(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }

func milliseconds(d time.Duration) float64 { return d.Seconds() * 1000 }

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", milliseconds(d)) }
