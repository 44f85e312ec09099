package filter

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

// guarded is a tap with a guard at its ingress. What it accepts comes out of
// another tap.
type guarded struct {
	Guard
	guest, out tap
	marker     []byte // a frame that is accepted, with a number at its end
	number     uint32
}

// newGuarded makes the two in a namespace of the test's own. Both taps have
// these flags.
func newGuarded(t *testing.T, g Guard, flags uint16) *guarded {
	t.Helper()
	newNamespace(t)
	// Frames that are sent on one CPU stay in order.
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	for cpu := 0; one.Count() == 0; cpu++ {
		if all.IsSet(cpu) {
			one.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	p, err := g.Program()
	if err != nil {
		t.Fatal(err)
	}
	k := &guarded{Guard: g, guest: newTapWith(t, "guest", flags), out: newTapWith(t, "out", flags)}
	k.marker = from4(guest4, neighbour4, 17, append(udp(9, 9), 0, 0, 0, 0))
	copy(k.marker[6:], g.LLAddrs[0][:])
	if g.Identity != nil {
		own4, _, _ := g.Identity.split()
		copy(k.marker[atIP+12:], own4[0].AsSlice())
	}
	if g.Way == ToGateway {
		k.marker = to(g.Gateway.LLAddr, k.marker)
	}
	command(t, "tc qdisc add dev guest ingress")
	filterCommand(t, "guest", "1", bytecode(p), "da")
	filterCommand(t, "guest", "2", everything, "action", "mirred", "egress", "redirect", "dev", "out")
	return k
}

// wire is a frame as the kernel sees it, where its outer tag is not in it; it
// does not take a tag that less than two bytes follow.
func wire(sent []byte) (frame []byte, tag Tag, taken bool) {
	switch t := binary.BigEndian.Uint16(sent[offType:]); {
	case t != typeVLAN && t != typeServiceVLAN:
		return sent, Tag{}, true
	case len(sent) < 20:
		return nil, Tag{}, false
	default:
		vlan := binary.BigEndian.Uint16(sent[14:]) & 0x0fff
		return slices.Concat(sent[:12], sent[16:]), Tag{Present: true, Service: t == typeServiceVLAN, VLAN: vlan}, true
	}
}

// check sends a frame, behind a header of virtio's if there is one, and fails
// the test unless the kernel does with it what Accepts says. It reports what
// that was. Nothing is waited for: a marker that follows comes out in any case.
func (k *guarded) check(t *testing.T, name string, header, sent []byte) (accepted bool) {
	t.Helper()
	frame, tag, taken := wire(sent)
	want := taken && k.Accepts(frame, tag)
	k.number++
	binary.BigEndian.PutUint32(k.marker[len(k.marker)-4:], k.number)
	k.guest.send(t, slices.Concat(header, sent))
	k.guest.send(t, slices.Concat(make([]byte, len(header)), k.marker))
	_, got := receive(t, k.out)
	accepted = !bytes.Equal(got[len(header):], k.marker)
	if accepted {
		if !bytes.Equal(got[len(header):], sent) {
			t.Fatalf("%s: sent %d bytes %.200x, got %d bytes %.200x", name, len(sent), sent, len(got)-len(header), got)
		}
		if _, got := receive(t, k.out); !bytes.Equal(got[len(header):], k.marker) {
			t.Fatalf("%s: the marker is missing, got %.200x", name, got)
		}
	}
	if accepted != want {
		t.Errorf("%s: the kernel accepts is %v, Accepts %v: %v, %.200x", name, accepted, want, tag, sent)
	}
	return accepted
}

// The kernel accepts and drops each frame of the table as Accepts does,
// untagged and with each kind of tag, and those that pass cut as well.
func TestKernelGuards(t *testing.T) {
	trunk := standard(ToSwitch)
	trunk.VLANs = []VLANRange{{100, 109}, {200, 200}}
	locked := standard(ToSwitch)
	locked.Identity = nil
	many := bigGuard(Alone, 32, 16, 16, 0, 4)
	many.Identity.Addrs = append(many.Identity.Addrs, guest4, guest6)
	for by, g := range map[string]Guard{
		"alone": standard(Alone), "to switch": standard(ToSwitch), "to gateway": standard(ToGateway),
		"trunk": trunk, "locked": locked, "lists": many,
	} {
		t.Run(by, func(t *testing.T) {
			k := newGuarded(t, g, 0)
			accepted, dropped := 0, 0
			check := func(name string, sent []byte) {
				t.Helper()
				if k.check(t, name, nil, sent) {
					accepted++
				} else {
					dropped++
				}
			}
			for _, test := range guardTests {
				check(test.name, test.frame)
				if len(test.frame) > 100 {
					continue // DHCP's messages, which differ in nothing that tags are about
				}
				if test.to.by(g.Way) {
					// The last two lengths by every guard, more by one.
					for n := 14; n < len(test.frame); n++ {
						if by == "alone" && n%5 == 0 || n >= len(test.frame)-2 {
							check(fmt.Sprintf("%s, %d bytes", test.name, n), test.frame[:n])
						}
					}
				}
				if len(test.frame) >= 16 && (test.to != nowhere || by == "trunk") {
					check(test.name+", tagged", tag(test.frame, 0x81, 0x00))
					check(test.name+", tagged 802.1ad", tag(test.frame, 0x88, 0xa8))
				}
			}
			tcp := from4(guest4, neighbour4, 6, make([]byte, 20))
			if g.Way == ToGateway {
				tcp = to(gatewayMAC, tcp)
			}
			for _, tci := range []uint16{0, 0xe000, 0x1000, 99, 100, 109, 110, 199, 200, 0xf0c8, 201, 4094, 4095} {
				for _, protocol := range [][]byte{{0x81, 0}, {0x88, 0xa8}, {0x91, 0}} {
					tagged := slices.Concat(tcp[:12], protocol, binary.BigEndian.AppendUint16(nil, tci), tcp[12:])
					check(fmt.Sprintf("%x with TCI %#x", protocol, tci), tagged)
					check(fmt.Sprintf("%x with TCI %#x, two tags", protocol, tci), tag(tagged, 0x81, 0x00))
				}
			}
			if accepted == 0 || dropped == 0 {
				t.Errorf("%d frames are accepted, %d dropped: that proves nothing", accepted, dropped)
			}
			t.Logf("%d frames are accepted, %d dropped", accepted, dropped)
		})
	}
}

// Frames of 20 kB, as a guest sends them that leaves it to its NIC to cut
// them, whose headers the kernel holds in one piece or not.
func TestKernelGuardsLargeFrames(t *testing.T) {
	tcp := append(make([]byte, 12), 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0)
	data := append(tcp, make([]byte, 20000)...)
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			k := newGuarded(t, standard(w.Way), unix.IFF_VNET_HDR)
			const csum, tso4, tso6 = 1, 2, 4
			if err := unix.IoctlSetInt(k.out.fd, unix.TUNSETOFFLOAD, csum|tso4|tso6); err != nil {
				t.Fatal(err)
			}
			dst := neighbourMAC
			if w.Way == ToGateway {
				dst = gatewayMAC
			}
			v4, v6 := to(dst, from4(guest4, neighbour4, 6, data)), to(dst, from6(guest6, neighbour6, 6, data))
			options := to(dst, ether(dst, 0x0800, packet4(guest4, neighbour4, 0, bytes.Repeat([]byte{1}, 40), 6, data)))
			for _, test := range []struct {
				name  string
				frame []byte
				want  bool
			}{
				{"IPv4", v4, true},
				{"IPv4 with options", options, true},
				{"IPv6", v6, true},
				{"IPv6 of link-local", to(dst, from6(eui, neighbour6, 6, data)), true},
				{"IPv4 of another", with(v4, atIP+12, neighbour4.AsSlice()...), false},
				{"IPv6 of another", with(v6, atIP+8, neighbour6.AsSlice()...), false},
				{"IPv4 to loopback", with(v4, atIP+16, 127, 0, 0, 1), false},
				{"IPv4 of another lladdr", with(v4, 6, neighbourMAC[:]...), false},
				{"IPv6 to the bridge", to(bridgeMAC, v6), false},
				{"IPv4 cut", v4[:len(v4)-1], false},
				{"IPv6 cut", v6[:len(v6)-1], false},
			} {
				for _, inOne := range []bool{true, false} {
					start, kind := 14+int(test.frame[14]&15)*4, byte(1) // VIRTIO_NET_HDR_GSO_TCPV4
					if test.frame[12] == 0x86 {
						start, kind = 14+40, 4 // VIRTIO_NET_HDR_GSO_TCPV6
					}
					length := 14
					if inOne {
						length = start + 20
					}
					header := []byte{1, kind} // VIRTIO_NET_HDR_F_NEEDS_CSUM
					for _, v := range []int{length, 1400, start, 16} {
						header = binary.NativeEndian.AppendUint16(header, uint16(v))
					}
					if got := k.check(t, test.name, header, test.frame); got != test.want {
						t.Errorf("%s, headers in one piece %v: accepted is %v", test.name, inOne, got)
					}
				}
			}
		})
	}
}
