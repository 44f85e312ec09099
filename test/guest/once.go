package guest

import (
	"bytes"
	"fmt"
	"net/netip"
	"time"
)

// EchoOnce sends one echo request, never a second, from an address, by way of the gateway, with an identifier of the
// caller's choice, and waits for its answer.
func (g *Guest) EchoOnce(src, dst netip.Addr, id uint16) error {
	const patience = 30 * time.Second
	mac, err := g.Resolve(g.nextHop(dst), patience)
	if err != nil {
		return fmt.Errorf("echo to %v: %w", dst, err)
	}
	mark := g.Mark()
	data := fmt.Appendf(nil, "once %v %d", g.cfg.LLAddr, g.echoes.Add(1))
	if err := g.SendIP(mac, Echo{ID: id, Seq: 1, Data: data}.Packet(src, dst)); err != nil {
		return err
	}
	_, ok := g.Wait(mark, patience, func(p Packet) bool {
		return p.Echo != nil && p.Echo.Reply && p.Echo.ID == id && p.IP.Src == dst && p.IP.Dst == src && bytes.Equal(p.Echo.Data, data)
	})
	if !ok {
		return fmt.Errorf("echo to %v: %w", dst, ErrNoAnswer)
	}
	return nil
}
