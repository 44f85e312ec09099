package kernel

import (
	"slices"
	"testing"

	"github.com/vmtap/vmtap/pkg/filter"
	"github.com/vmtap/vmtap/pkg/plan"
)

func TestProgramRoundTrip(t *testing.T) {
	p := filter.Program{{Op: 0x28, Jt: 1, Jf: 2, K: 12}, {Op: 6, K: 0xffffffff}}
	if got := decodeProgram(encodeProgram(p)); !slices.Equal(got, p) {
		t.Errorf("got %v, want %v", got, p)
	}
	if got := decodeProgram([]byte{1, 2, 3}); len(got) != 0 {
		t.Errorf("decoded %v from half an instruction", got)
	}
}

// TestDevconf4: a sysctl that the plan names and this package does not know
// would be set to nothing, silently.
func TestDevconf4(t *testing.T) {
	seen := map[int]string{}
	for _, name := range []string{"forwarding", "proxy_arp", "accept_redirects", "send_redirects", "rp_filter", "accept_source_route", "arp_announce", "arp_ignore", "accept_local"} {
		n := devconf4(name)
		if n == 0 || seen[n] != "" {
			t.Errorf("%s has number %d, as has %q", name, n, seen[n])
		}
		seen[n] = name
	}
}

// FuzzParse: what the kernel sends, however odd, is no reason to crash.
func FuzzParse(f *testing.F) {
	for _, m := range []*message{
		setLink(5, "a", change{alias: "x", mtu: 9, group: 3, noAutoLL: true, sysctls: []plan.Sysctl{{Name: "rp_filter", Value: 1}}}),
		addFilter(5, "a", 1, plan.Filter{Redirect: "b"}, 7, false),
		addFilter(5, "a", 2, plan.Filter{Match: filter.DropAll()}, 0, true),
		addAltNames(5, "a", []string{"b", "c"}),
	} {
		f.Add(m.Serialize()[16:])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if l, err := parseLink(data); err == nil && l == nil {
			t.Error("no link and no error")
		}
		_, _ = parseRoute(data)
		_, _, _ = parseFilter(data)
		_, _, _ = parseAddr(data)
	})
}
