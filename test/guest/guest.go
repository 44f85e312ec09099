package guest

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/vmtap/vmtap/test/netns"
)

// Config is what the guest's operating system was told, and how its VMM opens the tap.
type Config struct {
	LLAddr    MAC
	Addr4     netip.Prefix // zero: none, as for the others
	Gateway4  netip.Addr
	Addr6     netip.Prefix
	Gateway6  netip.Addr
	LinkLocal netip.Addr // zero: derived from LLAddr

	// Silent guests answer nothing until SetSilent(false).
	Silent bool

	NoVnetHdr  bool // open without IFF_VNET_HDR
	MultiQueue bool // open with IFF_MULTI_QUEUE, which the tap must have been made with
}

// Guest is a guest on a tap. Its methods may be called from several goroutines at once.
type Guest struct {
	cfg    Config
	tap    *os.File
	record record
	silent atomic.Bool
	echoes atomic.Uint32

	closing sync.Once
	done    chan struct{}
	err     error // of reading; once done
}

// Open opens the existing tap of a namespace and starts the guest, which ends with the test.
func Open(t testing.TB, ns *netns.NS, tap string, cfg Config) *Guest {
	t.Helper()
	g, err := TryOpen(ns, tap, cfg)
	if err != nil {
		t.Fatalf("open tap: %v", err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Errorf("guest on %s: %v", tap, err)
		}
	})
	return g
}

// TryOpen is Open for tests that want an error, such as EBUSY. The caller closes the guest.
func TryOpen(ns *netns.NS, tap string, cfg Config) (*Guest, error) {
	if cfg.LLAddr == (MAC{}) || cfg.LLAddr.Group() {
		return nil, fmt.Errorf("lladdr %v is none for a guest", cfg.LLAddr)
	}
	if !cfg.LinkLocal.IsValid() {
		cfg.LinkLocal = EUI64(cfg.LLAddr)
	}
	file, err := openTap(ns, tap, cfg)
	if err != nil {
		return nil, err
	}
	g := &Guest{cfg: cfg, tap: file, done: make(chan struct{})}
	g.silent.Store(cfg.Silent)
	go g.run()
	return g, nil
}

// Close ends the guest, as the end of its VMM does; the tap can then be opened again. It returns what went wrong while
// the guest ran. A second call does the same.
func (g *Guest) Close() error {
	var err error
	g.closing.Do(func() { err = g.tap.Close() })
	<-g.done
	return errors.Join(err, g.err)
}

// SetSilent makes the guest stop or start to answer.
func (g *Guest) SetSilent(silent bool) { g.silent.Store(silent) }

// LLAddr is the guest's own.
func (g *Guest) LLAddr() MAC { return g.cfg.LLAddr }

// LinkLocal is the guest's own.
func (g *Guest) LinkLocal() netip.Addr { return g.cfg.LinkLocal }

// Send sends a frame as it is, whatever it is.
func (g *Guest) Send(frame []byte) error {
	if g.cfg.NoVnetHdr {
		_, err := g.tap.Write(frame)
		return err
	}
	_, err := g.tap.Write(append(make([]byte, vnetHeader), frame...))
	return err
}

// SendIP sends a packet from the guest's lladdr to a neighbour's.
func (g *Guest) SendIP(to MAC, p IP) error {
	return g.Send(Ethernet{Dst: to, Src: g.cfg.LLAddr, Type: p.EtherType(), Payload: p.Marshal()}.Marshal())
}

// run receives frames until the tap is closed, by Close or by the deletion of the link.
func (g *Guest) run() {
	defer close(g.done)
	header := vnetHeader
	if g.cfg.NoVnetHdr {
		header = 0
	}
	buf := make([]byte, 1<<16+vnetHeader)
	for {
		n, err := g.tap.Read(buf)
		if err != nil {
			g.record.end()
			if !errors.Is(err, os.ErrClosed) && !gone(err) && !detached(g.tap) {
				g.err = err
			}
			return
		}
		if n < header {
			continue
		}
		p := Decode(append([]byte(nil), buf[header:n]...))
		g.record.add(p)
		if g.silent.Load() {
			continue
		}
		if err := g.answer(p); err != nil && !errors.Is(err, os.ErrClosed) && !gone(err) {
			g.err = errors.Join(g.err, fmt.Errorf("answer: %w", err))
		}
	}
}
