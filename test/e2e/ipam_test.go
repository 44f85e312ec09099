package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// newIPAMNode is a node with the reference IPAM plugins.
func newIPAMNode(t *testing.T) *node {
	t.Helper()
	wantsNoVRF(t)
	n := newNode(t)
	n.Plugin.Path = strings.Join([]string{filepath.Dir(n.Bin), cni.Reference(t, source, "host-local"), cni.Reference(t, source, "static")}, ":")
	return n
}

// onBridge is a block with a switch that vmtap makes and ipam.
func onBridge(bridge, ipam string) string {
	return fmt.Sprintf(`"switch": {"interface": %q, "create": true}, "ipam": %s`, bridge, ipam)
}

// pool is host-local's records of one test.
type pool struct{ dir string }

func newPool(t *testing.T) pool { return pool{t.TempDir()} }

// ipam is a block for host-local: a range "10.1.0.2-10.1.0.9/24" each, and
// more members.
func (p pool) ipam(more string, ranges ...string) string {
	var sets []string
	for _, r := range ranges {
		span, bits, _ := strings.Cut(r, "/")
		first, last, _ := strings.Cut(span, "-")
		subnet := netip.MustParsePrefix(first + "/" + bits).Masked()
		sets = append(sets, fmt.Sprintf(`[{"subnet": %q, "rangeStart": %q, "rangeEnd": %q}]`, subnet, first, last))
	}
	return fmt.Sprintf(`{"type": "host-local", "dataDir": %q, "ranges": [%s]%s}`, p.dir, strings.Join(sets, ", "), more)
}

// dual has eight addresses of each family.
func (p pool) dual() string {
	return p.ipam(`, "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]`, "10.1.0.2-10.1.0.9/24", "2001:db8::2-2001:db8::9/64")
}

// leases are the addresses that host-local holds for a network.
func (p pool) leases(t *testing.T, network string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(p.dir, network))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	all := []string{}
	for _, e := range entries {
		if name := e.Name(); name != "lock" && !strings.HasPrefix(name, "last_reserved_ip.") {
			all = append(all, strings.ReplaceAll(name, "_", ":"))
		}
	}
	slices.Sort(all)
	return all
}

// fake is an IPAM plugin that a test wrote. It notes each verb that it is asked
// for; $dir is its directory.
type fake struct{ dir string }

// newFake is a plugin named fake, a shell script, on the node's CNI_PATH.
func (n *node) newFake(t *testing.T, script string) fake {
	t.Helper()
	f := fake{t.TempDir()}
	text := fmt.Sprintf("#!/bin/sh\ndir=%q\nprintf '%%s ' $CNI_COMMAND >>$dir/verbs\n%s\n", f.dir, script)
	if err := os.WriteFile(filepath.Join(f.dir, "fake"), []byte(text), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	n.Plugin.Path = filepath.Dir(n.Bin) + ":" + f.dir
	return f
}

// fakeBlock is what a fake is delegated to by.
var fakeBlock = onBridge("bridge0", `{"type": "fake"}`)

// said is what a fake wrote to a file, "" if nothing.
func (f fake) said(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(f.dir, file))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// verbs are those that a fake was asked for since the last call.
func (f fake) verbs(t *testing.T) string {
	t.Helper()
	said := f.said(t, "verbs")
	if err := os.RemoveAll(filepath.Join(f.dir, "verbs")); err != nil {
		t.Fatal(err)
	}
	return said
}

// give is a script that gives an address at ADD and is content with all else.
const give = `[ $CNI_COMMAND = ADD ] && echo '{"cniVersion": "1.0.0", "ips": [{"address": "10.1.0.5/24", "gateway": "10.1.0.1"}]}'; exit 0`
