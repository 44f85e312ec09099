package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/bpf"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/golden"
)

// standard is the guard of the table's guest by a way.
func standard(w Way) Guard {
	g := Guard{
		LLAddrs: []vmid.LLAddr{guestMAC},
		Refused: []vmid.LLAddr{bridgeMAC, portMAC},
		Way:     w,
		Identity: &Identity{
			Addrs:        []netip.Addr{guest4, guest6},
			AnyLinkLocal: w == Alone,
		},
	}
	if w != Alone {
		g.Gateway = gateways[0].Gateway
	}
	return g
}

// ways are all ways with the names that golden files have.
var ways = []struct {
	name string
	Way
}{{"alone", Alone}, {"to-switch", ToSwitch}, {"to-gateway", ToGateway}}

// reporter is what testing's and rapid's tests have in common.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// guardTester is a guard with its program.
type guardTester struct {
	Guard
	program Program
}

func newGuardTester(tb reporter, g Guard) guardTester {
	tb.Helper()
	p, err := g.Program()
	if err != nil {
		tb.Fatal(err)
	}
	return guardTester{g, p}
}

// decide returns Accepts' decision, after a check that the program comes to
// the same.
func (g *guardTester) decide(tb reporter, frame []byte, tag Tag) bool {
	tb.Helper()
	accepts := g.Accepts(frame, tag)
	want := uint32(tcActShot)
	if accepts {
		want = tcActUnspec
	}
	o := run(g.program, frame, tag)
	if o.overran {
		tb.Errorf("instruction %d loads beyond the end: %v, frame %x", o.path[len(o.path)-1], tag, frame)
	}
	if o.ret != want {
		tb.Errorf("the program returns %#x, Accepts %v: %v, frame %x, path %v", o.ret, accepts, tag, frame, o.path)
	}
	return accepts
}

// A second machine comes to the same. It does not know of tags, so the
// program's first two instructions, which ask for one, are not for it.
func TestGuardOnAnotherMachine(t *testing.T) {
	for _, w := range ways {
		g := newGuardTester(t, standard(w.Way))
		if got, want := g.program[0].Disassemble(), (bpf.LoadExtension{Num: bpf.ExtVLANTagPresent}); got != want {
			t.Fatalf("instruction 0 is %v, want %v", got, want)
		}
		vm, err := bpf.NewVM(disassemble(g.program[2:]))
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range guardTests {
			for _, frame := range [][]byte{test.frame, test.frame[:len(test.frame)-1], test.frame[:len(test.frame)/2]} {
				want := tcActShot
				if g.Accepts(frame, Tag{}) {
					want = tcActUnspec
				}
				if got, err := vm.Run(frame); err != nil || got != want {
					t.Errorf("%s: bpf.VM returns %#x, %v, want %#x: frame %x", test.name, got, err, want, frame)
				}
			}
		}
	}
}

// tags are what a frame can come with where none is allowed.
var tags = []Tag{{Present: true}, {Present: true, VLAN: 100}, {Present: true, VLAN: 4095}, {Present: true, Service: true, VLAN: 100}}

// Every frame of the table by every way, cut at every length, with and without
// a tag: accepted just where the table says so.
func TestGuardTable(t *testing.T) {
	names := map[string]bool{}
	for _, w := range ways {
		g := newGuardTester(t, standard(w.Way))
		passed := 0
		for _, test := range guardTests {
			t.Run(w.name+"/"+test.name, func(t *testing.T) {
				if names[t.Name()] {
					t.Fatal("two frames have this name")
				}
				names[t.Name()] = true
				for n := range len(test.frame) + 1 {
					want := test.to.by(w.Way) && n >= test.need
					if got := g.decide(t, test.frame[:n:n], Tag{}); got != want {
						t.Errorf("%d bytes: accepted is %v, want %v", n, got, want)
					} else if got {
						passed++
					}
				}
				for _, tag := range tags {
					if g.decide(t, test.frame, tag) {
						t.Errorf("accepted with %v", tag)
					}
				}
			})
		}
		if passed == 0 {
			t.Errorf("nothing is accepted %s", w.name)
		}
	}
}

// Locked alone looks at nothing but the Ethernet header and what is the
// gateway's.
func TestGuardLocked(t *testing.T) {
	for _, w := range ways {
		g := standard(w.Way)
		g.Identity = nil
		locked := newGuardTester(t, g)
		t.Run(w.name, func(t *testing.T) {
			for _, test := range guardTests {
				for n := range min(len(test.frame), 80) + 1 { // nothing behind is looked at
					frame := test.frame[:n:n]
					want := n >= 14 && vmid.LLAddr(frame[6:]) == guestMAC && !slices.Contains(g.Refused, vmid.LLAddr(frame)) &&
						(string(frame[:5]) != "\x01\x80\xc2\x00\x00" || frame[5] > 15) &&
						!strings.Contains("\x81\x00 \x88\xa8 \x91\x00", string(frame[12:14]))
					if w.Way != Alone {
						want = want && g.Gateway.Match(frame, false) == (w.Way == ToGateway)
					}
					if got := locked.decide(t, frame, Tag{}); got != want {
						t.Errorf("%s, %d bytes: accepted is %v, want %v", test.name, n, got, want)
					}
				}
				for _, tag := range tags {
					if locked.decide(t, test.frame, tag) {
						t.Errorf("%s: accepted with %v", test.name, tag)
					}
				}
			}
		})
	}
}

// On a trunk the listed VLANs pass and no others, at their edges and with each
// number of ranges that the program has another shape for.
func TestGuardTrunk(t *testing.T) {
	var most []VLANRange
	for v := uint16(1); len(most) < MaxVLANRanges; v += 4 {
		most = append(most, VLANRange{v, v + 1})
	}
	for _, test := range []struct {
		name  string
		vlans []VLANRange
	}{
		{"one", []VLANRange{{100, 100}}},
		{"all", []VLANRange{{1, 4094}}},
		{"overlapping", []VLANRange{{200, 300}, {100, 250}, {301, 305}, {307, 307}}},
		{"32", most[:32]},
		{"33", most[:33]},
		{"most", most},
	} {
		for _, w := range ways {
			t.Run(test.name+" "+w.name, func(t *testing.T) {
				g := standard(w.Way)
				g.VLANs = test.vlans
				trunk := newGuardTester(t, g)
				frame := from4(guest4, neighbour4, 6, nil)
				for v := range uint16(4096) {
					listed := slices.ContainsFunc(test.vlans, func(r VLANRange) bool { return r.Min <= v && v <= r.Max })
					if got := trunk.decide(t, frame, Tag{Present: true, VLAN: v}); got != (listed && w.Way != ToGateway) {
						t.Errorf("VLAN %d: accepted is %v", v, got)
					}
					if trunk.decide(t, frame, Tag{Present: true, Service: true, VLAN: v}) {
						t.Errorf("VLAN %d of 802.1ad: accepted", v)
					}
				}
				if got := trunk.decide(t, frame, Tag{}); got != (w.Way != ToGateway) {
					t.Errorf("untagged: accepted is %v", got)
				}
			})
		}
	}
}

// What is tagged is never the gateway's, so what untagged would be goes to the
// switch, if it is the guest's at all.
func TestGuardTaggedIsTheSwitchs(t *testing.T) {
	g := standard(ToSwitch)
	g.VLANs = []VLANRange{{100, 100}}
	trunk := newGuardTester(t, g)
	for _, test := range guardTests {
		t.Run(test.name, func(t *testing.T) {
			want := test.to == theSwitch || test.to == theGateway
			for n := range len(test.frame) + 1 {
				if got := trunk.decide(t, test.frame[:n:n], Tag{Present: true, VLAN: 100}); got != (want && n >= test.need) {
					t.Errorf("%d bytes: accepted is %v, want %v", n, got, !got)
				}
			}
			if got := trunk.decide(t, test.frame, Tag{}); got != (test.to == theSwitch) {
				t.Errorf("untagged: accepted is %v", got)
			}
		})
	}
}

// bigGuard has so many lladdrs, addresses of each family and protocols.
func bigGuard(w Way, lladdrs, addrs4, addrs6, linkLocals, protocols int) Guard {
	g := standard(w)
	g.Identity.Addrs = nil
	for i := range lladdrs - 1 {
		g.LLAddrs = append(g.LLAddrs, vmid.LLAddr{2, byte(i % 3), 0, byte(i), 0, byte(i * 7)})
	}
	for i := range addrs4 {
		g.Identity.Addrs = append(g.Identity.Addrs, netip.AddrFrom4([4]byte{10, byte(i), byte(i * 3), byte(i + 1)}))
	}
	for i := range addrs6 {
		g.Identity.Addrs = append(g.Identity.Addrs, netip.AddrFrom16([16]byte{0x20, 1, 0x0d, byte(i), 4: byte(i), 8: byte(i % 5), 15: byte(i)}))
	}
	for i := range linkLocals {
		g.Identity.Addrs = append(g.Identity.Addrs, netip.AddrFrom16([16]byte{0xfe, 0x80, 9: byte(i), 15: byte(i + 1)}))
	}
	for p := range 256 {
		if !ownRules(byte(p)) && len(g.Identity.Protocols) < protocols {
			g.Identity.Protocols = append(g.Identity.Protocols, byte(p))
		}
	}
	return g
}

// guards are all shapes of a guard: what its parts are and how many.
func guards() map[string]Guard {
	all := map[string]Guard{}
	for _, w := range ways {
		for _, shape := range []struct {
			name                                           string
			lladdrs, addrs4, addrs6, linkLocals, protocols int
		}{
			{"usual", 1, 1, 1, 0, 0},
			{"ipv4", 1, 1, 0, 0, 0},
			{"ipv6", 1, 0, 1, 0, 0},
			{"none", 1, 0, 0, 0, 0},
			{"link-local", 1, 0, 0, 1, 0},
			{"some", 3, 2, 3, 2, 2},
			{"direct", 15, 15, 6, 0, 0},
			{"more", 17, 20, 17, 3, 10},
			{"thirty-two", 32, 16, 16, 2, 4},
			{"most ipv4", MaxLLAddrs, MaxAddrs, 0, 0, MaxProtocols},
			{"most ipv6", MaxLLAddrs, 0, MaxAddrs, 0, MaxProtocols},
			{"most link-local", MaxLLAddrs, 0, 1, MaxAddrs - 1, MaxProtocols},
		} {
			for _, anyLinkLocal := range []bool{true, false} {
				if anyLinkLocal && shape.lladdrs > 15 {
					continue // as the smaller ones
				}
				g := bigGuard(w.Way, shape.lladdrs, shape.addrs4, shape.addrs6, shape.linkLocals, shape.protocols)
				g.Identity.AnyLinkLocal = anyLinkLocal
				name := fmt.Sprintf("%s %s, any link-local %v", w.name, shape.name, anyLinkLocal)
				all[name] = g
				if shape.lladdrs <= 3 {
					g.VLANs = []VLANRange{{100, 109}, {200, 200}}
					all[name+", trunk"] = g
				}
			}
		}
		if w.Way == ToSwitch {
			g := standard(w.Way)
			g.Identity.Addrs = append(g.Identity.Addrs, host4, host6, linkLocal)
			all[w.name+" owning what is the gateway's"] = g
		}
		most := bigGuard(w.Way, MaxLLAddrs, 0, MaxAddrs, 0, MaxProtocols)
		for v := uint16(1); len(most.VLANs) < MaxVLANRanges; v += 3 {
			most.VLANs = append(most.VLANs, VLANRange{v, v + 1})
		}
		most.Identity.AnyLinkLocal = false
		all[w.name+" most of all"] = most

		few := standard(w.Way)
		few.Refused = nil
		all[w.name+" with nothing refused"] = few
		for i, gw := range gateways[1:] {
			g := standard(w.Way)
			if w.Way == Alone {
				break
			}
			g.Gateway = gw.Gateway
			all[fmt.Sprintf("%s, gateway %d", w.name, i)] = g
			g.VLANs = []VLANRange{{100, 109}}
			all[fmt.Sprintf("%s, gateway %d, trunk", w.name, i)] = g
			g.Identity = nil
			all[fmt.Sprintf("%s, gateway %d, trunk, locked", w.name, i)] = g
		}
		for _, vlans := range [][]VLANRange{nil, {{100, 109}, {200, 200}}} {
			g := standard(w.Way)
			g.VLANs, g.Identity = vlans, nil
			all[fmt.Sprintf("%s locked, trunk %v", w.name, vlans != nil)] = g
			g.LLAddrs = bigGuard(w.Way, MaxLLAddrs, 0, 0, 0, 0).LLAddrs
			all[fmt.Sprintf("%s locked, trunk %v, most", w.name, vlans != nil)] = g
		}
	}
	return all
}

// corpus are the table's frames as the guest of a guard would send them, for
// each of its lladdrs and addresses.
func corpus(g Guard, yield func(frame []byte)) {
	for _, test := range guardTests {
		yield(test.frame)
	}
	replace := func(frame, old, by []byte) []byte {
		return []byte(strings.ReplaceAll(string(frame), string(old), string(by)))
	}
	// What is looked up in each list.
	listed := []string{
		"TCP, IPv4", "TCP, IPv6", "TCP, IPv6, link-local", "ARP request", "ARP probe", "DHCP",
		"NS with option", "NS of link-local", "NA with option", "NA of fe80 for it, with option", "DAD", "DAD for fe80", "RS with option",
	}
	first := true
	frames := func(own4, own6, ownLL, lladdr []byte) {
		for _, test := range guardTests {
			if strings.Contains(test.name, "bit") || !first && !slices.Contains(listed, test.name) {
				continue
			}
			// guest6 holds guest4, and eui the most of guestMAC.
			frame := replace(test.frame, guest6.AsSlice(), own6)
			frame = replace(frame, eui.AsSlice(), ownLL)
			frame = replace(frame, guest4.AsSlice(), own4)
			frame = replace(frame, guestMAC[:], lladdr)
			yield(frame)
			if g.Way == ToGateway && len(frame) >= 14 {
				yield(to(g.Gateway.LLAddr, frame))
			}
		}
	}
	var own4, own6, ownLL []netip.Addr
	if g.Identity != nil {
		own4, own6, ownLL = g.Identity.split()
	}
	pick := func(list []netip.Addr, i int, other netip.Addr) []byte {
		if len(list) == 0 {
			return other.AsSlice()
		}
		return list[i%len(list)].AsSlice()
	}
	for i := range max(len(g.LLAddrs), len(own4), len(own6), len(ownLL)) {
		l := g.LLAddrs[i%len(g.LLAddrs)]
		frames(pick(own4, i, guest4), pick(own6, i, guest6), pick(ownLL, i, eui), l[:])
		first = first && len(ownLL) > 0
		if len(ownLL) > 0 {
			frames(pick(own4, i, guest4), pick(ownLL, i, eui), l.LinkLocal().AsSlice(), l[:])
		}
		frames(pick(own4, i, guest4), pick(own6, i, guest6), l.LinkLocal().AsSlice(), l[:])
		first = false
	}
	if g.Identity != nil {
		for _, p := range g.Identity.Protocols {
			frame := with(from6(guest6, neighbour6, p, nil), 6, g.LLAddrs[0][:]...)
			yield(with(frame, atIP+8, pick(own6, 0, eui)...))
			yield(with(frame, atIP+8, g.LLAddrs[0].LinkLocal().AsSlice()...))
		}
	}
}

// Every shape decides as Accepts does about the whole corpus, and the corpus
// leaves none of its instructions untried.
func TestGuardShapes(t *testing.T) {
	for name, guard := range guards() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuardTester(t, guard)
			seen := make([]bool, len(g.program))
			accepted, dropped := 0, 0
			try := func(frame []byte, tag Tag) {
				o := run(g.program, frame, tag)
				for _, i := range o.path {
					seen[i] = true
				}
				want := uint32(tcActShot)
				if g.Accepts(frame, tag) {
					want = tcActUnspec
					accepted++
				} else {
					dropped++
				}
				if o.ret != want || o.overran {
					t.Fatalf("the program returns %#x, overran %v, want %#x: %v, frame %x, path %v", o.ret, o.overran, want, tag, frame, o.path)
				}
			}
			first := Tag{Present: true, VLAN: 100}
			corpus(guard, func(frame []byte) {
				try(frame, Tag{})
				try(frame, first)
			})
			frame := with(from4(guest4, neighbour4, 6, nil), 6, guard.LLAddrs[0][:]...)
			try(frame[:13], Tag{})
			for v := range uint16(4096) {
				if v < 400 || len(guard.VLANs) > 2 {
					try(frame, Tag{Present: true, VLAN: v})
				}
			}
			try(frame, Tag{Present: true, Service: true, VLAN: 100})
			if accepted == 0 || dropped == 0 {
				t.Errorf("%d frames are accepted, %d dropped: that proves nothing", accepted, dropped)
			}
			for i, yes := range seen {
				if !yes {
					t.Errorf("no frame comes to instruction %d", i)
				}
			}
			if t.Failed() {
				t.Logf("the program:\n%s", text(g.program))
			}
			t.Logf("%d instructions", len(g.program))
		})
	}
}

// No program returns 0, which would let a frame through, or what is not a
// verdict.
func TestGuardReturns(t *testing.T) {
	for name, g := range guards() {
		p, err := g.Program()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for i, ins := range p {
			if ins.Op&opClassMask == opClassRet && (ins.Op != opRet || ins.K != tcActUnspec && ins.K != tcActShot) {
				t.Errorf("%s: instruction %d is %v", name, i, ins.Disassemble())
			}
		}
	}
}

func TestGuardGolden(t *testing.T) {
	for _, w := range ways {
		g := standard(w.Way)
		program := func() string { return text(newGuardTester(t, g).program) }
		golden.Compare(t, "guard-"+w.name, program())
		g.Identity = nil
		golden.Compare(t, "guard-locked-"+w.name, program())
	}
	g := bigGuard(ToSwitch, 2, 2, 3, 1, 1)
	g.VLANs = []VLANRange{{100, 109}, {200, 200}}
	golden.Compare(t, "guard-trunk-with-lists", text(newGuardTester(t, g).program))
}

func TestGuardRefuses(t *testing.T) {
	addrs := func(list ...string) func(*Guard) {
		return func(g *Guard) {
			for _, s := range list {
				g.Identity.Addrs = append(g.Identity.Addrs, netip.MustParseAddr(s))
			}
		}
	}
	for _, test := range []struct {
		name   string
		change func(g *Guard)
		want   string
	}{
		{"no lladdr", func(g *Guard) { g.LLAddrs = nil }, "0 lladdrs, want 1 to 64"},
		{"too many lladdrs", func(g *Guard) { g.LLAddrs = make([]vmid.LLAddr, MaxLLAddrs+1) }, "65 lladdrs"},
		{"zero lladdr", func(g *Guard) { g.LLAddrs = append(g.LLAddrs, vmid.LLAddr{}) }, "00:00:00:00:00:00: zero or"},
		{"multicast lladdr", func(g *Guard) { g.LLAddrs[0][0] = 3 }, "multicast"},
		{"VLAN 0", func(g *Guard) { g.VLANs = []VLANRange{{0, 5}} }, "VLANs 0-5"},
		{"VLAN 4095", func(g *Guard) { g.VLANs = []VLANRange{{4095, 4095}} }, "VLANs 4095-4095"},
		{"VLANs upside down", func(g *Guard) { g.VLANs = []VLANRange{{5, 4}} }, "VLANs 5-4"},
		{"too many VLANs", func(g *Guard) {
			for v := uint16(1); len(g.VLANs) <= MaxVLANRanges; v += 2 {
				g.VLANs = append(g.VLANs, VLANRange{v, v})
			}
		}, "513 ranges of VLANs, want at most 512"},
		{"no such way", func(g *Guard) { g.Way = 3 }, "no way 3"},
		{"no gateway", func(g *Guard) { g.Gateway = Gateway{} }, "without a gateway's"},
		{"no host4", func(g *Guard) { g.Gateway.Host4 = netip.Addr{} }, "without a gateway's"},
		{"mapped address", addrs("::ffff:1.2.3.4"), "::ffff:1.2.3.4"},
		{"zone", addrs("fe80::1%eth0"), "fe80::1%eth0"},
		{"unspecified", addrs("0.0.0.0"), "0.0.0.0"},
		{"multicast", addrs("ff02::1"), "ff02::1"},
		{"invalid address", func(g *Guard) { g.Identity.Addrs = []netip.Addr{{}} }, "invalid IP"},
		{"too many addresses", func(g *Guard) { g.Identity.Addrs = make([]netip.Addr, MaxAddrs+1) }, "65 addresses, want at most 64"},
		{"too many protocols", func(g *Guard) { g.Identity.Protocols = make([]uint8, MaxProtocols+1) }, "33 protocols, want at most 32"},
		{"hop-by-hop", func(g *Guard) { g.Identity.Protocols = []uint8{0} }, "protocol 0 has rules"},
		{"UDP", func(g *Guard) { g.Identity.Protocols = []uint8{112, 17} }, "protocol 17 has rules"},
		{"ICMPv6", func(g *Guard) { g.Identity.Protocols = []uint8{58} }, "protocol 58 has rules"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := standard(ToSwitch)
			test.change(&g)
			p, err := g.Program()
			if err == nil || p != nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %d instructions and error %v, want %q", len(p), err, test.want)
			}
		})
	}
}

func TestGuardProgramIsTheSameTwice(t *testing.T) {
	g := standard(ToSwitch)
	first, second := newGuardTester(t, g).program, newGuardTester(t, g).program
	if !slices.Equal(first, second) {
		t.Error("two programs of one guard differ")
	}
	clear(first)
	if slices.Equal(first, second) {
		t.Error("two programs share memory")
	}
}

func BenchmarkGuardProgram(b *testing.B) {
	for _, w := range ways {
		b.Run(w.name, func(b *testing.B) {
			g := standard(w.Way)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				p, err := g.Program()
				if err != nil {
					b.Fatal(err)
				}
				n = len(p)
			}
			b.ReportMetric(float64(n), "instructions")
		})
	}
}

func BenchmarkGuardAccepts(b *testing.B) {
	g, frame := standard(ToSwitch), from4(guest4, neighbour4, 6, make([]byte, 20))
	b.ReportAllocs()
	for b.Loop() {
		if !g.Accepts(frame, Tag{}) {
			b.Fatal("dropped")
		}
	}
}
