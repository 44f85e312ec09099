package filter

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// randomGuard is a guard that a number stands for: of each part there is none,
// some or much, and mostly the table's guest is among it.
func randomGuard(number uint64) Guard {
	r := rand.New(rand.NewPCG(number, 0))
	often := func() bool { return r.IntN(4) != 0 }
	few := func(most int) int { return []int{0, 0, 0, 1, 2, r.IntN(8), r.IntN(most)}[r.IntN(7)] }
	g := bigGuard(Way(r.IntN(3)), 1+few(MaxLLAddrs), few(MaxAddrs/4), few(MaxAddrs/4), few(MaxAddrs/4), few(MaxProtocols))
	if g.Way != Alone {
		g.Gateway = gateways[r.IntN(len(gateways))].Gateway
	}
	if !often() {
		g.Refused = g.Refused[:r.IntN(2)]
	}
	if !often() {
		g.LLAddrs[0] = secondMAC
	}
	if often() {
		g.Identity.Addrs = append(g.Identity.Addrs, guest4)
	}
	if often() {
		g.Identity.Addrs = append(g.Identity.Addrs, guest6)
	}
	for _, strange := range []netip.Addr{host4, host6, linkLocal, eui, privacy, neighbour6} {
		if r.IntN(16) == 0 {
			g.Identity.Addrs = append(g.Identity.Addrs, strange)
		}
	}
	r.Shuffle(len(g.Identity.Addrs), func(i, j int) {
		a := g.Identity.Addrs
		a[i], a[j] = a[j], a[i]
	})
	g.Identity.AnyLinkLocal = often()
	for range few(40) {
		v := uint16(1 + r.IntN(4094))
		g.VLANs = append(g.VLANs, VLANRange{v, min(v+uint16(r.IntN(200)), 4094)})
	}
	if r.IntN(8) == 0 {
		g.Identity = nil
	}
	return g
}

// agree checks that a guard's program decides about a frame as Accepts does,
// at every length, and that what is accepted stays so with more behind it,
// unless addresses are not looked at.
func agree(tb reporter, g *guardTester, frame []byte, tag Tag) {
	tb.Helper()
	for _, r := range g.program {
		if r.Op&opClassMask == opClassRet && r.K != tcActShot && r.K != tcActUnspec {
			tb.Fatalf("the program has %v", r.Disassemble())
		}
	}
	before := false
	for n := range len(frame) + 1 {
		now := g.decide(tb, frame[:n:n], tag)
		if before && !now && g.Identity != nil {
			tb.Errorf("accepted at %d bytes and not at %d: %x", n-1, n, frame)
		}
		before = now
	}
}

func FuzzGuard(f *testing.F) {
	for i, test := range guardTests {
		if strings.Contains(test.name, "bit") || len(test.frame) < 14 {
			continue
		}
		frame := test.frame
		if i%2 == 0 {
			frame = to(gatewayMAC, frame)
		}
		f.Add(uint64(i), frame, uint16(i), byte(i%3))
	}
	f.Fuzz(func(t *testing.T, number uint64, frame []byte, vlan uint16, tag byte) {
		g := newGuardTester(t, randomGuard(number))
		agree(t, &g, frame[:min(len(frame), 160)], Tag{Present: tag&1 != 0, Service: tag == 3, VLAN: vlan & 0x0fff})
	})
}

// What a guest may send and nearly may, in short: a frame of the table in
// which a few bytes are others, under any guard.
func TestGuardProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := newGuardTester(t, randomGuard(rapid.Uint64().Draw(t, "guard")))
		for range 4 {
			test := rapid.SampledFrom(guardTests).Draw(t, "frame")
			frame := slices.Clone(test.frame[:min(len(test.frame), 120)])
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				frame[rapid.IntRange(0, len(frame)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			}
			tag := Tag{Present: rapid.Bool().Draw(t, "tagged"), Service: rapid.Bool().Draw(t, "service"), VLAN: rapid.Uint16Range(0, 4095).Draw(t, "VLAN")}
			agree(t, &g, frame, tag)
		}
	})
}

// Lists of each length, of each size of entries that there are, are looked up
// right: every entry is found, and none that differs in one bit.
func TestAssemblerLists(t *testing.T) {
	for _, size := range []int{4, 6, 16} {
		for _, count := range []int{1, 2, 3, 6, 7, 15, 16, 32, 33, 47, 48, 64, 65, 100} {
			t.Run(fmt.Sprintf("%d of %d bytes", count, size), func(t *testing.T) {
				r := rand.New(rand.NewPCG(uint64(size), uint64(count)))
				list := make([][]byte, count)
				for i := range list {
					list[i] = make([]byte, size)
					for j := range list[i] {
						list[i][j] = byte(r.IntN(3)) // so that many begin alike
					}
				}
				a := newAssembler(64, verdict{name: accept, ret: 1}, verdict{name: drop, ret: 2})
				a.in(at(3), list, "hit", next)
				a.ja(drop)
				a.at("hit")
				a.ja(accept)
				p, err := a.assemble()
				if err != nil {
					t.Fatal(err)
				}
				for _, entry := range list {
					if got := run(p, append([]byte("abc"), entry...), Tag{}); got.ret != 1 {
						t.Fatalf("%x is not found", entry)
					}
					for bit := range size * 8 {
						near := slices.Clone(entry)
						near[bit/8] ^= 1 << (bit % 8)
						want := uint32(2)
						if slices.ContainsFunc(list, func(e []byte) bool { return slices.Equal(e, near) }) {
							want = 1
						}
						if got := run(p, append([]byte("abc"), near...), Tag{}); got.ret != want {
							t.Errorf("%x: got %d, want %d", near, got.ret, want)
						}
					}
				}
			})
		}
	}
}
