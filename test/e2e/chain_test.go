package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/netns"
)

// chain is a network of several plugins, run by libcni on a node.
type chain struct {
	n    *node
	cni  *libcni.CNIConfig
	list *libcni.NetworkConfigList
}

// newChain makes a network of these blocks, each without name and version.
func (n *node) newChain(t *testing.T, specVersion string, blocks ...string) *chain {
	t.Helper()
	return n.chainOf(t, fmt.Sprintf(`{"cniVersion": %q, "name": "vmnet", "plugins": [%s]}`, specVersion, strings.Join(blocks, ", ")))
}

// chainOf makes the network of a conflist.
func (n *node) chainOf(t *testing.T, text string) *chain {
	t.Helper()
	list, err := libcni.NetworkConfFromBytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	path := []string{filepath.Dir(n.Bin)}
	for _, p := range list.Plugins {
		if p.Network.Type != "vmtap" {
			path = append(path, cni.Reference(t, source, p.Network.Type))
		}
		if p.Network.IPAM.Type != "" {
			path = append(path, cni.Reference(t, source, p.Network.IPAM.Type))
		}
	}
	return &chain{n, libcni.NewCNIConfigWithCacheDir(path, t.TempDir(), onNode{n.NS}), list}
}

// onNode runs plugins in a node's namespace, for libcni.
type onNode struct{ ns *netns.NS }

func (o onNode) ExecPlugin(_ context.Context, path string, stdin []byte, env []string) ([]byte, error) {
	cmd := o.ns.Command(path)
	cmd.Stdin, cmd.Env = strings.NewReader(string(stdin)), append(env, "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	out, err := cmd.Output()
	if err == nil {
		return out, nil
	}
	fault := struct{ Msg string }{}
	if json.Unmarshal(out, &fault) != nil {
		stderr := ""
		if e, ok := err.(*exec.ExitError); ok { //nolint:errorlint // of Output, as it is
			stderr = string(e.Stderr)
		}
		return nil, fmt.Errorf("%s: %w: %s%s", filepath.Base(path), err, out, stderr)
	}
	return nil, fmt.Errorf("%s: %s", filepath.Base(path), fault.Msg)
}

func (onNode) FindInPath(plugin string, paths []string) (string, error) {
	return invoke.FindInPath(plugin, paths)
}

func (onNode) Decode(b []byte) (version.PluginInfo, error) {
	return (&version.PluginDecoder{}).Decode(b)
}

// args are a pod's; what is in capabilities is passed to who declares it.
func (p *pod) args(capabilities map[string]any) *libcni.RuntimeConf {
	return &libcni.RuntimeConf{ContainerID: p.id, NetNS: p.Path(), IfName: "eth0", CapabilityArgs: capabilities}
}

// add adds a pod, whose CHECK passes, and whose DEL leaves nothing.
func (c *chain) add(t *testing.T, p *pod, capabilities map[string]any) *attachment {
	t.Helper()
	args := p.args(capabilities)
	t.Cleanup(func() {
		if err := c.cni.DelNetworkList(context.WithoutCancel(t.Context()), c.list, args); err != nil {
			t.Errorf("DEL: %v", err)
		}
		c.n.noLinksOf(t, p)
	})
	r, err := c.cni.AddNetworkList(t.Context(), c.list, args)
	if err != nil {
		t.Fatalf("ADD: %v", err)
	}
	result, err := types100.NewResultFromResult(r)
	if err != nil {
		t.Fatal(err)
	}
	c.check(t, p, capabilities, "")
	return &attachment{t, c.n, p.call("eth0", ""), result}
}

// check demands that CHECK passes, or fails with a message.
func (c *chain) check(t *testing.T, p *pod, capabilities map[string]any, want string) {
	t.Helper()
	err := c.cni.CheckNetworkList(t.Context(), c.list, p.args(capabilities))
	switch {
	case want == "" && err != nil:
		t.Errorf("CHECK: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("CHECK: %v, want %q", err, want)
	}
}

// noLinksOf demands that nothing is left of a pod.
func (n *node) noLinksOf(t *testing.T, p *pod) {
	t.Helper()
	p.onlyLoopback(t)
	for _, l := range links(t, n.NS) {
		for _, a := range l.AltNames {
			if strings.HasPrefix(a, p.id+"@") {
				t.Errorf("%s of %s is left", l.Name, p.id)
			}
		}
	}
}

// chainVersions are those of a chain that libcni checks.
var chainVersions = []string{"1.0.0", "1.1.0"}

// blockOf is a vmtap block with its type.
func blockOf(members string) string { return `{"type": "vmtap", ` + members + "}" }

// chainedBlocks are what other plugins come after; where tests are to be short
// some of them.
func chainedBlocks() map[string]string {
	if testing.Short() {
		return map[string]string{"switch": blockOf(createConf), "veth": blockOf(`"device": "veth"`)}
	}
	return map[string]string{
		"local":            blockOf(`"local": true`),
		"switch":           blockOf(createConf),
		"host":             blockOf(`"placement": "host"`),
		"veth":             blockOf(`"device": "veth"`),
		"veth on a switch": blockOf(`"device": "veth", ` + createConf),
	}
}

// TestChainTuning: what tuning changes of CNI_IFNAME stays, and CHECK of both
// passes; what was not changed by it is missed.
func TestChainTuning(t *testing.T) {
	wantsNoVRF(t)
	const mac = "02:00:00:00:00:77"
	tuning := fmt.Sprintf(`{"type": "tuning", "mac": %q, "mtu": 1400, "promisc": true, "allmulti": true, "txQLen": 500, "sysctl": {"net.core.somaxconn": "500"}, "dataDir": %q}`, mac, t.TempDir())
	for name, block := range chainedBlocks() {
		for _, v := range chainVersions {
			t.Run(name+" "+v, func(t *testing.T) {
				n := newNode(t)
				p := n.newPod(t, "p")
				if name == "host" { // where there is no CNI_IFNAME to tune
					c := n.newChain(t, v, block, tuning)
					if _, err := c.cni.AddNetworkList(t.Context(), c.list, p.args(nil)); err == nil || !strings.Contains(err.Error(), "eth0") {
						t.Errorf("ADD: %v", err)
					}
					if err := c.cni.DelNetworkList(t.Context(), c.list, p.args(nil)); err != nil {
						t.Errorf("DEL: %v", err)
					}
					n.noLinksOf(t, p)
					return
				}
				c := n.newChain(t, v, unguarded(block), tuning)
				a := c.add(t, p, nil)
				l := p.link(t, "eth0")
				expect(t, "eth0", fmt.Sprint(l.Address, " ", l.MTU), mac+" 1400")
				if !strings.Contains(name, "veth") {
					g := a.boot(p)
					for _, dst := range gateways(a.guestConfig()) {
						if err := g.Ping(dst, answered); err != nil {
							t.Errorf("guest with another lladdr: %v", err)
						}
					}
				}
				p.Run(t, "ip", "link", "set", "eth0", "address", "02:00:00:00:00:88")
				c.check(t, p, nil, "02:00:00:00:00:88")
			})
		}
	}
}

// TestChainTuningLocked: a guest that is locked to its lladdr is cut off by one
// that tuning gives it. CHECK says so and what to do.
func TestChainTuningLocked(t *testing.T) {
	wantsNoVRF(t)
	const mac = "02:00:00:00:00:77"
	n := newNode(t)
	p := n.newPod(t, "p")
	c := n.newChain(t, "1.0.0", blockOf(createConf), fmt.Sprintf(`{"type": "tuning", "mac": %q, "dataDir": %q}`, mac, t.TempDir()))
	if _, err := c.cni.AddNetworkList(t.Context(), c.list, p.args(nil)); err != nil {
		t.Fatal(err)
	}
	c.check(t, p, nil, "a later plugin gave it "+mac+", set lladdr instead")
	if err := c.cni.DelNetworkList(t.Context(), c.list, p.args(nil)); err != nil {
		t.Errorf("DEL: %v", err)
	}
	n.noLinksOf(t, p)
}

// TestChainFirewall: firewall lets what a guest begins through a host that
// drops what it forwards.
func TestChainFirewall(t *testing.T) {
	wantsNoVRF(t)
	for name, block := range chainedBlocks() {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.newOutside(t)
			for _, iptables := range []string{"iptables", "ip6tables"} {
				n.Run(t, iptables, "-P", "FORWARD", "DROP")
			}
			p := n.newPod(t, "p")
			c := n.newChain(t, "1.0.0", block, `{"type": "firewall", "backend": "iptables"}`)
			ping := c.add(t, p, nil).pinger(t, p)
			for _, dst := range []string{"192.0.2.2", "2001:db8::2"} {
				wantReached(t, dst, true, ping(dst, true))
			}
			for _, iptables := range []string{"iptables", "ip6tables"} {
				n.Run(t, iptables, "-F", "CNI-FORWARD")
			}
			for _, dst := range []string{"192.0.2.2", "2001:db8::2"} {
				wantReached(t, dst, false, ping(dst, false))
			}
		})
	}
}

// pinger returns the ping of a guest, be it a VM or the pod itself.
func (a *attachment) pinger(t *testing.T, p *pod) func(dst string, want bool) error {
	t.Helper()
	if a.isVM() {
		c := a.guestConfig()
		c.MultiQueue = a.severalQueues(p)
		g := a.open(p, c)
		return func(dst string, want bool) error { return g.Ping(netip.MustParseAddr(dst), patience(want)) }
	}
	return func(dst string, want bool) error {
		seconds := map[bool]string{true: "5", false: "1"}[want]
		if p.Command("ping", "-n", "-c", "1", "-W", seconds, dst).Run() != nil {
			return guest.ErrNoAnswer
		}
		return nil
	}
}

// severalQueues reports whether the tap was made for several.
func (a *attachment) severalQueues(p *pod) bool {
	a.t.Helper()
	ns, tap := a.tap(p)
	return linkIn(a.t, ns, tap).Info.Data.MultiQueue
}

// isVM reports whether the guest is a VM, or the pod itself.
func (a *attachment) isVM() bool {
	return a.Interfaces[len(a.Interfaces)-1].Sandbox == a.call.ContainerID
}

// TestChainPortmap: a port of the host reaches the guest, over UDP a VM and
// over TCP a pod that is none, on both families, and no more after DEL.
func TestChainPortmap(t *testing.T) {
	wantsNoVRF(t)
	for name, block := range chainedBlocks() {
		for _, backend := range []string{"iptables", "nftables"} {
			t.Run(name+" "+backend, func(t *testing.T) {
				n := newNode(t)
				outside := n.newOutside(t)
				p := n.newPod(t, "p")
				c := n.newChain(t, "1.0.0", block, fmt.Sprintf(`{"type": "portmap", "backend": %q, "capabilities": {"portMappings": true}}`, backend))
				a := c.add(t, p, map[string]any{"portMappings": []map[string]any{
					{"hostPort": 5007, "containerPort": guest.EchoPort, "protocol": "udp"},
					{"hostPort": 5008, "containerPort": 8, "protocol": "tcp"},
				}})
				a.serve(t, p)
				for _, host := range []string{"192.0.2.1", "2001:db8::1"} {
					outside.wantEcho(t, host, a.isVM())
				}
			})
		}
	}
}

// serve starts the guest: a VM with an echo service of UDP, or a pod with one
// of TCP.
func (a *attachment) serve(t *testing.T, p *pod) {
	t.Helper()
	if a.isVM() {
		a.boot(p)
		return
	}
	for _, family := range []string{"-4", "-6"} {
		cmd := p.Command("nc", family, "-l", "-N", "8")
		cmd.Stdin = strings.NewReader("it works")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()
		})
	}
	waitFor(t, "the pod's service", func() bool { return strings.Count(p.Run(t, "ss", "-Hltn"), ":8 ") == 2 })
}

// wantEcho demands an answer from the service behind the host's port: UDP of a
// VM, TCP of a pod that is none.
func (p *pod) wantEcho(t *testing.T, host string, vm bool) {
	t.Helper()
	ask := "nc -d -w 5 " + host + " 5008"
	if vm {
		ask = "echo it works | nc -u -w 5 -W 1 " + host + " 5007"
	}
	out, _ := p.Command("sh", "-c", ask).CombinedOutput() // what it says is looked at
	if !strings.Contains(string(out), "it works") {
		t.Errorf("%s: %q, want an answer", host, out)
	}
}

// TestChainBandwidth: the bandwidth plugin wants a veth whose ingress is free.
// Where it has none its ADD fails, and where vmtap's filters could be beside
// its own CHECK says so.
func TestChainBandwidth(t *testing.T) {
	wantsNoVRF(t)
	bandwidth := `{"type": "bandwidth", "ingressRate": 1000000, "ingressBurst": 1000000, "egressRate": 1000000, "egressBurst": 1000000}`
	for name, c := range map[string]struct{ block, add, check string }{
		"a tap":            {blockOf(`"local": true`), "bandwidth: ", ""},
		"veth on a switch": {blockOf(`"device": "veth", ` + createConf), "bandwidth: ", ""},
		"guarded veth":     {blockOf(`"device": "veth"`), "bandwidth: ", ""},
		"veth":             {unguarded(blockOf(`"device": "veth"`)), "", "ingress filter 1"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			p := n.newPod(t, "p")
			chain := n.newChain(t, "1.0.0", c.block, bandwidth)
			_, err := chain.cni.AddNetworkList(t.Context(), chain.list, p.args(nil))
			switch {
			case c.add == "" && err != nil, c.add != "" && (err == nil || !strings.Contains(err.Error(), c.add)):
				t.Errorf("ADD: %v, want %q", err, c.add)
			case c.add == "":
				chain.check(t, p, nil, c.check)
			}
			if err := chain.cni.DelNetworkList(t.Context(), chain.list, p.args(nil)); err != nil {
				t.Errorf("DEL: %v", err)
			}
			n.noLinksOf(t, p)
		})
	}
}
