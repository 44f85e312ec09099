package result_test

import (
	"slices"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/vmtap/vmtap/pkg/result"
)

func TestMissing(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(previous *types100.Result)
		want   []string
	}{
		{name: "nothing", change: func(*types100.Result) {}},
		{name: "other order", change: func(p *types100.Result) { slices.Reverse(p.Interfaces); slices.Reverse(p.IPs) }},
		{name: "a later plugin's", change: func(p *types100.Result) {
			later := ptp()
			p.Interfaces = append(later.Interfaces, p.Interfaces...)
			p.IPs = append(later.IPs, p.IPs...)
			p.Routes = nil
		}},
		{name: "bridge", change: func(p *types100.Result) { p.Interfaces = p.Interfaces[1:] }, want: []string{
			`prevResult: interface bridge0 of sandbox "" is missing`,
		}},
		{name: "guest", change: func(p *types100.Result) { p.Interfaces = p.Interfaces[:4] }, want: []string{
			`prevResult: interface eth0 of sandbox "c1" is missing`,
		}},
		{name: "tap in another namespace", change: func(p *types100.Result) { p.Interfaces[3].Sandbox = "/run/netns/q" }, want: []string{
			`prevResult: interface eth0 of sandbox "/run/netns/p" is missing`,
		}},
		{name: "host link renamed", change: func(p *types100.Result) { p.Interfaces[1].Name = "vm6-if0" }, want: []string{
			`prevResult: interface vm5-if0 of sandbox "" is missing`,
		}},
		{name: "gateway's mac", change: func(p *types100.Result) { p.Interfaces[2].Mac = "0a:03:00:00:00:00" }, want: []string{
			`prevResult: interface vm5-gw0 of sandbox "" has mac "0a:03:00:00:00:00", want "0a:03:64:40:05:03"`,
		}},
		{name: "mac of somebody else's bridge", change: func(p *types100.Result) { p.Interfaces[0].Mac = "06:00:00:00:00:01" }},
		{name: "IPv4 address", change: func(p *types100.Result) { p.IPs = p.IPs[1:] }, want: []string{
			"prevResult: address 100.64.5.3/31 is missing",
		}},
		{name: "prefix length", change: func(p *types100.Result) { p.IPs[1].Address = cidr("fd00::6440:503:0:2/64") }, want: []string{
			"prevResult: address fd00::6440:503:0:2/96 is missing",
		}},
		{name: "everything", change: func(p *types100.Result) { p.Interfaces, p.IPs = nil, nil }, want: []string{
			`prevResult: interface bridge0 of sandbox "" is missing`,
			`prevResult: interface vm5-if0 of sandbox "" is missing`,
			`prevResult: interface vm5-gw0 of sandbox "" is missing`,
			`prevResult: interface eth0 of sandbox "/run/netns/p" is missing`,
			`prevResult: interface eth0 of sandbox "c1" is missing`,
			"prevResult: address 100.64.5.3/31 is missing",
			"prevResult: address fd00::6440:503:0:2/96 is missing",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			attachment := aCase{request: onSwitch, bridge: theirs()}
			_, own := attachment.result(t)
			_, previous := attachment.result(t)
			c.change(previous)
			if got := result.Missing(own, previous); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}
