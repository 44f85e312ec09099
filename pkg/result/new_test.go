package result_test

import (
	"bytes"
	"fmt"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/result"
	"github.com/vmtap/vmtap/test/golden"
)

func TestResultGolden(t *testing.T) {
	for _, c := range cases() {
		for _, version := range config.Versions() {
			name := c.name + "-" + version
			t.Run(name, func(t *testing.T) {
				_, r := c.result(t)
				golden.Compare(t, name, string(printed(t, r, version))+"\n")
			})
		}
	}
}

// Each address belongs to an interface that is there: the first to the last,
// the guest, and all others to the one before it, the tap.
func TestAddressesBelongToInterfaces(t *testing.T) {
	for _, c := range cases() {
		for _, version := range config.Versions() {
			t.Run(c.name+"-"+version, func(t *testing.T) {
				req, own := c.result(t)
				r := previous(t, version, printed(t, own, version))
				want := 0
				if req.Local != nil {
					want = 1
					if req.Local.Scheme.Prefix6().IsValid() {
						want = 2
					}
				}
				if len(r.IPs) != want {
					t.Fatalf("%d addresses, want %d", len(r.IPs), want)
				}
				for i, ip := range r.IPs {
					if at := len(r.Interfaces) - 1 - i; ip.Interface == nil || *ip.Interface != at {
						t.Errorf("address %d is of interface %s, want %d", i, index(ip), at)
					}
				}
			})
		}
	}
}

func index(ip *types100.IPConfig) string {
	if ip.Interface == nil {
		return "none"
	}
	return fmt.Sprint(*ip.Interface)
}

// Spec version 1.1.0 has a place for the mtu, those before have none.
func TestMTUIsToldWhereTheVersionHasIt(t *testing.T) {
	for _, c := range []struct {
		version string
		want    int // how often it is told: bridge, host link, gateway, tap, guest
	}{{"0.3.0", 0}, {"0.4.0", 0}, {"1.0.0", 0}, {"1.1.0", 5}} {
		t.Run(c.version, func(t *testing.T) {
			req, s := aCase{request: func(r *config.Request) {
				onSwitch(r)
				r.Switch.Create = true
				r.MTU = 9000
			}}.state(t)
			req.CNIVersion = c.version
			b := printed(t, result.New(req, s, nil), c.version)
			if got := bytes.Count(b, []byte(`"mtu": 9000`)); got != c.want {
				t.Errorf("the mtu is told %d times, want %d:\n%s", got, c.want, b)
			}
		})
	}
}
