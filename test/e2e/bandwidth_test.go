package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// limited is a block with the capability's object as a runtime passes it.
func limited(block, bandwidth string) string {
	if block != "" {
		block += ", "
	}
	return block + `"capabilities": {"bandwidth": true}, "runtimeConfig": {"bandwidth": {` + bandwidth + `}}`
}

// 250 kB per second, and 40 kB of it at once.
const (
	intoGuest = `"ingressRate": 2000000, "ingressBurst": 320000`
	fromGuest = `"egressRate": 2000000, "egressBurst": 320000`
	rate      = 250e3
	burst     = 40e3
	streamed  = 300_000
)

// wantRate demands that so many bytes never pass faster than the limit lets
// them, or without a limit that they can: a machine may be slow at times, but no
// bucket is ever fast.
func wantRate(t *testing.T, what string, bytes float64, limited bool, measure func() time.Duration) {
	t.Helper()
	least := time.Duration((bytes - burst) / rate * 0.8 * float64(time.Second))
	took := measure()
	for range 20 {
		if limited == (took >= least) && took < 10*least {
			t.Logf("%s: %.0f kB in %v", what, bytes/1e3, took.Round(time.Millisecond))
			return
		}
		if limited && took < least {
			break
		}
		took = measure()
	}
	t.Errorf("%s: %.0f kB took %v, the limit is %v, limited: %t", what, bytes/1e3, took, least, limited)
}

// streams is wantRate for a stream to an address in another namespace.
func streams(t *testing.T, what string, from, to *netns.NS, address string, limited bool) {
	t.Helper()
	wantRate(t, what, streamed, limited, func() time.Duration { return stream(t, from, to, address, streamed) })
}

// streamer is a guest with TCP, and an unlimited neighbour on the switch.
type streamer struct {
	*pod
	system *netns.NS
	config guest.Config
}

func (n *node) newStreamer(t *testing.T, id, block, addr string) streamer {
	t.Helper()
	p := n.newPod(t, id)
	config := conf(block)
	if addr != "" && strings.Contains(block, `"local": true`) { // and the guest has one more
		config = extended(config, fmt.Sprintf(`"guard": {"addresses": [%q]}`, addr))
	}
	a := p.add(t, "eth0", config)
	c := a.guestConfig()
	s := streamer{pod: p, config: c}
	switch {
	case strings.Contains(block, `"device": "veth"`):
		s.system = p.NS
	case strings.Contains(block, `"placement": "host"`):
		s.system = guest.System(t, n.NS, a.hostLink(), c)
	default:
		s.system = guest.System(t, p.NS, "eth0", c)
	}
	if addr != "" {
		s.system.Run(t, "ip", "address", "add", addr+"/24", "dev", "eth0")
	}
	return s
}

// TestBandwidth: a TCP stream gets its rate, in each direction as the guest
// sees it, and only in the one that is limited; with and without a switch and a
// gateway, in each placement that has limits.
func TestBandwidth(t *testing.T) {
	wantsNoVRF(t)
	for name, block := range map[string]string{
		"without switch":    "",
		"with gateway":      createConf,
		"without gateway":   `"switch": {"interface": "bridge0", "create": true}`,
		"several queues":    `"tap": {"multiQueue": true}`,
		"veth":              `"device": "veth"`,
		"veth with gateway": `"device": "veth", ` + createConf,
		"host":              `"placement": "host"`,
		"host with gateway": `"placement": "host", ` + createConf,
	} {
		for direction, limit := range map[string]string{"into the guest": intoGuest, "from the guest": fromGuest} {
			t.Run(name+", "+direction, func(t *testing.T) {
				n := newNode(t)
				into, from := limit == intoGuest, limit == fromGuest
				if name == "several queues" {
					testQueues(t, n, limited(block, limit))
					return
				}
				if from && strings.Contains(block, `"host"`) {
					_, fault := n.Add(t, n.newPod(t, "p").call("eth0", conf(limited(block, limit))))
					wantFault(t, fault, 2, "egressRate", "not supported yet in placement host")
					return
				}
				s := n.newStreamer(t, "p", limited(block, limit), "10.1.0.1")
				if gw := s.config.Gateway4; gw.IsValid() {
					streams(t, "host to guest", n.NS, s.system, s.config.Addr4.Addr().String(), into)
					streams(t, "guest to host", s.system, n.NS, gw.String(), from)
				}
				if strings.Contains(block, "bridge0") {
					other := n.newStreamer(t, "q", block, "10.1.0.2")
					streams(t, "neighbour to guest", other.system, s.system, "10.1.0.1", into)
					streams(t, "guest to neighbour", s.system, other.system, "10.1.0.2", from)
				}
			})
		}
	}
}

// testQueues: a tap with several queues has one bucket for all of them.
func testQueues(t *testing.T, n *node, block string) {
	t.Helper()
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(block))
	c := a.guestConfig()
	c.MultiQueue = true
	g := guest.Open(t, p.NS, "eth0", c)
	if err := g.Ping(c.Gateway4, answered); err != nil {
		t.Error(err)
	}
	a.del()
	p.onlyLoopback(t)
}

// TestBandwidthOfTwoWays: what a guest sends to the gateway and to the switch
// at once passes at one rate.
func TestBandwidthOfTwoWays(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	s := n.newStreamer(t, "p", limited(createConf, fromGuest), "10.1.0.1")
	other := n.newStreamer(t, "q", createConf, "10.1.0.2")
	wantRate(t, "both", 2*streamed, true, func() time.Duration {
		done := make(chan time.Duration)
		start := time.Now()
		go func() {
			stream(t, s.system, other.system, "10.1.0.2", streamed)
			done <- time.Since(start)
		}()
		stream(t, s.system, n.NS, s.config.Gateway4.String(), streamed)
		return max(time.Since(start), <-done)
	})
}

// TestBandwidthCheck: CHECK passes directly after ADD, whatever the numbers
// are, and names what is not as it should be. DEL leaves nothing.
func TestBandwidthCheck(t *testing.T) {
	wantsNoVRF(t)
	for _, numbers := range [][2]uint64{
		{8, 1},
		{1_000_000, 1<<32 - 1}, // as containerd sends it
		{123_456_789, 987_654_321},
		{10_000_000_000, 8_000_000},
		{100_000_000_000, 8 * (1<<32 - 2)},
		{1<<64 - 1, 1 << 20},
	} {
		t.Run(fmt.Sprint(numbers), func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			limits := fmt.Sprintf(`"ingressRate": %d, "ingressBurst": %d, "egressRate": %d, "egressBurst": %d`, numbers[0], numbers[1], numbers[0], numbers[1])
			p.add(t, "eth0", conf(limited(createConf, limits))).del()
			p.onlyLoopback(t)
			n.noVMLinks(t)
		})
	}
	for name, c := range map[string]struct {
		change string
		words  []string
	}{
		"no shaper":        {"tc qdisc del dev eth0 root", []string{"tap eth0: shaper is none", "rate 2000000bit burst 40000b"}},
		"another rate":     {"tc qdisc replace dev eth0 root handle 1: tbf rate 3mbit burst 40000b latency 25ms", []string{"tap eth0: shaper is tbf rate 3000000bit"}},
		"another burst":    {"tc qdisc replace dev eth0 root handle 1: tbf rate 2mbit burst 20000b latency 25ms", []string{"tap eth0: shaper is tbf rate 2000000bit burst"}},
		"only the burst":   {"tc qdisc replace dev eth0 root handle 1: tbf rate 2mbit burst 20000b limit 46250b", []string{"tap eth0: shaper is tbf rate 2000000bit burst"}},
		"only the limit":   {"tc qdisc replace dev eth0 root handle 1: tbf rate 2mbit burst 40000b limit 250000b", []string{"tap eth0: shaper is tbf rate 2000000bit burst"}},
		"limiter's shaper": {"tc qdisc del dev BW root", []string{"limiter BW: shaper is none"}},
		"limiter gone":     {"ip link del BW", []string{"limiter BW: missing"}},
		"limiter down":     {"ip link set BW down", []string{"limiter BW: up is off"}},
		"way around":       {"tc filter del dev GW egress", []string{"gateway's pod end GW: egress filter 1", "is missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			a := p.add(t, "eth0", conf(limited(createConf, intoGuest+", "+fromGuest)))
			names := strings.NewReplacer("BW", strings.Replace(a.hostLink(), "-if", "-bw", 1), "GW", a.gateway())
			words := strings.Fields(names.Replace(c.change))
			p.Run(t, words[0], words[1:]...)
			for i := range c.words {
				c.words[i] = names.Replace(c.words[i])
			}
			wantFault(t, n.Check(t, a.call), 101, c.words...)
			a.del()
			p.onlyLoopback(t)
		})
	}
}

// TestBandwidthRefused: what makes no sense is refused before anything is made.
func TestBandwidthRefused(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	p := n.newPod(t, "p")
	before := takeAll(t, n.NS, p.NS)
	_, fault := n.Add(t, p.call("eth0", conf(limited("", `"IngressRate": 1000`))))
	wantFault(t, fault, 7, "runtimeConfig.bandwidth.IngressRate", "burst")
	before.wantSame(t)
}
