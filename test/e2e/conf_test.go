package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
)

// readExample returns a file in conf/. Where host-local is in it, it keeps its
// leases in a directory of the test's, and so are files for Kata.
func readExample(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(source, "conf", file))
	if err != nil {
		t.Fatal(err)
	}
	leased := strings.ReplaceAll(string(text), `"type": "host-local",`, fmt.Sprintf(`"type": "host-local", "dataDir": %q,`, t.TempDir()))
	return withOwnDANs(t, leased)
}

// withOwnDANs is a list that has files for Kata in a directory of the test's.
func withOwnDANs(t *testing.T, list string) string {
	t.Helper()
	return strings.ReplaceAll(list, `"dan": true`, fmt.Sprintf(`"dan": true, "dir": %q`, newDANDir(t).path))
}

// exampleBlock returns the one block of a file in conf/ as a runtime that knows
// no newer version passes it: with the list's name and version in it.
func exampleBlock(t *testing.T, file string) string {
	t.Helper()
	var list struct {
		Name       string
		CNIVersion string
		Plugins    []map[string]any
	}
	if err := json.Unmarshal([]byte(readExample(t, file)), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Plugins) != 1 {
		t.Fatalf("%s has %d plugins, want one", file, len(list.Plugins))
	}
	block := list.Plugins[0]
	block["name"], block["cniVersion"] = list.Name, list.CNIVersion
	text, err := json.Marshal(block)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestConf runs each example of conf/, as libcni does, in the versions that it
// has for old and new runtimes: ADD, CHECK, a guest that reaches its gateway,
// DEL. The second round leaves the node as the first did. Where tests are to be
// short there is none.
func TestConf(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(source, "conf/*.conflist"))
	if err != nil || len(files) < 8 {
		t.Fatalf("%d examples, %v", len(files), err)
	}
	for _, path := range files {
		file := filepath.Base(path)
		t.Run(file, func(t *testing.T) {
			newNode := newNode
			if strings.Contains(readExample(t, file), `"rdomain"`) {
				newNode = newVRFNode
			}
			n := newNode(t)
			noDAD(t, n.NS)
			text := readExample(t, file)
			if strings.Contains(text, `"switch": "br0"`) { // whose addresses are the gateways
				ipBatch(t, n.Run, "link add br0 type bridge\naddress add 10.1.0.1/24 dev br0\naddress add 2001:db8::1/64 dev br0 nodad\n")
			}
			old := regexp.MustCompile(`"cniVersions": .*\n`).ReplaceAllString(text, "")
			n.runExample(t, n.chainOf(t, text), "1.1.0")
			if testing.Short() {
				return
			}
			first := takeAll(t, n.NS)
			n.runExample(t, n.chainOf(t, old), "1.0.0")
			first.wantSame(t)
		})
	}
}

// runExample runs a pod's life in a network.
func (n *node) runExample(t *testing.T, c *chain, version string) {
	t.Helper()
	expect(t, "version", c.list.CNIVersion, version)
	p := n.newPod(t, "p")
	noDAD(t, p.NS)
	t.Run(version, func(t *testing.T) { // which ends with DEL
		a := c.add(t, p, nil) // and CHECK
		ping := a.pinger(t, p)
		for _, gateway := range gateways(a.guestConfig()) {
			wantReached(t, gateway.String(), true, ping(gateway.String(), true))
		}
		c.check(t, p, nil, "")
	})
	closeNS(t, p)
}

// TestTenants runs the examples of two tenants on one node, with VMs of
// conf/10-local.conflist beside them: same tenant, all is reached; others and
// the host are not. What is not a tenant's is in rdomain 0, with the host.
func TestTenants(t *testing.T) {
	n := newVRFNode(t)
	n.Run(t, "ip", "address", "add", hostAddr4+"/32", "dev", "lo")
	n.Run(t, "ip", "address", "add", hostAddr6+"/128", "dev", "lo", "nodad")
	host := []netip.Addr{netip.MustParseAddr(hostAddr4), netip.MustParseAddr(hostAddr6)}
	type vm struct {
		name, file string
		*guest.Guest
		config guest.Config
	}
	var all []vm
	for _, file := range []string{"10-local.conflist", "30-tenant-a.conflist", "31-tenant-b.conflist"} {
		block := exampleBlock(t, file)
		for i := range 2 {
			name := fmt.Sprint(file[:2], "-", i)
			p := n.newPod(t, name)
			a := p.add(t, "eth0", block)
			all = append(all, vm{name, file, a.boot(p), a.guestConfig()})
		}
	}
	for _, from := range all {
		for _, to := range all {
			if from.name == to.name {
				continue
			}
			t.Run(from.name+" to "+to.name, func(t *testing.T) {
				same := from.file == to.file
				mark := to.Mark()
				for _, dst := range append(addrs(to.config), gateways(to.config)...) {
					wantReached(t, fmt.Sprint("ping ", dst), same, from.Ping(dst, patience(same)))
				}
				if !same {
					wantNothing(t, to.Guest, mark, addrs(from.config)...)
				}
			})
		}
		t.Run(from.name+" to the host", func(t *testing.T) {
			inRDomain0 := from.file == "10-local.conflist"
			for _, dst := range host {
				wantReached(t, fmt.Sprint("ping ", dst), inRDomain0, from.Ping(dst, patience(inRDomain0)))
			}
		})
	}
	tenant := all[2]
	t.Run("the host", func(t *testing.T) {
		for _, dst := range addrs(tenant.config) {
			if n.Command("ping", "-n", "-c", "1", "-W", "1", dst.String()).Run() == nil {
				t.Errorf("ping %s from rdomain 0: answered", dst)
			}
			n.Run(t, "ip", "vrf", "exec", "rdomain10", "ping", "-n", "-c", "1", "-W", "5", dst.String())
		}
	})
	t.Run("a way out", func(t *testing.T) {
		outside := n.newPod(t, "outside")
		n.Run(t, "ip", "link", "add", "eth1", "type", "veth", "peer", "name", "eth0", "netns", outside.Path())
		// As docs/rdomains.md has it.
		ipBatch(t, n.Run, "link set eth1 master rdomain10\naddress add 192.0.2.1/24 dev eth1\n-6 address add 2001:db8::1/64 dev eth1 nodad\nlink set eth1 up\nroute add default via 192.0.2.254 vrf rdomain10\n-6 route add default via 2001:db8::254 vrf rdomain10\n")
		ipBatch(t, outside.Run, "address add 192.0.2.254/24 dev eth0\naddress add 2001:db8::254/64 dev eth0 nodad\naddress add "+outAddr4+"/32 dev lo\naddress add "+outAddr6+"/128 dev lo nodad\nlink set eth0 up\nroute add default via 192.0.2.1\n-6 route add default via 2001:db8::1\n")
		for _, from := range all {
			want := from.file == tenant.file
			for _, dst := range []string{outAddr4, outAddr6} {
				wantReached(t, from.name+" to "+dst, want, from.Ping(netip.MustParseAddr(dst), patience(want)))
			}
		}
	})
}
