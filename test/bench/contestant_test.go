package bench

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// contestant is a plugin with a configuration, on a node of its own where one
// attachment stands already, so that what the first makes is no part of the cost.
type contestant struct {
	name   string
	plugin *cni.Plugin
	call   cni.Call
	verbs  []string
	tools  *tools
	undo   func() error // after an ADD of a contestant that has no DEL; may be nil
}

const (
	vmtapMain = "vmtap, pod, switch, dual stack"
	bridge    = "bridge + host-local, IPv4"
	floorName = "the same kernel calls alone"
	nothing   = "a Go program that does nothing"
)

func vmtapConf(more string) string {
	return `{"cniVersion": "1.0.0", "name": "vmnet", "type": "vmtap", "local": {"inet6": true}, "group": ["web", "db"]` + more + `}`
}

func ipv4Only(conf string) string { return strings.Replace(conf, `"inet6": true`, `"inet6": false`, 1) }

const onSwitch = `, "switch": {"interface": "bridge0", "create": true}`

// contestants returns all that are compared. The peers give IPv4 addresses only:
// with IPv6 they wait for seconds.
func contestants(b *testing.B) []*contestant {
	b.Helper()
	t := newTools(b)
	var all []*contestant
	add := func(c *contestant) { all = append(all, c) }
	add(t.vmtap(b, vmtapMain, vmtapConf(onSwitch)))
	add(t.vmtap(b, "vmtap, pod, switch, IPv4", ipv4Only(vmtapConf(onSwitch))))
	add(t.vmtap(b, "vmtap, pod, no switch, dual stack", vmtapConf("")))
	add(t.vmtap(b, "vmtap, host, switch, dual stack", vmtapConf(onSwitch+`, "placement": "host"`)))
	add(t.vmtap(b, "vmtap, host, switch, IPv4", ipv4Only(vmtapConf(onSwitch+`, "placement": "host"`))))
	add(t.vmtap(b, "vmtap, host, no switch, dual stack", vmtapConf(`, "placement": "host"`)))
	add(t.peer(b, bridge, "bridge", `, "bridge": "br0", "isGateway": true`))
	add(t.peer(b, "tap + host-local, IPv4", "tap", ""))
	add(t.peer(b, "ptp + host-local, IPv4", "ptp", ""))
	add(t.floor(b))
	add(&contestant{
		name: nothing, verbs: []string{cni.ADD}, tools: t, plugin: &cni.Plugin{Bin: t.nothing},
	})
	return all
}

// tools are the programs that the benchmarks run.
type tools struct{ launch, nothing, floorBin, record string }

func newTools(b *testing.B) *tools {
	b.Helper()
	dir := b.TempDir()
	for _, name := range []string{"launch", "nothing", "floor"} {
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(dir, name), "./"+name)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("go build %s: %v\n%s", name, err, out)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	return &tools{in("launch"), in("nothing"), in("floor"), in("record")}
}

func (t *tools) vmtap(b *testing.B, name, conf string) *contestant {
	b.Helper()
	return t.new(b, name, cni.New(b, netns.New(b)), conf)
}

func (t *tools) peer(b *testing.B, name, kind, more string) *contestant {
	b.Helper()
	path := cni.Reference(b, "../..", kind)
	cni.Reference(b, "../..", "host-local")
	return t.new(b, name, &cni.Plugin{Bin: filepath.Join(path, kind), Node: netns.New(b)}, peerConf(b, kind, more))
}

func peerConf(b *testing.B, kind, more string) string {
	b.Helper()
	return fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "net-%s", "type": "%[1]s"%s,
		"ipam": {"type": "host-local", "dataDir": %q, "ranges": [[{"subnet": "10.9.0.0/16"}]]}}`, kind, more, b.TempDir())
}

// new prepares a contestant: with an attachment that stays, and a pod for those
// that come and go.
func (t *tools) new(b *testing.B, name string, p *cni.Plugin, conf string) *contestant {
	b.Helper()
	first := cni.Call{ContainerID: "first", IfName: "eth0", Netns: netns.New(b).Path(), Conf: conf}
	if _, fault := p.Add(b, first); fault != nil {
		b.Fatalf("%s: %v", name, fault)
	}
	return &contestant{
		name: name, plugin: p, verbs: []string{cni.ADD, cni.CHECK, cni.DEL}, tools: t,
		call: cni.Call{ContainerID: "pod", IfName: "eth0", Netns: netns.New(b).Path(), Conf: conf},
	}
}

// cost is what launch measured.
type cost struct {
	Wall, CPU time.Duration
	Peak      int64 // KiB
}

// measured runs all verbs of a contestant once.
func (c *contestant) measured(b *testing.B, note func(verb string, spent cost)) {
	b.Helper()
	c.round(b, c.plugin.Wrap(c.tools.launch, c.tools.record), func(verb string) {
		text, err := os.ReadFile(c.tools.record)
		if err != nil {
			b.Fatal(err)
		}
		var spent cost
		if err := json.Unmarshal(text, &spent); err != nil {
			b.Fatal(err)
		}
		note(verb, spent)
	})
}

// round runs all verbs once, by a wrapped plugin, and leaves what it found.
func (c *contestant) round(b *testing.B, wrapped *cni.Plugin, after func(verb string)) {
	b.Helper()
	call := c.call
	for _, verb := range c.verbs {
		stdout, fault, err := wrapped.Invoke(verb, call)
		if fault != nil || err != nil {
			b.Fatalf("%s: %s: %v %v", c.name, verb, fault, err)
		}
		after(verb)
		if verb == cni.ADD {
			call = call.With(stdout)
		}
	}
	if c.undo != nil {
		if err := c.undo(); err != nil {
			b.Fatalf("%s: %v", c.name, err)
		}
	}
}
