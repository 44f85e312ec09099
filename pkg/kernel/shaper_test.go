package kernel

import (
	"math"
	"testing"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/test/netns"
)

// TestShaperRoundTrip: the kernel's answer is what was asked for, at all rates
// and bursts, and nothing that is a little different.
func TestShaperRoundTrip(t *testing.T) {
	ns := netns.New(t)
	ns.Run(t, "ip", "link", "add", "a0", "type", "veth", "peer", "name", "b0")
	var c *conn
	var err error
	ns.Do(func() { c, err = openConn(new(answerBuffer)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.close() })
	var l *link
	if err := c.do(getLink(0, "a0", &l)); err != nil {
		t.Fatal(err)
	}
	have := func(want plan.Shaper) plan.Shaper {
		var b *tokenBucket
		if err := c.do(getShaper(l.index, "a0", &b)); err != nil {
			t.Fatal(err)
		}
		if b == nil {
			return plan.Shaper{}
		}
		return b.shaper(want)
	}
	if got := have(plan.Shaper{Rate: 1, Burst: 1}); got != (plan.Shaper{}) {
		t.Errorf("got %v of a link without one", got)
	}
	for _, rate := range []uint64{1, 7, 125, 125_000, 1_234_567, 1_250_000_000, 1<<32 - 1, 1 << 32, 12_500_000_000} {
		for _, burst := range []uint32{1518, 65_539, 1_000_000, 1<<29 - 1, math.MaxUint32 - 1} {
			want := plan.Shaper{Rate: rate, Burst: burst, Limit: burst + 1}
			if err := c.do(addShaper(l.index, "a0", want)); err != nil {
				t.Fatalf("%v: %v", want, err)
			}
			if got := have(want); got != want {
				t.Errorf("got %v, want %v", got, want)
			}
			others := []plan.Shaper{{Rate: rate + 1, Burst: burst, Limit: burst + 1}, {Rate: rate, Burst: burst, Limit: burst}}
			// What the kernel tells is 32 bits of 64 ns each: 275 s.
			if seconds := float64(burst) / float64(rate); seconds > 1e-5 && seconds < 200 {
				others = append(others, plan.Shaper{Rate: rate, Burst: burst / 2, Limit: burst + 1})
			}
			for _, other := range others {
				if got := have(other); got == other {
					t.Errorf("%v is taken for %v", want, got)
				}
			}
		}
	}
}
