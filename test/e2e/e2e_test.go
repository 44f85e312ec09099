// Package e2e tests the plugin's binary on real namespaces: as a runtime
// calls it, with taps opened as a VM monitor opens them.
package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// node is a host with the plugin.
type node struct {
	*netns.NS
	*cni.Plugin
}

// newNode is one for tests that any kernel is good for. The test VM is slow, so
// they run on the other kernel.
func newNode(t *testing.T) *node {
	t.Helper()
	wantsNoVRF(t)
	return newNodeHere(t)
}

// newNodeHere is one for tests that want this kernel.
func newNodeHere(t *testing.T) *node {
	t.Helper()
	ns := netns.New(t)
	return &node{ns, cni.New(t, ns)}
}

// pod is a sandbox of a node.
type pod struct {
	*netns.NS
	node *node
	id   string
}

func (n *node) newPod(t *testing.T, id string) *pod {
	t.Helper()
	return &pod{netns.New(t), n, id}
}

// conf is the plugin's block as libcni passes it.
func conf(block string) string { return confOf("vmnet", block) }

func confOf(network, block string) string {
	if block != "" {
		block = ", " + block
	}
	return fmt.Sprintf(`{"cniVersion": "1.0.0", "name": %q, "type": "vmtap"%s}`, network, block)
}

// extended is a configuration with one more member.
func extended(conf, member string) string { return strings.TrimSuffix(conf, "}") + ", " + member + "}" }

// unguarded is a configuration whose guest may forge what it likes.
func unguarded(conf string) string { return extended(conf, `"guard": false`) }

// The usual configurations.
var (
	localConf  = conf("")
	hostConf   = conf(`"placement": "host", ` + createConf)
	vethConf   = conf(`"device": "veth", ` + createConf)
	switchConf = conf(`"switch": {"interface": "bridge0", "name": "uplink", "id": 7, "create": true, "group": "vms"}, "local": true, "group": ["web"], "groups": {"web": 101, "vms": 100}`)
)

func (p *pod) call(ifName, conf string) cni.Call {
	return cni.Call{ContainerID: p.id, IfName: ifName, Netns: p.Path(), Conf: conf}
}

// wantsNoVRF skips a test in the test VM, which is slow, since the other kernel has it.
func wantsNoVRF(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("the test VM is slow, and this wants no VRF")
	}
}

// attachment is one that was added.
type attachment struct {
	t    *testing.T
	node *node
	call cni.Call
	*types100.Result
}

// add adds an interface and demands that CHECK passes directly after.
func (p *pod) add(t *testing.T, ifName, conf string) *attachment {
	t.Helper()
	return p.node.add(t, p.call(ifName, conf))
}

func (n *node) add(t *testing.T, call cni.Call) *attachment {
	t.Helper()
	stdout, fault := n.Add(t, call)
	if fault != nil {
		t.Fatalf("ADD %s: %s", call.IfName, fault)
	}
	a := &attachment{t, n, call.With(stdout), cni.ParseResult(t, stdout)}
	if fault := n.Check(t, a.call); fault != nil {
		t.Fatalf("CHECK directly after ADD: %s", fault)
	}
	return a
}

// del deletes the attachment as a runtime does at a pod's stop.
func (a *attachment) del() {
	a.t.Helper()
	if fault := a.node.Del(a.t, a.call); fault != nil {
		a.t.Fatalf("DEL: %s", fault)
	}
}

// hostLink is the name of the attachment's host link.
func (a *attachment) hostLink() string {
	a.t.Helper()
	return a.node.link(a.t, a.call.ContainerID+"@"+a.call.IfName).Name
}

// gateway is the name of the attachment's gateway.
func (a *attachment) gateway() string {
	return strings.Replace(a.hostLink(), "-if", "-gw", 1)
}

// link is a link as `ip -d -j link` tells it.
type link struct {
	Index    int      `json:"ifindex"`
	Name     string   `json:"ifname"`
	Flags    []string `json:"flags"`
	MTU      int      `json:"mtu"`
	Master   string   `json:"master"`
	Group    string   `json:"group"`
	Address  string   `json:"address"`
	Alias    string   `json:"ifalias"`
	AltNames []string `json:"altnames"`
	AddrGen  string   `json:"inet6_addr_gen_mode"`
	Info     struct {
		Kind string `json:"info_kind"`
		Data struct {
			VnetHdr    bool `json:"vnet_hdr"`
			MultiQueue bool `json:"multi_queue"`
			Persist    bool `json:"persist"`
			User       any  `json:"user"` // a name, or a number that has none
			Group      any  `json:"group"`
			STP        int  `json:"stp_state"`
		} `json:"info_data"`
	} `json:"linkinfo"`
	Addrs []struct {
		Local         string `json:"local"`
		Prefixlen     int    `json:"prefixlen"`
		NoPrefixRoute bool   `json:"noprefixroute"`
		NoDAD         bool   `json:"nodad"`
		Tentative     bool   `json:"tentative"`
		Scope         string `json:"scope"`
	} `json:"addr_info"`
}

// addrs are the link's addresses as prefixes.
func (l link) addrs() []string {
	out := []string{}
	for _, a := range l.Addrs {
		out = append(out, fmt.Sprintf("%s/%d", a.Local, a.Prefixlen))
	}
	return out
}

// links are the links of a namespace, or those that the arguments select.
func links(t testing.TB, ns *netns.NS, args ...string) []link {
	t.Helper()
	all := show(t, ns, "address", args)
	// Only `ip link` tells the addr_gen_mode.
	for i, l := range show(t, ns, "link", args) {
		if i < len(all) {
			all[i].AddrGen = l.AddrGen
		}
	}
	return all
}

func show(t testing.TB, ns *netns.NS, what string, args []string) []link {
	t.Helper()
	var all []link
	text := ns.Run(t, "ip", append([]string{"-d", "-j", what, "show"}, args...)...)
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		t.Fatalf("read links: %v: %s", err, text)
	}
	return slices.DeleteFunc(all, func(l link) bool { return l.Name == "" })
}

func linkIn(t testing.TB, ns *netns.NS, name string) link {
	t.Helper()
	found := links(t, ns, "dev", name)
	if len(found) != 1 {
		t.Fatalf("%d links %s, want one", len(found), name)
	}
	return found[0]
}

func (n *node) link(t testing.TB, name string) link { t.Helper(); return linkIn(t, n.NS, name) }

func (p *pod) link(t testing.TB, name string) link { t.Helper(); return linkIn(t, p.NS, name) }

// waitFor waits for what the kernel does in its own time.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for %s", what)
		}
	}
}
