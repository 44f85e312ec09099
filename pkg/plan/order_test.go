package plan

import (
	"strings"
	"testing"
)

func TestIsRDomain(t *testing.T) {
	for name, want := range map[string]bool{
		"rdomain1": true, "rdomain99999999": true, "rdomain0": false, "rdomain01": false, "rdomain": false, "rdomain-1": false,
		"rdomain1x": false, "blue": false, "": false, "rdomain99999999999": false,
	} {
		if got := IsRDomain(name, nil); got != want {
			t.Errorf("%q: %t, want %t", name, got, want)
		}
		if got := IsRDomain("blue", []string{"other", name}); got != want {
			t.Errorf("altname %q: %t, want %t", name, got, want)
		}
	}
}

func TestLacksL3mdevRule(t *testing.T) {
	local, mine := Rule{Table: TableLocal}, Rule{Preference: 500, L3mdev: true}
	for _, c := range []struct {
		name  string
		rules []Rule
		want  bool
	}{
		{"none", nil, true},
		{"others", []Rule{local, {Preference: 32766, Table: 254}}, true},
		{"the kernel's", []Rule{local, {Preference: L3mdevPreference, L3mdev: true}}, false},
		{"somewhere else", []Rule{mine, local}, false},
		{"for some packets", []Rule{local, {Preference: L3mdevPreference, L3mdev: true, Selective: true}}, true},
	} {
		if got := LacksL3mdevRule(c.rules); got != c.want {
			t.Errorf("%s: %t, want %t", c.name, got, c.want)
		}
	}
}

// TestFaultWords: each kind has words of its own for both, which name all that is known.
func TestFaultWords(t *testing.T) {
	seen := map[string]bool{}
	for _, kind := range FaultKinds() {
		f := Fault{Kind: kind, Object: "OBJECT", Of: "OF", Index: 5}
		for _, words := range []string{f.String(), f.Mended()} {
			if seen[words] || words == string(kind) || !strings.Contains(words, "OBJECT") {
				t.Errorf("%s: %q", kind, words)
			}
			seen[words] = true
		}
	}
	if f := (Fault{Kind: "new"}); f.String() != "new" || f.Mended() != "new" {
		t.Errorf("of a kind that is not known: %q, %q", f.String(), f.Mended())
	}
}

func TestCensus(t *testing.T) {
	c := Census{Links: []CountedLink{
		{Name: "vm5-if0", Network: "a", ContainerID: "p"},
		{Name: "vm5-gw0", Network: "a", ContainerID: "p", Gateway: true},
		{Name: "vm5-if1", Network: "b", ContainerID: "p"},
		{Name: "vm9-if0", Network: "a", ContainerID: "q"},
		{Name: "renamed", Network: "a", ContainerID: "r"},
	}}
	if got := c.Interfaces(); len(got) != 2 || got["a"] != 3 || got["b"] != 1 {
		t.Errorf("interfaces: %v", got)
	}
	if got := c.VMs(); got != 3 {
		t.Errorf("%d VMs", got)
	}
	for _, r := range []struct {
		first, last uint32
		want        int
	}{{1, 10, 8}, {6, 8, 3}, {5, 5, 0}, {9, 16383, 16374}} {
		if got := c.FreeVMIDs(r.first, r.last); got != r.want {
			t.Errorf("%d-%d: %d free, want %d", r.first, r.last, got, r.want)
		}
	}
}
