package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// cacheNode is a node on which a runtime keeps a cache, which vmtapctl reads.
type cacheNode struct {
	*node
	cache string
	bins  []string
}

func newCacheNode(t *testing.T) *cacheNode {
	t.Helper()
	n := newIPAMNode(t)
	return &cacheNode{n, t.TempDir(), filepath.SplitList(n.Plugin.Path)}
}

// ctl runs vmtapctl as root, with the runtime's cache and plugins.
func (n *cacheNode) ctl(command string, args ...string) *netns.Cmd {
	return n.Command(filepath.Join(filepath.Dir(n.Bin), "vmtapctl"), append([]string{command, "--cache-dir", n.cache}, args...)...)
}

// listed is an attachment that a runtime's library made.
type listed struct {
	t       *testing.T
	node    *cacheNode
	list    *libcni.NetworkConfigList
	runtime *libcni.RuntimeConf
}

func (n *cacheNode) library() *libcni.CNIConfig {
	return libcni.NewCNIConfigWithCacheDir(n.bins, n.cache, nil)
}

// listed adds an interface as a runtime does that lists it from then on. The
// network has the plugins that stand before vmtap, and vmtap with this block.
func (n *cacheNode) listed(t *testing.T, p *pod, network, version, block string, before ...string) *listed {
	t.Helper()
	plugins := strings.Join(append(before, `{"type": "vmtap", `+strings.TrimSuffix(`"x.y/z": 1, `+block, ", ")+`}`), ", ")
	list, err := libcni.NetworkConfFromBytes(fmt.Appendf(nil, `{"cniVersion": %q, "name": %q, "plugins": [%s]}`, version, network, plugins))
	if err != nil {
		t.Fatal(err)
	}
	l := &listed{t, n, list, &libcni.RuntimeConf{ContainerID: p.id, NetNS: p.Path(), IfName: "eth0"}}
	n.Do(func() { _, err = n.library().AddNetworkList(context.Background(), list, l.runtime) })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *listed) del() {
	l.t.Helper()
	var err error
	l.node.Do(func() { err = l.node.library().DelNetworkList(context.Background(), l.list, l.runtime) })
	if err != nil {
		l.t.Fatal(err)
	}
}

// name is how vmtapctl names the attachment.
func (l *listed) name() string { return l.runtime.ContainerID + "@" + l.runtime.IfName }

// hostLink is the name of its host link.
func (l *listed) hostLink() string { return l.node.link(l.t, l.name()).Name }

// wantLines demands an exit status and lines, in any order, each by how it begins; it returns what the errors are.
func wantLines(t *testing.T, cmd *netns.Cmd, wantStatus int, want ...string) (stderr string) {
	t.Helper()
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(string(out)), "\n"), func(line string) bool {
		return line == "" || strings.HasPrefix(line, "node: the kernel has no VRFs") // that is this kernel's
	})
	ok := len(lines) == len(want) && cmd.ProcessState.ExitCode() == wantStatus
	for _, w := range want {
		ok = ok && strings.Contains("\n"+string(out), "\n"+w)
	}
	if !ok {
		t.Errorf("status %d, want %d\n%s%s\nwant %s", cmd.ProcessState.ExitCode(), wantStatus, out, errs.String(), strings.Join(want, "\n"))
	}
	return errs.String()
}

// call is a call by hand for another interface of the attachment's container.
func (l *listed) call(ifName, conf string) cni.Call {
	return cni.Call{ContainerID: l.runtime.ContainerID, IfName: ifName, Netns: l.runtime.NetNS, Conf: conf}
}
