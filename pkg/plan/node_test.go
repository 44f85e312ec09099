package plan

import (
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
)

func mtus(ofInterface, ofSwitch int) func(*config.Request) {
	return func(r *config.Request) {
		r.MTU = ofInterface
		if ofSwitch != 0 {
			r.Switch.MTU = ofSwitch
		}
	}
}

func ipv4Only(r *config.Request) { r.Local = local("", 8) }

func TestCheckNode(t *testing.T) {
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		bridge  Bridge
	}{
		{"without a switch", nil, Bridge{}},
		{"their bridge", onSwitch, theirs("", 1500)},
		{"bridge to be made", onCreatedSwitch, Bridge{}},
		{"bridge that was made", onCreatedSwitch, ours(1500)},
		{"their bridge, that was to be made", onCreatedSwitch, theirs("", 1500)},
		{"mtu of the bridge", all(onSwitch, mtus(1500, 0)), theirs("", 1500)},
		{"mtu above the bridge's", all(onSwitch, mtus(9000, 0)), theirs("", 1500)},
		{"mtu of the switch", all(onCreatedSwitch, mtus(9000, 9000)), Bridge{}},
		{"small mtu without IPv6", all(onSwitch, ipv4Only), theirs("", 1000)},
		{"small mtu, not local", all(onSwitch, notLocal), theirs("", 1000)},
		{"small mtu of the switch, not local", all(onCreatedSwitch, notLocal, mtus(0, 1000)), Bridge{}},
		{"IPv6's smallest mtu", onSwitch, theirs("", 1280)},
		{"small bridge, large mtu", all(onSwitch, mtus(1280, 0)), theirs("", 1000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := newRequest()
			if c.request != nil {
				c.request(req)
			}
			if err := CheckNode(req, &Node{Bridge: c.bridge}); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCheckNodeRefuses(t *testing.T) {
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		bridge  Bridge
		words   []string
	}{
		{"no bridge", onSwitch, Bridge{}, []string{`"bridge0"`, "switch.create"}},
		{"veth in its place", onSwitch, Bridge{Name: "bridge0", Kind: "veth", MTU: 1500}, []string{`"bridge0"`, "veth", "bridge"}},
		{"NIC in its place", onSwitch, Bridge{Name: "bridge0", MTU: 1500}, []string{`"bridge0"`, "physical"}},
		{"veth in the place of one to be made", onCreatedSwitch, Bridge{Name: "bridge0", Kind: "veth", MTU: 1500}, []string{`"bridge0"`, "veth"}},
		{"mtu below the bridge's", all(onSwitch, mtus(1499, 0)), theirs("", 1500), []string{"1499", "1500", `"bridge0"`}},
		{"mtu below the bridge's that was made", all(onCreatedSwitch, mtus(1499, 0)), ours(1500), []string{"1499", "1500", `"bridge0"`}},
		{"mtu below switch.mtu", all(onCreatedSwitch, mtus(1500, 9000)), Bridge{}, []string{"1500", "9000", `"bridge0"`}},
		{"mtu below switch.mtu, bridge was made", all(onCreatedSwitch, mtus(1500, 9000)), ours(1500), []string{"1500", "9000", `"bridge0"`}},
		{"switch.mtu below the bridge's that was made", all(onCreatedSwitch, mtus(0, 1500)), ours(9000), []string{"1500", "9000", `"bridge0"`}},
		{"a bridge's mtu that no tap can have", onSwitch, theirs("", 65535), []string{"65535", "65521"}},
		{"IPv6 on a small bridge", onSwitch, theirs("", 1279), []string{"1279", "1280", "local.inet6"}},
		{"IPv6 on a small bridge to be made", all(onCreatedSwitch, mtus(0, 1279)), Bridge{}, []string{"1279", "1280"}},
		{"IPv6 with a small mtu", all(onSwitch, mtus(1279, 0)), theirs("", 1000), []string{"1279", "1280"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := CheckNode(newRequest(c.request), &Node{Bridge: c.bridge})
			wantError(t, err, config.CodeInvalidConfig, c.words...)
		})
	}
}

func TestCheckNodeWithoutIPv6(t *testing.T) {
	node := &Node{NoIPv6: true}
	wantError(t, CheckNode(newRequest(), node), config.CodeInvalidConfig, "fd00::/8", "local.inet6")
	for _, c := range []struct {
		name    string
		request func(*config.Request)
	}{{"IPv4 alone", ipv4Only}, {"not local", all(onCreatedSwitch, notLocal)}} {
		t.Run(c.name, func(t *testing.T) {
			if err := CheckNode(newRequest(c.request), node); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBridgeName(t *testing.T) {
	for _, c := range []struct {
		name    string
		request func(*config.Request)
		bridge  Bridge
		want    string
	}{
		{"without a switch", notLocal, Bridge{}, ""},
		{"to be made", onCreatedSwitch, Bridge{}, "bridge0"},
		{"there", onSwitch, theirs("", 1500), "bridge0"},
		{"there, and configured by an altname", onSwitch, Bridge{Name: "br-enp1s0", Kind: KindBridge}, "br-enp1s0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := BridgeName(newRequest(c.request), &Node{Bridge: c.bridge}); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// The interface and the bridge agree, however their mtu came about: CHECK
// directly after ADD sees the bridge that ADD made.
func TestMTU(t *testing.T) {
	for _, c := range []struct {
		name          string
		request       func(*config.Request)
		bridge        Bridge
		mtu, ofSwitch int
	}{
		{"default", onCreatedSwitch, Bridge{}, 1500, 1500},
		{"the interface's", all(onCreatedSwitch, mtus(9000, 0)), Bridge{}, 9000, 9000},
		{"the switch's", all(onCreatedSwitch, mtus(0, 9000)), Bridge{}, 9000, 9000},
		{"both", all(onCreatedSwitch, mtus(9000, 1500)), Bridge{}, 9000, 1500},
		{"the bridge's", onCreatedSwitch, ours(1400), 1400, 1400},
		{"the interface's, bridge was made", all(onCreatedSwitch, mtus(9000, 0)), ours(1500), 9000, 1500},
		{"the switch's, bridge was made", all(onCreatedSwitch, mtus(0, 9000)), ours(1500), 9000, 9000},
		{"the switch's, not their bridge's", all(onCreatedSwitch, mtus(0, 9000)), theirs("", 1400), 1400, 0},
		{"their bridge's", onSwitch, theirs("", 1400), 1400, 0},
		{"the interface's, their bridge", all(onSwitch, mtus(9000, 0)), theirs("", 1400), 9000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			req, node := newRequest(c.request), &Node{Bridge: c.bridge}
			if got := MTU(req, node); got != c.mtu {
				t.Errorf("the interface's mtu is %d, want %d", got, c.mtu)
			}
			if got := SwitchLink(req, node).MTU; got != c.ofSwitch {
				t.Errorf("the bridge's mtu is %d, want %d", got, c.ofSwitch)
			}
		})
	}
	t.Run("without a switch", func(t *testing.T) {
		if got := MTU(newRequest(), &Node{}); got != 1500 {
			t.Errorf("default is %d, want 1500", got)
		}
		if got := MTU(newRequest(mtus(9000, 0)), &Node{}); got != 9000 {
			t.Errorf("requested 9000, got %d", got)
		}
	})
}

func TestIsSwitchAlias(t *testing.T) {
	for alias, want := range map[string]bool{
		"switch0-uplink":      true,
		"switch4294967295-":   true,
		"switch10-a-b":        true,
		"switch-uplink":       false,
		"switch0":             false,
		"switchboard0-x":      false,
		"the switch0-uplink":  false,
		"switch0a-uplink":     false,
		"":                    false,
		"vm5-if0-default/web": false,
	} {
		if got := isSwitchAlias(alias); got != want {
			t.Errorf("%q: got %t", alias, got)
		}
	}
}
