package bench

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// pods is how many VMs are added and removed.
const pods = 200

// BenchmarkThroughput is how many VMs a second are added and removed by several
// callers at once, by vmtap and by bridge + host-local. In each round both have
// their turn, with each number of callers.
func BenchmarkThroughput(b *testing.B) {
	t := newTools(b)
	both := []*contestant{
		t.vmtap(b, vmtapMain, vmtapConf(onSwitch)),
		t.peer(b, bridge, "bridge", `, "bridge": "br0", "isGateway": true`),
	}
	var calls []cni.Call
	for i := range pods {
		calls = append(calls, cni.Call{ContainerID: fmt.Sprint("pod", i), IfName: "eth0", Netns: netns.New(b).Path()})
	}
	callers := []int{1, 4, 16}
	found := map[string]*crowd{}
	key := func(c *contestant, verb string, n int) string { return fmt.Sprint(c.name, verb, n) }
	for b.Loop() {
		for _, n := range callers {
			for _, i := range rand.Perm(len(both)) {
				c := both[i]
				for _, verb := range []string{cni.ADD, cni.DEL} {
					k := key(c, verb, n)
					if found[k] == nil {
						found[k] = &crowd{}
					}
					found[k].run(c, verb, calls, n)
				}
			}
		}
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s. %d VMs each time.\n\n| callers | | ADDs a second | to bridge | DELs a second | to bridge | failures |\n|---|---|---|---|---|---|---|\n", machine(), pods)
	var charts []chart
	for _, verb := range []string{cni.ADD, cni.DEL} {
		ch := chart{title: verb + "s a second, longer is better"}
		for _, n := range callers {
			for _, c := range both {
				ch.bars = append(ch.bars, bar{fmt.Sprintf("%s, %d callers", strings.TrimSuffix(c.name, ", dual stack"), n), found[key(c, verb, n)].rate(), 0})
			}
		}
		charts = append(charts, ch)
	}
	for _, n := range callers {
		for _, c := range both {
			add, del := found[key(c, cni.ADD, n)], found[key(c, cni.DEL, n)]
			fmt.Fprintf(&text, "| %d | %s | %.0f | %.2f | %.0f | %.2f | %d |\n", n, c.name,
				add.rate(), add.rate()/found[key(both[1], cni.ADD, n)].rate(),
				del.rate(), del.rate()/found[key(both[1], cni.DEL, n)].rate(), add.failures.Load()+del.failures.Load())
		}
	}
	b.ReportMetric(0, "ns/op")
	report(b, "throughput", text.String(), charts)
}

// crowd is what several callers did.
type crowd struct {
	done     int
	took     time.Duration
	failures atomic.Int64
	said     sync.Once
}

func (c *crowd) rate() float64 { return float64(c.done) / c.took.Seconds() }

// run runs one verb for all pods, by so many callers at once.
func (c *crowd) run(who *contestant, verb string, calls []cni.Call, callers int) {
	work := make(chan cni.Call)
	var all sync.WaitGroup
	begin := time.Now()
	for range callers {
		all.Go(func() {
			for call := range work {
				call.Conf = who.call.Conf
				if _, fault, err := who.plugin.Invoke(verb, call); fault != nil || err != nil {
					c.failures.Add(1)
					c.said.Do(func() { fmt.Printf("%s: %s: %v %v\n", who.name, verb, fault, err) })
				}
			}
		})
	}
	for _, call := range calls {
		work <- call
	}
	close(work)
	all.Wait()
	c.took += time.Since(begin)
	c.done += len(calls)
}
