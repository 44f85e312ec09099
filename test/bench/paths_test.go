package bench

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/guest"
)

// path is one way between two ends of a site, and what it took.
type path struct {
	site, kind string
	a, b       end
	trips      []time.Duration // there and back, of one packet
	there      []time.Duration // one packet of a burst, from a to b
	back       []time.Duration
}

// The kinds of paths.
const (
	guestHost  = "guest and host"
	sameSwitch = "two guests on one switch"
	throughL3  = "two guests, through the host"
)

// How many packets a turn measures.
const (
	tripsATurn = 200
	bursts     = 10
	burst      = 64
)

// BenchmarkPaths is what a packet costs between guests and the host, beside the
// ways in which others connect a tap. This process is both ends, and the kernel
// does all between them before a system call returns: what is measured is the way
// and nothing else, no VM monitor and no wake-up. In each round all paths have
// their turn.
func BenchmarkPaths(b *testing.B) {
	var all []*path
	for _, s := range []*site{
		vmtapSite(b, "vmtap, pod", onSwitch, false),
		vmtapSite(b, "vmtap, pod, guard off", onSwitch+unguarded, false),
		vmtapSite(b, "vmtap, pod, no switch", "", false),
		vmtapSite(b, "vmtap, host", onSwitch+`, "placement": "host"`, true),
		vmtapSite(b, "vmtap, host, guard off", onSwitch+`, "placement": "host"`+unguarded, true),
		bridgeSite(b, onHostBridge, false),
		bridgeSite(b, likeKubeVirt, true),
	} {
		all = append(all, s.paths(b)...)
	}
	for _, p := range all {
		p.warmUp(b)
	}
	for b.Loop() {
		for _, i := range rand.Perm(len(all)) {
			all[i].turn(b)
		}
	}
	b.ReportMetric(0, "ns/op")
	tell(b, all)
}

const (
	onHostBridge = "a tap on a host bridge"
	likeKubeVirt = "tap and veth on a bridge in the pod"
)

// paths opens the taps of a site and returns the ways between them.
func (s *site) paths(b *testing.B) []*path {
	b.Helper()
	for _, v := range s.vms {
		s.taps = append(s.taps, v.tap(b))
	}
	host := func(i int) *path {
		v := s.vms[i]
		t := *s.taps[i]
		t.sends(v.gwMAC, v.mac, packet(v, v.gateway))
		return &path{site: s.name, kind: guestHost, a: &t, b: openSocket(b, s.node, v.gateway.As4(), v.addr.As4())}
	}
	between := func(i, j int, kind string) *path {
		from, to := s.vms[i], s.vms[j]
		a, z := *s.taps[i], *s.taps[j]
		toMAC, fromMAC := to.mac, from.mac
		if kind == throughL3 {
			toMAC, fromMAC = from.gwMAC, to.gwMAC
		}
		a.sends(toMAC, from.mac, packet(from, to.addr))
		z.sends(fromMAC, to.mac, packet(to, from.addr))
		return &path{site: s.name, kind: kind, a: &a, b: &z}
	}
	all := []*path{host(0)}
	if s.switched {
		all = append(all, between(0, 1, sameSwitch))
	}
	return append(all, between(0, 2, throughL3))
}

func packet(from vm, to netip.Addr) guest.IP {
	return guest.UDP{SrcPort: port, DstPort: port, Payload: make([]byte, 18)}.Packet(from.addr, to)
}

// warmUp waits until both ends hear each other: carrier is noticed in the
// background, and bridges learn.
func (p *path) warmUp(b *testing.B) {
	b.Helper()
	for _, ends := range [][2]end{{p.a, p.b}, {p.b, p.a}, {p.a, p.b}} {
		heard := false
		for begin := time.Now(); !heard && time.Since(begin) < 5*time.Second; time.Sleep(time.Millisecond) {
			if err := ends[0].send(); err != nil {
				continue // down until now
			}
			heard, _ = ends[1].receive()
		}
		if !heard {
			b.Fatalf("%s: %s: nothing arrives", p.site, p.kind)
		}
		for ok := true; ok; ok, _ = ends[1].receive() {
		}
	}
}

// turn measures trips and bursts once.
func (p *path) turn(b *testing.B) {
	begin := time.Now()
	for range tripsATurn {
		one(b, p, p.a, p.b, 1)
		one(b, p, p.b, p.a, 1)
	}
	p.trips = append(p.trips, time.Since(begin)/tripsATurn)
	for _, way := range []struct {
		from, to end
		into     *[]time.Duration
	}{{p.a, p.b, &p.there}, {p.b, p.a, &p.back}} {
		begin := time.Now()
		for range bursts {
			one(b, p, way.from, way.to, burst)
		}
		*way.into = append(*way.into, time.Since(begin)/(bursts*burst))
	}
}

// one sends packets and receives them all. A packet that the kernel left for its
// own thread is waited for.
func one(b *testing.B, p *path, from, to end, packets int) {
	for range packets {
		if err := from.send(); err != nil {
			b.Fatalf("%s: %s: send: %v", p.site, p.kind, err)
		}
	}
	for begin := time.Now(); packets > 0; {
		ok, err := to.receive()
		switch {
		case err != nil:
			b.Fatalf("%s: %s: receive: %v", p.site, p.kind, err)
		case ok:
			packets--
		case time.Since(begin) > 5*time.Second:
			b.Fatalf("%s: %s: %d packets did not arrive", p.site, p.kind, packets)
		}
	}
}

// tell reports the medians.
func tell(b *testing.B, all []*path) {
	b.Helper()
	median := func(d []time.Duration) time.Duration {
		return spreadOf(d, func(d time.Duration) time.Duration { return d }).Median
	}
	trips := map[string]map[string]time.Duration{}
	for _, kind := range []string{guestHost, sameSwitch, throughL3} {
		trips[kind] = map[string]time.Duration{}
	}
	for _, p := range all {
		trips[p.kind][p.site] = median(p.trips)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%s. %d rounds. Packets of 60 bytes; medians.\n", machine(), len(all[0].trips))
	var charts []chart
	for _, kind := range []string{guestHost, sameSwitch, throughL3} {
		fmt.Fprintf(&text, "\n**%s**\n\n| | there and back, ns | to a tap on a host bridge | to KubeVirt's way | packets a second, there | back |\n|---|---|---|---|---|---|\n", strings.ToUpper(kind[:1])+kind[1:])
		ch := chart{title: kind + ", there and back, ns"}
		for _, p := range all {
			if p.kind != kind {
				continue
			}
			trip := trips[kind][p.site]
			fmt.Fprintf(&text, "| %s | %d | %.2f | %.2f | %.0f | %.0f |\n", p.site, trip.Nanoseconds(),
				ratio(trip, trips[kind][onHostBridge]), ratio(trip, trips[kind][likeKubeVirt]), 1/median(p.there).Seconds(), 1/median(p.back).Seconds())
			ch.bars = append(ch.bars, bar{p.site, float64(trip.Nanoseconds()), 0})
		}
		charts = append(charts, ch)
	}
	report(b, "paths", text.String(), charts)
}
