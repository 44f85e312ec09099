package plan

import (
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

func TestChooseLLAddr(t *testing.T) {
	asked := lladdr("02:00:00:00:00:01")
	first := vmid.DeriveLLAddr("default/web", 0)
	mixed := vmid.DeriveLLAddrMixed("default/web", 0, 5)
	second := vmid.DeriveLLAddr("default/web", 1)
	on := func(bridge string, a vmid.LLAddr) string { return "vm99-if0 " + lladdrName(a, bridge) }

	for _, c := range []struct {
		name   string
		bridge string
		host   *host
		asked  vmid.LLAddr
		want   vmid.LLAddr
	}{
		{"derived", "bridge0", hostWith(), vmid.LLAddr{}, first},
		{"derived taken", "bridge0", hostWith(on("bridge0", first)), vmid.LLAddr{}, mixed},
		{"derived taken on another switch", "bridge0", hostWith(on("bridge1", first)), vmid.LLAddr{}, first},
		{"requested", "bridge0", hostWith(), asked, asked},
		{"requested taken on another switch", "bridge0", hostWith(on("bridge1", asked)), asked, asked},
		{"requested, derived taken", "bridge0", hostWith(on("bridge0", first)), asked, asked},
		{"without a switch", "", hostWith(on("bridge0", first)), vmid.LLAddr{}, first},
		{"second interface", "bridge0", hostWith(sibling), vmid.LLAddr{}, second},
		{"second interface, derived taken", "bridge0", hostWith(sibling, on("bridge0", second)), vmid.LLAddr{}, vmid.DeriveLLAddrMixed("default/web", 1, 5)},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest(requests(5), func(r *config.Request) { r.LLAddr = c.asked })
			got, err := Choose(req, c.bridge, c.host.find)
			if err != nil {
				t.Fatal(err)
			}
			if got.LLAddr != c.want {
				t.Errorf("got %s, want %s", got.LLAddr, c.want)
			}
			for name := range c.host.lookUps {
				if c.bridge == "" && strings.Contains(name, ".lladdr.") {
					t.Errorf("looked %s up without a switch", name)
				}
			}
		})
	}
}

func TestChooseRefusesLLAddr(t *testing.T) {
	asked := lladdr("02:00:00:00:00:01")
	first := vmid.DeriveLLAddr("default/web", 0)
	mixed := vmid.DeriveLLAddrMixed("default/web", 0, 5)
	for _, c := range []struct {
		name  string
		asked vmid.LLAddr
		host  *host
		code  config.Code
		words []string
	}{
		{"requested taken", asked, hostWith("vm99-if0 " + lladdrName(asked, "bridge0")), config.CodeTaken, []string{asked.String(), "bridge0", "vm99-if0"}},
		{
			"both derived taken",
			vmid.LLAddr{},
			hostWith("vm98-if0 "+lladdrName(first, "bridge0"), "vm99-if0 "+lladdrName(mixed, "bridge0")),
			config.CodeTryAgainLater,
			[]string{mixed.String(), "bridge0", "vm99-if0"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest(requests(5), func(r *config.Request) { r.LLAddr = c.asked })
			_, err := Choose(req, "bridge0", c.host.find)
			wantError(t, err, c.code, c.words...)
		})
	}
}
