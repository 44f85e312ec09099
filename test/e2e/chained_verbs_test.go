package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// TestChainedRefuses: what cannot be taken over, before anything is changed.
func TestChainedRefuses(t *testing.T) {
	wantsNoVRF(t)
	for _, c := range []struct {
		name  string
		block string
		args  string
		alter func(t *testing.T, p *pod, c *cni.Call)
		code  uint
		words []string
	}{
		{name: "no earlier plugin", alter: func(_ *testing.T, _ *pod, c *cni.Call) { *c = c.With(nil) }, code: 7, words: []string{"chained", "prevResult"}},
		{name: "its interface is gone", alter: func(t *testing.T, p *pod, _ *cni.Call) { p.Run(t, "ip", "link", "del", "eth0") }, code: 7, words: []string{`"eth0"`, "none of this name"}},
		{name: "another lladdr", args: "MAC=02:00:00:00:00:01", code: 7, words: []string{"02:00:00:00:00:01", `"eth0"`, "takes over"}},
		{name: "ingress in use", alter: func(t *testing.T, p *pod, _ *cni.Call) { p.Run(t, "tc", "qdisc", "add", "dev", "eth0", "ingress") }, code: 7, words: []string{`"eth0"`, "ingress"}},
		{name: "clsact in use", alter: func(t *testing.T, p *pod, _ *cni.Call) { p.Run(t, "tc", "qdisc", "add", "dev", "eth0", "clsact") }, code: 7, words: []string{`"eth0"`, "ingress"}},
		{name: "tap's name taken", alter: func(t *testing.T, p *pod, _ *cni.Call) { p.Run(t, "ip", "tuntap", "add", "tap0", "mode", "tap") }, code: 100, words: []string{"tap0", "name"}},
		{name: "the interface has no Ethernet address", alter: func(t *testing.T, p *pod, c *cni.Call) {
			p.Run(t, "ip", "link", "del", "eth0")
			p.Run(t, "ip", "tuntap", "add", "eth0", "mode", "tun")
		}, code: 7, words: []string{`"eth0"`, "no Ethernet address"}},
		{name: "a switch", block: `, "switch": "bridge0"`, code: 7, words: []string{"switch", "bridge0", "chained"}},
		{name: "a vmid", args: "VMID=5", code: 7, words: []string{"VMID", "5", "chained"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			call, _, _ := p.addEarlier(t, "ptp", chainedConf+c.block)
			call.Args = c.args
			if c.alter != nil {
				c.alter(t, p, &call)
			}
			before := takeAll(t, n.NS, p.NS)
			_, fault := n.Add(t, call)
			wantFault(t, fault, c.code, c.words...)
			before.wantSame(t)
		})
	}
}

// TestChainedTwice: an attachment exists once.
func TestChainedTwice(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	p := n.newPod(t, "p")
	call, _, _ := p.addEarlier(t, "ptp", chainedConf)
	n.add(t, call)
	before := takeAll(t, n.NS, p.NS)
	_, fault := n.Add(t, call)
	wantFault(t, fault, 100, "tap0")
	before.wantSame(t)
	call.Conf = conf(chainedConf + `, "tap": {"name": "tap1"}`)
	_, fault = n.Add(t, call)
	wantFault(t, fault, 100, "p@eth0", "tap0")
	before.wantSame(t)
}

// TestChainedCheck: CHECK names what was changed by hand.
func TestChainedCheck(t *testing.T) {
	wantsNoVRF(t)
	for do, words := range map[string][]string{
		"ip link del tap0":                                                   {"tap tap0", "missing in the pod's namespace"},
		"ip link set tap0 down":                                              {"tap tap0", "up is off"},
		"ip link set tap0 mtu 1300":                                          {"tap tap0", "mtu is 1300, want 1400"},
		"ip link set tap0 address 02:00:00:00:00:99":                         {"tap tap0", "02:00:00:00:00:99"},
		"ip link set tap0 arp on":                                            {"tap tap0", "noarp"},
		"ip link property del dev tap0 altname p@eth0":                       {"tap tap0", "p@eth0"},
		"tc qdisc del dev tap0 ingress":                                      {"tap tap0", "ingress filter 1"},
		"tc qdisc del dev eth0 ingress":                                      {"interface eth0", "ingress filter 1"},
		"tc filter del dev eth0 ingress":                                     {"interface eth0", "ingress filter 1"},
		"ip link del eth0":                                                   {`"eth0"`, "none of this name"},
		"ip link set eth0 address 02:00:00:00:00:99":                         {"02:00:00:00:00:99"},
		"tc filter add dev eth0 ingress pref 9 u32 match u32 0 0 flowid 1:1": {"interface eth0", "ingress filter 2", "should not be there"},
	} {
		t.Run(do, func(t *testing.T) {
			t.Parallel()
			n := newNode(t)
			p := n.newPod(t, "p")
			call, _, _ := p.addEarlier(t, "ptp", chainedConf)
			a := n.add(t, call)
			argv := strings.Fields(do)
			p.Run(t, argv[0], argv[1:]...)
			fault := n.Check(t, a.call)
			if fault == nil || !slices.Contains([]uint{7, 101}, fault.Code) {
				t.Fatalf("CHECK: %v, want an error", fault)
			}
			wantFault(t, fault, fault.Code, words...)
			a.del()
		})
	}
}

// TestChainedDel: DEL takes away its own and nothing else.
func TestChainedDel(t *testing.T) {
	wantsNoVRF(t)
	for _, c := range []struct {
		name  string
		alter func(t *testing.T, p *pod, call *cni.Call)
		left  []string
	}{
		{"with a broken configuration", func(_ *testing.T, _ *pod, c *cni.Call) { c.Conf = conf(`"placement": 5`) }, []string{"eth0", "lo"}},
		{"with another network's", func(_ *testing.T, _ *pod, c *cni.Call) { c.Conf = confOf("othernet", chainedConf) }, []string{"eth0", "lo", "tap0"}},
		{"without namespace", func(_ *testing.T, _ *pod, c *cni.Call) { c.Netns = "" }, []string{"eth0", "lo", "tap0"}},
		{"with no namespace's path", func(_ *testing.T, _ *pod, c *cni.Call) { c.Netns = "/dev/null" }, []string{"eth0", "lo", "tap0"}},
		{"with the interface gone", func(t *testing.T, p *pod, _ *cni.Call) { p.Run(t, "ip", "link", "del", "eth0") }, []string{"lo"}},
		{"with the tap gone", func(t *testing.T, p *pod, _ *cni.Call) { p.Run(t, "ip", "link", "del", "tap0") }, []string{"eth0", "lo"}},
		{"with somebody else's filter", func(t *testing.T, p *pod, _ *cni.Call) {
			p.Run(t, "tc", "filter", "add", "dev", "eth0", "ingress", "pref", "9", "u32", "match", "u32", "0", "0", "flowid", "1:1")
		}, []string{"eth0", "lo"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			call, _, _ := p.addEarlier(t, "ptp", chainedConf)
			a := n.add(t, call)
			late := a.call
			c.alter(t, p, &late)
			for range 2 {
				if fault := n.Del(t, late); fault != nil {
					t.Errorf("DEL: %s", fault)
				}
			}
			var left []string
			for _, l := range links(t, p.NS) {
				left = append(left, l.Name)
			}
			slices.Sort(left)
			expect(t, "links in the pod", left, c.left)
		})
	}
}

// TestChainedStatus: nothing on the node can be missing but tun.
func TestChainedStatus(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	if fault := n.Status(t, cni.Call{Conf: strings.Replace(conf(chainedConf), "1.0.0", "1.1.0", 1)}); fault != nil {
		t.Error(fault)
	}
}

// TestChainedAddresses: an earlier result without addresses, or with those of
// other interfaces, gives the guest none.
func TestChainedAddresses(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	p := n.newPod(t, "p")
	call, _, _ := p.addEarlier(t, "ptp", chainedConf)
	var result map[string]any
	if err := json.Unmarshal(call.PrevResult, &result); err != nil {
		t.Fatal(err)
	}
	delete(result, "ips")
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	a := n.add(t, call.With(text))
	expect(t, "addresses", len(a.IPs), 0)
}
