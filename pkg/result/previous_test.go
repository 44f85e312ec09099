package result_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/result"
)

// What ADD printed is what CHECK reads, in each version's form.
func TestPreviousReadsEachVersion(t *testing.T) {
	for _, c := range cases() {
		for _, version := range config.Versions() {
			t.Run(c.name+"-"+version, func(t *testing.T) {
				req, own := c.result(t)
				got := previous(t, version, printed(t, own, version))
				// Compared as printed: an address has two forms in memory.
				want, have := string(printed(t, own, "1.0.0")), string(printed(t, got, "1.0.0"))
				if diff := cmp.Diff(want, have); diff != "" {
					t.Errorf("(-printed +read):\n%s", diff)
				}
				if lines := result.Missing(own, got); len(lines) > 0 {
					t.Errorf("CHECK directly after ADD of %s: %q", req.IfName, lines)
				}
			})
		}
	}
}

func TestPreviousOfNone(t *testing.T) {
	r, err := result.Previous(&config.Request{CNIVersion: "1.0.0"})
	if r != nil || err != nil {
		t.Errorf("got %v, error %v, want neither", r, err)
	}
}

func TestPreviousRefusesGarbage(t *testing.T) {
	for _, c := range []struct {
		name, version, prevResult string
	}{
		{"no JSON", "1.0.0", `{"cniVersion":`},
		{"a list", "1.0.0", `[]`},
		{"null", "1.0.0", `null`},
		{"no version", "1.0.0", `{"interfaces": []}`},
		{"unknown version", "1.0.0", `{"cniVersion": "9.9.9"}`},
		{"another version's form", "1.0.0", `{"cniVersion": "0.4.0"}`},
		{"older configuration", "0.4.0", `{"cniVersion": "1.0.0"}`},
		{"interfaces no list", "1.0.0", `{"cniVersion": "1.0.0", "interfaces": {"name": "eth0"}}`},
		{"name no string", "1.0.0", `{"cniVersion": "1.0.0", "interfaces": [{"name": 1}]}`},
		{"bad address", "1.0.0", `{"cniVersion": "1.0.0", "ips": [{"address": "10.1.0.2"}]}`},
		{"bad gateway", "0.4.0", `{"cniVersion": "0.4.0", "ips": [{"version": "4", "address": "10.1.0.2/24", "gateway": "x"}]}`},
		{"bad route", "1.0.0", `{"cniVersion": "1.0.0", "routes": [{"dst": "x"}]}`},
		{"null interface", "1.0.0", `{"cniVersion": "1.0.0", "interfaces": [{"name": "eth0"}, null]}`},
		{"null interface, old form", "0.4.0", `{"cniVersion": "0.4.0", "interfaces": [null]}`},
		{"null address", "1.0.0", `{"cniVersion": "1.0.0", "ips": [ null ]}`},
		{"null address, old form", "0.3.1", `{"cniVersion": "0.3.1", "ips": [null]}`},
		{"null route", "1.0.0", `{"cniVersion": "1.0.0", "routes": [null]}`},
		{"null route, old form", "0.3.0", `{"cniVersion": "0.3.0", "routes": [null]}`},
		{"null interface, other case", "1.0.0", `{"cniVersion": "1.0.0", "INTERFACES": [null]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := result.Previous(&config.Request{CNIVersion: c.version, PrevResult: []byte(c.prevResult)})
			wantError(t, err, config.CodeDecoding, "read prevResult: ")
		})
	}
}
