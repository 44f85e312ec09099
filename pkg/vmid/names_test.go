package vmid_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/vmtap/vmtap/pkg/vmid"
)

func TestNames(t *testing.T) {
	const longest = 15 // IFNAMSIZ without the NUL
	for _, test := range []struct {
		vmid                  uint32
		idx                   int
		hostLink, gateway, vm string
	}{
		{1, 0, "vm1-if0", "vm1-gw0", "vm1"},
		{16383, 126, "vm16383-if126", "vm16383-gw126", "vm16383"},
		{vmid.MaxID, 126, "vm9999999-if126", "vm9999999-gw126", "vm9999999"},
	} {
		for _, name := range []struct{ got, want string }{
			{vmid.HostLink(test.vmid, test.idx), test.hostLink},
			{vmid.Gateway(test.vmid, test.idx), test.gateway},
			{vmid.VM(test.vmid), test.vm},
		} {
			if name.got != name.want || len(name.got) > longest {
				t.Errorf("VM %d, interface %d: got %q, want %q, of %d characters at most", test.vmid, test.idx, name.got, name.want, longest)
			}
		}
	}
}

func TestParseHostLink(t *testing.T) {
	for _, test := range []struct {
		name string
		vmid uint32 // 0 for a name that is refused
		idx  int
	}{
		{"vm1-if0", 1, 0},
		{"vm5-if12", 5, 12},
		{"vm9999999-if126", 9999999, 126},
		{"", 0, 0},
		{"vm", 0, 0},
		{"vm1", 0, 0},
		{"vm1-if", 0, 0},
		{"vm-if0", 0, 0},
		{"vm1-gw0", 0, 0},
		{"vm0-if0", 0, 0},
		{"vm01-if0", 0, 0},
		{"vm1-if00", 0, 0},
		{"vm1-if01", 0, 0},
		{"vm+1-if0", 0, 0},
		{"vm-1-if0", 0, 0},
		{"vm1-if-1", 0, 0},
		{"vm1-if+1", 0, 0},
		{"vm1_0-if0", 0, 0},
		{"vm0x1-if0", 0, 0},
		{"vm10000000-if0", 0, 0},
		{"vm4294967297-if0", 0, 0},
		{"vm1-if127", 0, 0},
		{"vm1-if128", 0, 0},
		{"vm1-if0-if0", 0, 0},
		{"vm1-if0 ", 0, 0},
		{" vm1-if0", 0, 0},
		{"VM1-if0", 0, 0},
		{"xvm1-if0", 0, 0},
		{"vm1-if0-web", 0, 0}, // an ifalias
		{"1-if0", 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			v, idx, ok := vmid.ParseHostLink(test.name)
			if want := test.vmid != 0; ok != want || v != test.vmid || idx != test.idx {
				t.Errorf("got %d, %d, %v, want %d, %d, %v", v, idx, ok, test.vmid, test.idx, want)
			}
		})
	}
}

// Every name that HostLink makes is read back.
func TestHostLinkLeadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, idx := rapid.Uint32Range(1, vmid.MaxID).Draw(t, "vmid"), rapid.IntRange(0, 126).Draw(t, "idx")
		gotV, gotIdx, ok := vmid.ParseHostLink(vmid.HostLink(v, idx))
		if !ok || gotV != v || gotIdx != idx {
			t.Errorf("%s is read as %d, %d, %v", vmid.HostLink(v, idx), gotV, gotIdx, ok)
		}
	})
}

// No other name is read.
func FuzzParseHostLink(f *testing.F) {
	for _, name := range []string{"vm1-if0", "vm9999999-if126", "vm01-if0", "vm1-if127", "vm+1-if0", "vm1-gw0", ""} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		v, idx, ok := vmid.ParseHostLink(name)
		if !ok {
			if v != 0 || idx != 0 {
				t.Errorf("%q: %d, %d, false", name, v, idx)
			}
			return
		}
		if v < 1 || v > vmid.MaxID || idx < 0 || idx > 126 || vmid.HostLink(v, idx) != name {
			t.Errorf("%q is read as %d, %d", name, v, idx)
		}
	})
}
