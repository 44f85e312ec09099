package respond

import (
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	l, now := newLimiter(), time.Unix(1000, 0)
	count := func(index int32, n int, at time.Time) (got [3]int) {
		for range n {
			got[l.ask(index, at)]++
		}
		return got
	}
	if got, want := count(1, 500, now), [3]int{20, 476, 4}; got != want {
		t.Errorf("500 at once: %v, want %v", got, want)
	}
	if got, want := count(2, 20, now), [3]int{20, 0, 0}; got != want {
		t.Errorf("another link's: %v, want %v", got, want)
	}
	if got, want := count(1, 50, now.Add(2*time.Second)), [3]int{20, 30, 0}; got != want {
		t.Errorf("two seconds later: %v, want %v", got, want)
	}
	// One a second is always answered.
	for s := range 1000 {
		if v := l.ask(3, now.Add(time.Duration(s)*time.Second)); v != allowed {
			t.Fatalf("second %d: %v", s, v)
		}
	}
}

// TestLimiterForgets: what it keeps does not grow with the links that come and
// go, and a link that floods is not forgotten for those that do not.
func TestLimiterForgets(t *testing.T) {
	l, now := newLimiter(), time.Unix(1000, 0)
	for range 100 {
		l.ask(0, now)
	}
	for i := range int32(3 * remembered) {
		now = now.Add(time.Millisecond)
		l.ask(0, now)
		if v := l.ask(1+i, now); v != allowed {
			t.Fatalf("link %d: %v", i, v)
		}
	}
	if len(l.links) > remembered {
		t.Errorf("%d links are remembered", len(l.links))
	}
	if b := l.links[0]; b == nil || b.tokens >= 1 {
		t.Errorf("the link that floods: %v", b)
	}
	// All busy: one more is answered nevertheless.
	for i := range int32(remembered) {
		for range burst {
			l.ask(100_000+i, now)
		}
	}
	if v := l.ask(-1, now); v != allowed || len(l.links) > remembered {
		t.Errorf("%v, %d links", v, len(l.links))
	}
}
