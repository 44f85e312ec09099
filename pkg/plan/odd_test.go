package plan

import (
	"errors"
	"strings"
	"testing"
)

func TestOdd(t *testing.T) {
	rdomain10, rdomain20 := VRF{Name: "rdomain10", Kind: KindVRF, Table: 1010}, VRF{Name: "rdomain20", Kind: KindVRF, Table: 1020}
	moved := Rules{IPv4: rules(movedRules), IPv6: rules(movedRules)}
	for _, c := range []struct {
		name string
		host Host
		want []string // in each line's words
	}{
		{"nothing", Host{}, nil},
		{"no tun", Host{NoTun: errors.New("open /dev/net/tun: no such file")}, []string{"no tap can be made: open /dev/net/tun: no such file"}},
		{"an old kernel", Host{NoIPv6: true, NoVRF: true}, []string{"no IPv6", "no VRFs"}},
		{"rdomains apart", Host{VRFs: []VRF{rdomain10, rdomain20}, Rules: moved}, nil},
		{"local rule first", Host{VRFs: []VRF{rdomain10}, Rules: Rules{IPv4: rules(freshRules), IPv6: moved.IPv6}}, []string{"l3mdev rule of IPv4 is missing", "host's IPv4 addresses"}},
		{"without IPv6", Host{NoIPv6: true, VRFs: []VRF{rdomain10}, Rules: Rules{IPv4: moved.IPv4}}, []string{"no IPv6"}},
		{"sockets of rdomain 0", Host{VRFs: []VRF{rdomain10}, Rules: Rules{IPv4: moved.IPv4, IPv6: moved.IPv6, Accepts: []string{"tcp"}}}, []string{"tcp_l3mdev_accept"}},
		{"one table", Host{VRFs: []VRF{rdomain10, {Name: "red", Table: 1010}}, Rules: moved}, []string{"rdomain10 and red have one table, 1010"}},
		{"rules without VRFs", Host{Rules: Rules{IPv4: rules(freshRules)}}, nil},
		{"dead gateways", Host{DeadGateways: []string{"vm5-gw0", "vm6-gw1"}}, []string{"vm5-gw0 has lost", "vm6-gw1 has lost"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Odd(&c.host)
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i, w := range c.want {
				if !strings.Contains(got[i], w) {
					t.Errorf("line %d is %q, want %q", i+1, got[i], w)
				}
			}
		})
	}
}
