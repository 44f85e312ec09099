package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// costLinks is how many interfaces there are.
const costLinks = 1000

// likeVMs makes links that look like those of VMs with device veth, and are faster to make.
func (p *pod) likeVMs(t *testing.T, links int) {
	t.Helper()
	var batch strings.Builder
	for i := range links {
		fmt.Fprintf(&batch, "link add vm%d-if0 type veth peer name eth%d netns %s\n", i+1, i, p.Path())
		fmt.Fprintf(&batch, "link property add dev vm%d-if0 altname c%d@eth%d altname vm%d-if0.net.vmnet altname vm%d\n", i+1, i, i, i+1, i+1)
	}
	p.node.RunInput(t, batch.String(), "ip", "-batch", "-")
}

// usage is what both processes of a vmtapd have used.
type usage struct {
	cpu      time.Duration
	resident int // bytes
}

func (r *responder) usage(t *testing.T) (u usage) {
	t.Helper()
	for _, pid := range []int{r.cmd.Process.Pid, r.keeper(t)} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest) // from the third on
		for _, ticks := range []string{fields[11], fields[12]} {
			n, err := strconv.Atoi(ticks)
			if err != nil {
				t.Fatal(err)
			}
			u.cpu += time.Duration(n) * time.Second / 100
		}
		pages, err := strconv.Atoi(fields[21])
		if err != nil {
			t.Fatal(err)
		}
		u.resident += pages * os.Getpagesize()
	}
	return u
}

// TestOrderCost: with 1,000 interfaces vmtapd needs a few MiB more than with none, and no processor while nothing happens.
// What a look costs is bounded.
func TestOrderCost(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	p := n.newPod(t, "p")
	rest := []string{"-sure-after", "100ms", "-look-every", "1h"}
	empty := n.keeps(t, rest...)
	time.Sleep(300 * time.Millisecond)
	none := empty.usage(t)
	empty.end(t)
	p.likeVMs(t, costLinks)

	socket := filepath.Join(t.TempDir(), "s")
	idle := n.keeps(t, append(rest, "-metrics", "unix:"+socket)...)
	waitFor(t, "the first look", func() bool { return scrape(t, socket)["vmtap_order_looks_total"] > 0 })
	begin := idle.usage(t)
	time.Sleep(time.Second)
	end := idle.usage(t)
	t.Logf("resident: %d KiB with no interface, %d KiB with %d, and metrics asked for; used in a second: %v", none.resident>>10, end.resident>>10, costLinks, end.cpu-begin.cpu)
	if more := end.resident - none.resident; more > 16<<20 {
		t.Errorf("%d KiB more with %d interfaces", more>>10, costLinks)
	}
	if end.cpu-begin.cpu > 20*time.Millisecond {
		t.Errorf("%v of processor time in a second in which nothing happens", end.cpu-begin.cpu)
	}
	idle.end(t)

	busy := n.keeps(t, "-sure-after", "1ms", "-look-every", "10ms", "-metrics", "unix:"+socket)
	looks := func() float64 { return scrape(t, socket)["vmtap_order_looks_total"] }
	waitFor(t, "the first look", func() bool { return looks() > 0 })
	begin = busy.usage(t)
	first := looks()
	time.Sleep(500 * time.Millisecond)
	last := looks()
	end = busy.usage(t)
	each := (end.cpu - begin.cpu) / time.Duration(max(1, last-first))
	t.Logf("%v looks, each %v of processor time", last-first, each)
	if each > 500*time.Millisecond {
		t.Errorf("a look at %d interfaces takes %v", costLinks, each)
	}
}
