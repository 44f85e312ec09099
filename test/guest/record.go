package guest

import (
	"sync"
	"testing"
	"time"
)

// kept is how many of the last packets a record holds.
const kept = 4096

// record is what a guest received.
type record struct {
	mu     sync.Mutex
	last   []Packet // at most kept
	total  int      // ever received
	change chan struct{}
	ended  bool
}

func (r *record) add(p Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.At = time.Now()
	if len(r.last) == kept {
		r.last = r.last[1:]
	}
	r.last = append(r.last, p)
	r.total++
	r.signal()
}

func (r *record) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.signal()
}

// signal wakes those who wait. The lock is held.
func (r *record) signal() {
	if r.change != nil {
		close(r.change)
		r.change = nil
	}
}

// since returns the packets after the first n, how many there are now, and what is closed when there are more. That is
// nil when none will come.
func (r *record) since(n int) (packets []Packet, total int, more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	start := max(0, n-(r.total-len(r.last)))
	if start < len(r.last) {
		packets = append(packets, r.last[start:]...)
	}
	if r.ended {
		return packets, r.total, nil
	}
	if r.change == nil {
		r.change = make(chan struct{})
	}
	return packets, r.total, r.change
}

// A Mark is a moment in what a guest receives.
type Mark int

// Start is the moment before the first packet.
const Start Mark = 0

// Mark is now. Take it before doing what makes a packet come, and Wait from there.
func (g *Guest) Mark() Mark {
	_, total, _ := g.record.since(0)
	return Mark(total)
}

// Received are the packets since a mark.
func (g *Guest) Received(since Mark) []Packet {
	packets, _, _ := g.record.since(int(since))
	return packets
}

// Wait returns the first packet since the mark that matches. ok is false if none comes in time.
func (g *Guest) Wait(since Mark, timeout time.Duration, match func(Packet) bool) (p Packet, ok bool) {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	for seen := int(since); ; {
		packets, total, more := g.record.since(seen)
		for _, p := range packets {
			if match(p) {
				return p, true
			}
		}
		if more == nil {
			return Packet{}, false
		}
		seen = total
		select {
		case <-more:
		case <-deadline.C:
			return Packet{}, false
		}
	}
}

// Expect is Wait for a packet that must come.
func (g *Guest) Expect(t testing.TB, what string, since Mark, timeout time.Duration, match func(Packet) bool) Packet {
	t.Helper()
	p, ok := g.Wait(since, timeout, match)
	if !ok {
		t.Fatalf("no %s in %v; received: %s", what, timeout, g.Summary(since))
	}
	return p
}

// ExpectNone fails the test if a packet comes that matches. It always takes the whole time.
func (g *Guest) ExpectNone(t testing.TB, what string, since Mark, timeout time.Duration, match func(Packet) bool) {
	t.Helper()
	if p, ok := g.Wait(since, timeout, match); ok {
		t.Errorf("%s came, want none: %v", what, p)
	}
}

// all waits for the whole time and returns every packet that matches.
func (g *Guest) all(since Mark, timeout time.Duration, match func(Packet) bool) []Packet {
	time.Sleep(timeout)
	var matching []Packet
	for _, p := range g.Received(since) {
		if match(p) {
			matching = append(matching, p)
		}
	}
	return matching
}
