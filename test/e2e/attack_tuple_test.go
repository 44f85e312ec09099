package e2e

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/guest"
)

// TestAttackTuples: connection tracking knows a packet by its addresses and
// ports. A guest in one rdomain uses those of a connection that a guest has in
// another one, where each rdomain has an uplink of its own and ipMasq.
func TestAttackTuples(t *testing.T) {
	builder{rdomains: true, more: `, "ipMasq": true`}.suffer(t, []attack{
		{"packets with the addresses and ports of a connection in another rdomain", "rdomains, `ipMasq`", nil, usesTuple, "nothing", "nothing"},
	})
}

// usesTuple has a tenant speak to what is behind its uplink. The hostile guest
// sends the same packets, and what would be the answers.
func usesTuple(t *testing.T, tn *town) string {
	up10 := tn.newUplink(t, 10, "rdomain10", "1010")
	up20 := tn.newUplink(t, 20, "rdomain20", "1020")
	victim := tn.other("tenant")
	const id = 4711
	result := nobody
	for family, dst := range remotes() {
		src := addrs(victim.config)[family]
		if err := victim.EchoOnce(src, dst, id); err != nil {
			t.Error(err)
		}
		mark := victim.Mark()
		forged := []byte("forged")
		for _, p := range []guest.IP{
			guest.Echo{ID: id, Seq: 1, Data: forged}.Packet(src, dst),
			guest.Echo{Reply: true, ID: id, Seq: 1, Data: forged}.Packet(dst, src),
			guest.Echo{Reply: true, ID: id, Seq: 1, Data: forged}.Packet(dst, []netip.Addr{up20.addr4, up20.addr6}[family]),
			guest.Echo{Reply: true, ID: id, Seq: 1, Data: forged}.Packet(dst, []netip.Addr{up10.addr4, up10.addr6}[family]),
		} {
			if err := tn.SendIP(tn.router(), p); err != nil {
				t.Fatal(err)
			}
		}
		// The victim's connection goes on, and its next one.
		time.Sleep(silence)
		if err := errors.Join(victim.EchoOnce(src, dst, id), victim.EchoOnce(src, dst, id+1)); err != nil {
			t.Log(err)
			result = "the connection ends"
		}
		for _, p := range victim.Received(mark) {
			if p.Echo != nil && string(p.Echo.Data) == string(forged) {
				result = "a packet in the connection"
			}
		}
	}
	return result
}
