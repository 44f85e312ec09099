package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/test/netns"
)

// TestRuleWords: the kernel's form of every word of plan's rules is known, and
// each rule's is its own.
func TestRuleWords(t *testing.T) {
	seen := map[string]string{}
	for _, c := range plan.AllChains() {
		if (c.Hook != "") != (nftHooks(c.Name).kind != "") {
			t.Errorf("chain %s: hook %q, and here %v", c.Name, c.Hook, nftHooks(c.Name))
		}
		for _, r := range c.Rules {
			exprs, err := ruleExprs(r)
			if err != nil {
				t.Errorf("chain %s: %v", c.Name, err)
			}
			bytes := string(appendAttrs(nil, exprs...))
			if seen[bytes] != "" {
				t.Errorf("%s has the form of %s", r, seen[bytes])
			}
			seen[bytes] = r.String()
			if !hasExprs(r, []byte(bytes)) {
				t.Errorf("%s is not what it is", r)
			}
		}
	}
	if _, err := ruleExprs(plan.FirewallRule{"ip saddr @masq4", "log"}); err == nil {
		t.Error("a word that is none has a form")
	}
}

// TestSameAttrs: what the kernel adds is ignored if it says nothing, and each
// difference is seen.
func TestSameAttrs(t *testing.T) {
	want := []nftAttr{nftText(1, "masq"), nest(2, nftNumber(3, 5), nftNumber(4, 6))}
	for _, c := range []struct {
		name string
		have []nftAttr
		same bool
	}{
		{"itself", want, true},
		{"in another order", []nftAttr{nest(2, nftNumber(4, 6), nftNumber(3, 5)), nftText(1, "masq")}, true},
		{"with nothing more", append([]nftAttr{nftNumber(7, 0)}, want...), true},
		{"with something more", append([]nftAttr{nftNumber(7, 1)}, want...), false},
		{"with something more inside", []nftAttr{want[0], nest(2, nftNumber(3, 5), nftNumber(4, 6), nftNumber(5, 1))}, false},
		{"one less", want[:1], false},
		{"another text", []nftAttr{nftText(1, "snat"), want[1]}, false},
		{"another number", []nftAttr{want[0], nest(2, nftNumber(3, 5), nftNumber(4, 7))}, false},
		{"twice", append([]nftAttr{want[0]}, want...), false},
	} {
		if got := sameAttrs(want, appendAttrs(nil, c.have...)); got != c.same {
			t.Errorf("%s: same is %t", c.name, got)
		}
	}
	if sameAttrs(want, appendAttrs(nil, want...)[:10]) {
		t.Error("half of it is the same")
	}
}

// TestPrefixKeys: an interval is a prefix if one has just these addresses.
func TestPrefixKeys(t *testing.T) {
	for _, s := range []string{"10.0.0.0/8", "0.0.0.0/0", "128.0.0.0/1", "255.255.255.255/32", "100.64.0.0/10", "fd00::6440:0:0:0/74", "::/0", "ff00::/8"} {
		p := netip.MustParsePrefix(s)
		if got, ok := prefixOf(p.Addr().AsSlice(), behind(p)); !ok || got != p {
			t.Errorf("%s: got %s, %t", p, got, ok)
		}
	}
	for _, c := range [][2]string{{"10.0.0.0", "10.0.0.3"}, {"10.0.0.1", "10.0.0.3"}, {"10.0.0.0", "9.0.0.0"}} {
		if p, ok := prefixOf(netip.MustParseAddr(c[0]).AsSlice(), netip.MustParseAddr(c[1]).AsSlice()); ok {
			t.Errorf("%v is %s", c, p)
		}
	}
	if _, ok := prefixOf([]byte{1, 2, 3}, nil); ok {
		t.Error("three bytes are a prefix")
	}
}

func TestOpeningKeys(t *testing.T) {
	for _, o := range []plan.Opening{
		{From: netip.MustParsePrefix("10.0.0.0/8"), Protocol: plan.ProtocolTCP, First: 22, Last: 22},
		{From: netip.MustParsePrefix("255.0.0.0/8"), Protocol: plan.ProtocolUDP, First: 1, Last: 65535},
		{From: netip.MustParsePrefix("fe80::6440:0:0:0/74"), Protocol: plan.ProtocolICMPv6, Last: 65535},
	} {
		first, last := openingKeys(o)
		if got, ok := openingOf(element{key: first, end: last}); !ok || got != o {
			t.Errorf("%s: got %s, %t", o, got, ok)
		}
		if _, ok := openingOf(element{key: first, end: last[1:]}); ok {
			t.Error("keys of two lengths are an opening")
		}
	}
	if _, ok := openingOf(element{key: []byte{1}, end: []byte{1}}); ok {
		t.Error("a byte is an opening")
	}
}

func TestWildcards(t *testing.T) {
	first, end := wildcardKeys("vm9")
	if !bytes.Equal(first[:4], []byte("vm9\x00")) || !bytes.Equal(end[:4], []byte("vm:\x00")) || len(first) != 16 || len(end) != 16 {
		t.Errorf("%q to %q", first, end)
	}
	if got := wildcardOf(first, end); got != "vm9*" {
		t.Errorf("got %s", got)
	}
	if got := wildcardOf(first, first); got != `"vm9" to "vm9"` {
		t.Errorf("got %s", got)
	}
	if got := wildcardOf(make([]byte, 16), nil); got != `"" to ""` {
		t.Errorf("got %s", got)
	}
}

// TestTransact: a transaction is carried out as a whole or not at all, and not
// if somebody was faster.
func TestTransact(t *testing.T) {
	ns := netns.New(t)
	var s *Session
	ns.Do(func() {
		var err error
		if s, err = Open(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.openNFT(); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	generation := func() (g uint32) {
		t.Helper()
		if err := s.nft.do(getGeneration(&g)); err != nil {
			t.Fatal(err)
		}
		return g
	}
	want := plan.Firewall{Masq: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Sets: plan.SetNames(), Chains: plan.AllChains()}
	write := func(g uint32, more ...*message) error {
		t.Helper()
		have, err := readStaticTable(s.nft)
		if err != nil {
			t.Fatal(err)
		}
		batch, err := replaceFirewall(&want, &have)
		if err != nil {
			t.Fatal(err)
		}
		return s.nft.transact(g, append(batch, more...)...)
	}
	wantRead := func(want *plan.Firewall) {
		t.Helper()
		have, err := readFirewall(s.nft)
		if err != nil || !plan.SameFirewall(want, &have) {
			t.Errorf("read %v: %v", have, err)
		}
	}
	old := generation()
	bad := newElements("nosuch", []element{{key: []byte{10, 0, 0, 0}}})
	if err := write(old, bad); err == nil || errors.Is(err, errRaced) {
		t.Errorf("a transaction with a bad message: %v", err)
	}
	wantRead(&plan.Firewall{})
	if err := write(generation()); err != nil {
		t.Error(err)
	}
	wantRead(&want)
	ns.Run(t, "nft", "add", "table", "inet", "other")
	want.Masq = nil
	if err := write(old); !errors.Is(err, errRaced) {
		t.Errorf("a transaction after another one: %v", err)
	}
	if err := write(generation()); err != nil {
		t.Error(err)
	}
	wantRead(&want)
	if fmt.Sprint(generation()) == fmt.Sprint(old) {
		t.Error("the generation is always the same")
	}
}
