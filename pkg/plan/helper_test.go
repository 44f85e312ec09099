package plan

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// newRequest returns the Request of a configuration that says nothing, so of a
// local interface without a switch, with changes.
func newRequest(changes ...func(*config.Request)) *config.Request {
	r := &config.Request{
		CNIVersion:  "1.0.0",
		Network:     "vmnet",
		ContainerID: "c1",
		IfName:      "eth0",
		Netns:       "/run/netns/p",
		VMName:      "default/web",
		VMID:        config.VMID{Min: 1, Max: 16383, Probe: true},
		Local:       local("fd00::/8", 8),
		Up:          true,
		Forward:     true,
		RDomains:    config.RDomains{TableBase: 1000},
		Tap:         config.Tap{HasUID: true, VnetHdr: true},
		Locked:      true,
		Guard:       &config.Guard{},
	}
	for _, change := range changes {
		change(r)
	}
	return r
}

// local is vmd's prefix with a prefix6, "" for none, and bits per VM.
func local(prefix6 string, bits int) *config.Local {
	var p6 netip.Prefix
	if prefix6 != "" {
		p6 = netip.MustParsePrefix(prefix6)
	}
	s, err := vmid.New(netip.MustParsePrefix(vmid.DefaultPrefix4), p6, bits)
	if err != nil {
		panic(err)
	}
	return &config.Local{Scheme: s}
}

// notLocal takes the addresses away, and what holds the guest to them.
func notLocal(r *config.Request) {
	r.Local = nil
	unguarded(r)
}

func unguarded(r *config.Request) { r.Locked, r.Guard = false, nil }

// lockedOnly holds the guest to its lladdr alone.
func lockedOnly(r *config.Request) { r.Locked, r.Guard = true, nil }

// onSwitch puts the interface on somebody else's bridge.
func onSwitch(r *config.Request) {
	r.Switch = &config.Switch{Interface: "bridge0", Name: "uplink", Up: true}
}

// onCreatedSwitch puts the interface on a bridge that is made.
func onCreatedSwitch(r *config.Request) {
	onSwitch(r)
	r.Switch.Create = true
}

func lladdr(s string) vmid.LLAddr {
	a, err := vmid.ParseLLAddr(s)
	if err != nil {
		panic(err)
	}
	return a
}

// host is the host's namespace as a Finder sees it.
type host struct {
	links   map[string]*Found // by each name and altname
	calls   int
	lookUps map[string]int
	failAt  int // the call that fails, from 1
}

var errFind = errors.New("netlink: no buffer space")

func newHost() *host { return &host{links: map[string]*Found{}, lookUps: map[string]int{}} }

// hostWith has links that are written "name altname altname".
func hostWith(links ...string) *host {
	h := newHost()
	for _, l := range links {
		words := strings.Fields(l)
		if err := h.add(words[0], words[1:]...); err != nil {
			panic(err)
		}
	}
	return h
}

// add makes a link. As with the kernel, each name is one link's.
func (h *host) add(name string, altNames ...string) error {
	l := &Found{Name: name}
	for _, n := range append([]string{name}, altNames...) {
		if other := h.links[n]; other != nil {
			return fmt.Errorf("%s: %s exists, it is %s's", name, n, other.Name)
		}
		h.links[n] = l
	}
	l.AltNames = altNames
	return nil
}

// remove deletes a link with its altnames.
func (h *host) remove(name string) {
	l := h.links[name]
	for _, n := range append([]string{l.Name}, l.AltNames...) {
		delete(h.links, n)
	}
}

// find is a Finder.
func (h *host) find(names ...string) (map[string]Found, error) {
	h.calls++
	if h.calls == h.failAt {
		return nil, errFind
	}
	found := map[string]Found{}
	for _, n := range names {
		h.lookUps[n]++
		if l := h.links[n]; l != nil {
			found[n] = *l
		}
	}
	return found, nil
}

// wantError fails unless err has this code and each of the words.
func wantError(t *testing.T, err error, code config.Code, words ...string) {
	t.Helper()
	var e *config.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want a *config.Error with code %d", err, code)
	}
	if e.Code != code {
		t.Errorf("got code %d, want %d: %v", e.Code, code, e)
	}
	for _, w := range words {
		if !strings.Contains(e.Error(), w) {
			t.Errorf("got error %q, want %q in it", e, w)
		}
	}
}
