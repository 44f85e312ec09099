package guest

import (
	"errors"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/netns"
)

const (
	soon = 30 * time.Second       // for what must happen
	late = 300 * time.Millisecond // for what must not
)

// local is a namespace with a tap as a local interface has it, and the guest's configuration.
func local(t *testing.T, tapFlags ...string) (*netns.NS, Config) {
	ns := netns.New(t)
	ns.Run(t, "ip", append(strings.Fields("tuntap add mode tap name tap0"), tapFlags...)...)
	ns.RunInput(t, `
link set tap0 addrgenmode none
link set tap0 up
addr add 100.64.1.2/31 dev tap0
addr add fd00::6440:103:0:1/96 dev tap0 nodad
addr add fe80::1/64 dev tap0 nodad
`, "ip", "-batch", "-")
	return ns, Config{
		LLAddr: mac1,
		Addr4:  netip.MustParsePrefix("100.64.1.3/31"), Gateway4: b4,
		Addr6: netip.MustParsePrefix("fd00::6440:103:0:2/96"), Gateway6: b6,
	}
}

func TestHostPingsGuest(t *testing.T) {
	ns, cfg := local(t, "vnet_hdr")
	g := Open(t, ns, "tap0", cfg)
	for _, addr := range []string{"100.64.1.3", "fd00::6440:103:0:2", EUI64(mac1).String() + "%tap0"} {
		ns.Run(t, "ping", "-c", "2", "-i", "0.01", "-W", "2", "-s", "1400", addr)
	}
	g.Expect(t, "ARP request", Start, 0, func(p Packet) bool { return p.ARP != nil && p.ARP.Target == a4 })
	g.Expect(t, "solicitation", Start, 0, func(p Packet) bool { return p.Solicitation != nil && p.Solicitation.Target == a6 })
}

func TestGuestPingsHost(t *testing.T) {
	ns, cfg := local(t, "vnet_hdr")
	ns.Run(t, "ip", "addr", "add", "192.0.2.1/32", "dev", "lo")
	ns.Run(t, "ip", "addr", "add", "2001:db8::1/128", "dev", "lo", "nodad")
	// The kernel makes an IPv6 address reachable in the background, even without duplicate address detection.
	for !strings.Contains(ns.Run(t, "ip", "-6", "route", "show", "table", "local"), "2001:db8::1 ") {
		time.Sleep(time.Millisecond)
	}
	g := Open(t, ns, "tap0", cfg)
	for _, addr := range []string{"100.64.1.2", "fd00::6440:103:0:1", "fe80::1", "192.0.2.1", "2001:db8::1"} {
		if err := g.Ping(netip.MustParseAddr(addr), soon); err != nil {
			t.Errorf("%v%s", err, g.Summary(Start))
		}
	}
}

func TestPingOfNobody(t *testing.T) {
	ns, cfg := local(t, "vnet_hdr")
	g := Open(t, ns, "tap0", cfg)
	if err := g.Ping(netip.MustParseAddr("fd00::6440:103:0:9"), late); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("ping of nobody on-link: %v", err)
	}
	if err := g.PingVia(mac2, b4, late); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("ping via nobody's lladdr: %v", err)
	}
	mac, err := g.Resolve(b4, soon)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.PingVia(mac, b4, soon); err != nil {
		t.Errorf("ping via the host's lladdr: %v", err)
	}

	ns.Run(t, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
	for _, addr := range []string{"192.0.2.9", "2001:db8::9"} {
		err := g.Ping(netip.MustParseAddr(addr), soon)
		if unreachable := new(UnreachableError); !errors.As(err, &unreachable) {
			t.Errorf("ping %s of a router without a route: %v, want unreachable", addr, err)
		}
	}
	cfg.Gateway4 = netip.Addr{}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Open(t, ns, "tap0", cfg).Ping(netip.MustParseAddr("192.0.2.9"), late); err == nil || errors.Is(err, ErrNoAnswer) {
		t.Errorf("ping without a gateway: %v", err)
	}
}

func TestWithoutVnetHdr(t *testing.T) {
	ns, cfg := local(t)
	cfg.NoVnetHdr = true
	if err := Open(t, ns, "tap0", cfg).Ping(b4, soon); err != nil {
		t.Error(err)
	}
}

func TestMultiQueue(t *testing.T) {
	ns, cfg := local(t, "vnet_hdr", "multi_queue")
	if g, err := TryOpen(ns, "tap0", cfg); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a multi-queue tap opened with one queue: %v, %v, want EINVAL", g, err)
	}
	cfg.MultiQueue = true
	if err := Open(t, ns, "tap0", cfg).Ping(b4, soon); err != nil {
		t.Error(err)
	}
}

func TestChecksumsAreComplete(t *testing.T) {
	ns, cfg := local(t, "vnet_hdr")
	g := Open(t, ns, "tap0", cfg)
	for _, addr := range []string{"100.64.1.3:9", "[fd00::6440:103:0:2]:9"} {
		mark := g.Mark()
		ns.Do(func() {
			conn, err := net.Dial("udp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
		})
		g.Expect(t, "datagram", mark, soon, func(p Packet) bool { return p.UDP != nil && string(p.UDP.Payload) == "hello" })
	}
}

// switched is a bridge with two taps, one for each guest.
func switched(t *testing.T) (ns *netns.NS, open func(tap string, mac MAC, addr4, addr6 string) *Guest) {
	ns = netns.New(t)
	ns.RunInput(t, `
link add sw type bridge mcast_snooping 0
link set sw addrgenmode none
link set sw up
tuntap add mode tap name tap1 vnet_hdr
tuntap add mode tap name tap2 vnet_hdr
link set tap1 master sw addrgenmode none
link set tap2 master sw addrgenmode none
link set tap1 up
link set tap2 up
`, "ip", "-batch", "-")
	return ns, func(tap string, mac MAC, addr4, addr6 string) *Guest {
		cfg := Config{LLAddr: mac}
		if addr4 != "" {
			cfg.Addr4 = netip.MustParsePrefix(addr4)
		}
		if addr6 != "" {
			cfg.Addr6 = netip.MustParsePrefix(addr6)
		}
		return Open(t, ns, tap, cfg)
	}
}

func TestGuestsOfASwitch(t *testing.T) {
	_, open := switched(t)
	g1 := open("tap1", mac1, "192.0.2.1/24", "2001:db8::1/64")
	g2 := open("tap2", mac2, "192.0.2.2/24", "2001:db8::2/64")
	for _, dst := range []netip.Addr{g2.cfg.Addr4.Addr(), g2.cfg.Addr6.Addr(), g2.LinkLocal()} {
		if err := g1.Ping(dst, soon); err != nil {
			t.Errorf("%v%s", err, g1.Summary(Start))
		}
	}
	if macs, err := g1.ARP(g2.cfg.Addr4.Addr(), late); err != nil || !slices.Equal(macs, []MAC{mac2}) {
		t.Errorf("ARP: %v, %v", macs, err)
	}
	if macs, err := g1.Solicit(g2.cfg.Addr6.Addr(), late); err != nil || !slices.Equal(macs, []MAC{mac2}) {
		t.Errorf("Solicit: %v, %v", macs, err)
	}
	if macs, err := g1.ARP(netip.MustParseAddr("192.0.2.3"), late); err != nil || len(macs) != 0 {
		t.Errorf("ARP for nobody: %v, %v", macs, err)
	}
	if macs, err := g1.Solicit(netip.MustParseAddr("2001:db8::3"), late); err != nil || len(macs) != 0 {
		t.Errorf("Solicit for nobody: %v, %v", macs, err)
	}
	if _, err := g1.ARP(a6, 0); err == nil {
		t.Error("ARP for an IPv6 address was sent")
	}
	if _, err := g1.Solicit(a4, 0); err == nil {
		t.Error("a solicitation for an IPv4 address was sent")
	}
}

func TestAllAnswersAreSeen(t *testing.T) {
	ns, open := switched(t)
	g := open("tap1", mac1, "192.0.2.1/24", "2001:db8::1/64")
	open("tap2", mac2, "192.0.2.2/24", "2001:db8::2/64")
	ns.Run(t, "ip", "addr", "add", "192.0.2.2/24", "dev", "sw")
	ns.Run(t, "ip", "addr", "add", "2001:db8::2/64", "dev", "sw", "nodad")
	if macs, err := g.ARP(netip.MustParseAddr("192.0.2.2"), late); err != nil || len(macs) != 2 || !slices.Contains(macs, mac2) {
		t.Errorf("ARP for an address that two have: %v, %v", macs, err)
	}
	if macs, err := g.Solicit(netip.MustParseAddr("2001:db8::2"), late); err != nil || len(macs) != 2 || !slices.Contains(macs, mac2) {
		t.Errorf("Solicit for an address that two have: %v, %v", macs, err)
	}
}

func TestDAD(t *testing.T) {
	_, open := switched(t)
	g1 := open("tap1", mac1, "", "")
	g2 := open("tap2", mac2, "", "2001:db8::2/64")
	if err := g1.DAD(netip.MustParseAddr("2001:db8::1"), late); err != nil {
		t.Errorf("nobody has the address: %v", err)
	}
	if err := g1.DAD(g2.cfg.Addr6.Addr(), soon); err == nil || !strings.Contains(err.Error(), mac2.String()) {
		t.Errorf("%v has the address: %v", mac2, err)
	}
	contested := netip.MustParseAddr("2001:db8::3")
	errs := make(chan error)
	go func() { errs <- g1.DAD(contested, soon) }()
	g2.Expect(t, "solicitation", Start, soon, func(p Packet) bool { return p.Solicitation != nil && p.Solicitation.Target == contested })
	_ = g2.DAD(contested, 0)
	if err := <-errs; err == nil || !strings.Contains(err.Error(), "too") {
		t.Errorf("two want the address: %v", err)
	}
}

func TestNeverSpeaksFirst(t *testing.T) {
	_, open := switched(t)
	watcher := open("tap2", mac2, "", "")
	mark := watcher.Mark()
	open("tap1", mac1, "192.0.2.1/24", "2001:db8::1/64")
	watcher.ExpectNone(t, "a frame", mark, late, func(p Packet) bool { return p.Src == mac1 })
}

func TestSilent(t *testing.T) {
	_, open := switched(t)
	g1 := open("tap1", mac1, "192.0.2.1/24", "2001:db8::1/64")
	g2 := open("tap2", mac2, "192.0.2.2/24", "2001:db8::2/64")
	g2.SetSilent(true)
	if err := g1.Ping(g2.cfg.Addr4.Addr(), late); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("ping of a silent guest: %v", err)
	}
	g2.SetSilent(false)
	if err := g1.Ping(g2.cfg.Addr4.Addr(), soon); err != nil {
		t.Errorf("ping of a guest that is no longer silent: %v", err)
	}
}

func TestTakesOnlyWhatIsForIt(t *testing.T) {
	_, open := switched(t)
	g1 := open("tap1", mac1, "192.0.2.1/24", "")
	open("tap2", mac2, "192.0.2.2/24", "")
	// The bridge does not know the lladdr, and so floods the frame.
	if err := g1.PingVia(ParseMAC("02:00:00:00:00:99"), netip.MustParseAddr("192.0.2.2"), late); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("a guest answered what was for another lladdr: %v", err)
	}
}

func TestOneOpenerAtATimeAndAnotherAfterIt(t *testing.T) {
	ns, cfg := local(t, "vnet_hdr")
	g := Open(t, ns, "tap0", cfg)
	if _, err := TryOpen(ns, "tap0", cfg); !errors.Is(err, unix.EBUSY) {
		t.Errorf("a second opener: %v, want EBUSY", err)
	}
	for range 5 {
		if err := g.Close(); err != nil {
			t.Fatal(err)
		}
		if err := g.Close(); err != nil {
			t.Errorf("a second Close: %v", err)
		}
		g = Open(t, ns, "tap0", cfg)
		if err := g.Ping(b4, soon); err != nil {
			t.Errorf("after a restart of the VMM: %v", err)
		}
	}
}

func TestOpenMakesNoTap(t *testing.T) {
	ns, cfg := local(t, "vnet_hdr")
	ns.Run(t, "ip", "link", "property", "add", "dev", "tap0", "altname", "other")
	// Without the tap's carrier, which the kernel notices in its own time.
	named := regexp.MustCompile(`(?m)^\d+: [^:]*`)
	links := func() string { return strings.Join(named.FindAllString(ns.Run(t, "ip", "-o", "link"), -1), "\n") }
	before := links()
	for _, name := range []string{"tap9", "lo", "other"} {
		if _, err := TryOpen(ns, name, cfg); err == nil {
			t.Errorf("opened %q", name)
		}
	}
	if after := links(); after != before {
		t.Errorf("links became\n%s, were\n%s", after, before)
	}
}

func TestTapThatIsDownOrGoes(t *testing.T) {
	ns, cfg := local(t, "vnet_hdr")
	ns.Run(t, "ip", "link", "set", "tap0", "down")
	g := Open(t, ns, "tap0", cfg)
	ns.Run(t, "ip", "link", "set", "tap0", "up")
	ns.Run(t, "ip", "link", "del", "tap0")
	if _, ok := g.Wait(Start, soon, func(p Packet) bool { return p.UDP != nil }); ok {
		t.Error("a datagram came from nowhere")
	}
	if err := g.Close(); err != nil {
		t.Errorf("close after the tap was deleted: %v", err)
	}
}

// A link may be deleted while its guest is busy with a frame.
func TestTapThatGoesBetweenReads(t *testing.T) {
	ns, cfg := local(t, "vnet_hdr")
	tap, err := openTap(ns, "tap0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	if detached(tap) {
		t.Error("a tap with its link is called detached")
	}
	ns.Run(t, "ip", "link", "del", "tap0")
	buf := make([]byte, 1<<16)
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		if _, err = tap.Read(buf); err != nil && !gone(err) {
			break
		}
		if time.Since(start) > soon {
			t.Fatalf("the poller has not seen the deletion: %v", err)
		}
	}
	g := &Guest{cfg: cfg, tap: tap, done: make(chan struct{})}
	g.run()
	if err := g.Close(); err != nil {
		t.Errorf("close a guest whose tap was deleted: %v", err)
	}
}

func TestRecordKeepsTheLast(t *testing.T) {
	var r record
	for i := range kept + 10 {
		r.add(Packet{Frame: []byte{byte(i)}})
	}
	all, total, _ := r.since(0)
	if len(all) != kept || total != kept+10 || all[0].Frame[0] != 10 {
		t.Errorf("%d packets of %d, the first %v", len(all), total, all[0].Frame)
	}
	if last, _, _ := r.since(total - 1); len(last) != 1 || last[0].Frame[0] != byte((kept+9)%256) {
		t.Errorf("the last: %v", last)
	}
	if none, _, _ := r.since(total); len(none) != 0 {
		t.Errorf("%d packets after the last", len(none))
	}
}
