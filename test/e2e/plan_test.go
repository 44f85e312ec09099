package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/netns"
)

// plans runs vmtapctl plan with a configuration on a node, with no rights.
func (n *node) plans(t *testing.T, conf string, args ...string) *netns.Cmd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "net.conf")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return n.tool("vmtapctl", "", append([]string{"plan", path}, args...)...)
}

// TestPlan: what ADD will make is said before, and nothing is changed by that; what was said is then there.
func TestPlan(t *testing.T) {
	for i, block := range []string{
		"",
		createConf + `, "group": ["web"], "portIsolation": true`,
		`"placement": "host", ` + createConf,
		`"device": "veth", ` + createConf,
		`"up": false`,
	} {
		n := newNode(t)
		before := takeAll(t, n.NS)
		id := fmt.Sprint("p", i)
		out, err := n.plans(t, conf(block), "--container-id", id).Output()
		if err != nil {
			t.Fatalf("%s: %v", block, err)
		}
		before.wantSame(t, block)
		said := string(out)

		a := n.newPod(t, id).add(t, "eth0", conf(block))
		cfg := a.guestConfig()
		words := []string{
			"lladdr " + cfg.LLAddr.String(), "altname " + id + "@eth0\n", "VM " + id + ": ",
			"not known: the nftables table", "sysctl net.ipv4.ip_forward=1\n",
		}
		for _, addr := range addrs(cfg) {
			words = append(words, "# guest "+addr.String()+", host ")
		}
		wantWords(t, said, words...)
		// Each link that there is now was announced with its address, and each altname.
		for _, l := range links(t, n.NS) {
			if l.Name == "lo" {
				continue
			}
			wantWords(t, said, " "+l.Name+" ", " address "+l.Address+" mtu ")
			for _, name := range l.AltNames {
				wantWords(t, said, "ip link property add dev "+l.Name+" altname "+name+"\n")
			}
			for _, addr := range l.addrs() {
				wantWords(t, said, "ip address add "+addr)
			}
		}
		// The same once more is refused as ADD refuses it, and another VM gets the next number.
		out, err = n.plans(t, conf(block), "--container-id", id).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "it exists") {
			t.Errorf("%s, again: %v, %s", block, err, out)
		}
		shown := n.shownJSON(t, id)
		out, err = n.plans(t, conf(block), "--container-id", "q", "--args", "VMNAME="+id).Output()
		if err != nil {
			t.Fatal(err)
		}
		wantWords(t, string(out), fmt.Sprintf("vmid %d, since %d is taken, interface 0", shown[0].VMID+1, shown[0].VMID))
		out, err = n.plans(t, conf(block), "--container-id", "q", "--args", fmt.Sprint("VMID=", shown[0].VMID), "--vm", "x").CombinedOutput()
		if err == nil || !strings.HasPrefix(string(out), fmt.Sprintf("vmtapctl: claim vmid %d: ", shown[0].VMID)) {
			t.Errorf("%s, a vmid that is taken: %v, %s", block, err, out)
		}
	}
}

// TestPlanUnknown: what an earlier plugin or an IPAM plugin decides is said to be unknown.
func TestPlanUnknown(t *testing.T) {
	n := newNode(t)
	out, err := n.plans(t, conf(`"placement": "chained", "tap": {"name": "tap7"}`)).Output()
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, string(out), "not known: the addresses, lladdr and mtu of eth0", "pod: ip tuntap add tap7 mode tap")

	out, err = n.plans(t, conf(onBridge("bridge0", `{"type": "host-local"}`))).Output()
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, string(out), "not known: the addresses and routes that IPAM plugin host-local will give")

	list, err := json.Marshal(map[string]any{"cniVersion": "1.0.0", "name": "n", "plugins": []any{map[string]any{"type": "bridge"}}})
	if err != nil {
		t.Fatal(err)
	}
	cmd := n.tool("vmtapctl", "", "plan", "-")
	cmd.Stdin = strings.NewReader(string(list))
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "does not use vmtap") {
		t.Errorf("a network of another plugin's: %v, %s", err, out)
	}
	out, err = n.plans(t, conf(`"switch": "nosuch"`)).CombinedOutput()
	if err == nil || !strings.Contains(string(out), `find switch "nosuch"`) {
		t.Errorf("no switch: %v, %s", err, out)
	}
}
