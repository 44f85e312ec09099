package config

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// input returns a call whose configuration has these members besides those
// that libcni puts there.
func input(members, args string) Input {
	conf := `{"cniVersion": "1.0.0", "name": "vmnet", "type": "vmtap"`
	if members != "" {
		conf += ", " + members
	}
	return Input{
		Stdin:       []byte(conf + "}"),
		ContainerID: "c1",
		IfName:      "eth0",
		Netns:       "/run/netns/p",
		Args:        args,
		MachineID:   func() (string, error) { return "4a1f0ac5a2b14c2e8d6c5b7a90e1f233\n", nil },
	}
}

// base is the Request of input("", "").
func base() Request {
	return Request{
		CNIVersion:  "1.0.0",
		Network:     "vmnet",
		ContainerID: "c1",
		IfName:      "eth0",
		Netns:       "/run/netns/p",
		VMName:      "c1",
		VMID:        VMID{Min: 1, Max: 16383, Probe: true},
		Local:       local("100.64.0.0/10", "fd00::/8", 8),
		Up:          true,
		Forward:     true,
		RDomains:    RDomains{TableBase: 1000},
		Tap:         Tap{HasUID: true, VnetHdr: true},
		Locked:      true,
		Guard:       &Guard{},
	}
}

// guarded is what an interface with addresses is without a word about it.
func guarded(r *Request) { r.Locked, r.Guard = true, &Guard{} }

// unguarded is what an interface without addresses is.
func unguarded(r *Request) { r.Locked, r.Guard = false, nil }

func local(prefix4, prefix6 string, bits int) *Local {
	p6 := netip.Prefix{}
	if prefix6 != "" {
		p6 = netip.MustParsePrefix(prefix6)
	}
	s, err := vmid.New(netip.MustParsePrefix(prefix4), p6, bits)
	if err != nil {
		panic(err)
	}
	return &Local{Scheme: s}
}

func lladdr(s string) vmid.LLAddr {
	a, err := vmid.ParseLLAddr(s)
	if err != nil {
		panic(err)
	}
	return a
}

// compare lets cmp look at what has no exported fields.
func compare() cmp.Option {
	return cmp.Options{
		cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}, vmid.Scheme{}),
		cmpopts.EquateEmpty(),
	}
}

func parseOK(t *testing.T, in Input) Request {
	t.Helper()
	r, err := Parse(in)
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return r
}

// wantError fails unless err is an *Error with this code and exactly this
// message.
func wantError(t *testing.T, err error, code Code, message string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.Code != code || e.Error() != message {
		t.Errorf("got  %d %s\nwant %d %s", e.Code, e, code, message)
	}
}
