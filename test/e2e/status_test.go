package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

func statusConf(block string) cni.Call {
	return cni.Call{Conf: strings.Replace(conf(block), "1.0.0", "1.1.0", 1)}
}

// TestStatus: no error where ADD could work, and nothing is changed.
func TestStatus(t *testing.T) {
	for _, block := range []string{"", createConf, `"switch": "br0"`} {
		t.Run(block, func(t *testing.T) {
			n := newNode(t)
			n.Run(t, "ip", "link", "add", "br0", "type", "bridge")
			before := takeAll(t, n.NS)
			if fault := n.Status(t, statusConf(block)); fault != nil {
				t.Errorf("STATUS: %s", fault)
			}
			before.wantSame(t)
		})
	}
}

// TestStatusNotAvailable: code 50 where no ADD could work.
func TestStatusNotAvailable(t *testing.T) {
	for _, c := range []struct {
		name, block, setup string
		words              []string
	}{
		{"bridge missing", `"switch": "br0"`, "", []string{"br0", "switch.create"}},
		{"not a bridge", `"switch": "lo"`, "", []string{"lo", "not a bridge"}},
		{"bridge with another mtu", `"switch": "br0", "mtu": 1400`, "link add br0 type bridge", []string{"1400", "1500"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			ipBatch(t, n.Run, c.setup)
			wantFault(t, n.Status(t, statusConf(c.block)), 50, c.words...)
		})
	}
}

// TestStatusOfFullBridge: /sys must show the plugin's namespace for it.
func TestStatusOfFullBridge(t *testing.T) {
	n := newNode(t)
	n.fillBridge(t)
	p := n.Wrap("unshare", "--mount", "sh", "-c", `mount -t sysfs sysfs /sys && exec "$0"`)
	wantFault(t, p.Status(t, statusConf(`"switch": "br0"`)), 50, "br0", "1023 ports")
	n.Run(t, "ip", "link", "set", "a0", "nomaster")
	if fault := p.Status(t, statusConf(`"switch": "br0"`)); fault != nil {
		t.Errorf("STATUS with one port free: %s", fault)
	}
}

// TestStatusOfBadConfiguration has the code that ADD would have.
func TestStatusOfBadConfiguration(t *testing.T) {
	n := newNode(t)
	wantFault(t, n.Status(t, statusConf(`"rdomian": 10`)), 2, "rdomian")
	wantFault(t, n.Status(t, statusConf(`"vlan": 5000`)), 7, "vlan")
}

// TestStatusOfRDomain: the rules count once there is a VRF; the kernel must
// know VRFs before.
func TestStatusOfRDomain(t *testing.T) {
	n := newNode(t)
	const block = `"rdomain": 10`
	fault := n.Status(t, statusConf(block))
	if !hasVRF(t, n) {
		wantFault(t, fault, 50, "no VRFs", "module vrf")
		return
	}
	if fault != nil {
		t.Fatalf("STATUS before the first VRF: %s", fault)
	}
	n = newNode(t)
	n.newPod(t, "p").add(t, "eth0", conf(block))
	before := takeAll(t, n.NS)
	if fault := n.Status(t, statusConf(block)); fault != nil {
		t.Errorf("STATUS: %s", fault)
	}
	before.wantSame(t)
	n.Run(t, "ip", "rule", "del", "pref", "1000")
	wantFault(t, n.Status(t, statusConf(block)), 50, "l3mdev rule of IPv4")
	if fault := n.Status(t, statusConf("")); fault != nil {
		t.Errorf("STATUS of a network in rdomain 0: %s", fault)
	}
}

// TestOldVersionsHaveNoGC: GC and STATUS exist since 1.1.0.
func TestOldVersionsHaveNoGC(t *testing.T) {
	n := newNode(t)
	for _, version := range []string{"0.3.0", "0.4.0", "1.0.0"} {
		c := cni.Call{Conf: strings.Replace(conf(""), "1.0.0", version, 1)}
		wantFault(t, n.GC(t, c), 1, "GC")
		wantFault(t, n.Status(t, c), 1, "STATUS")
	}
}

// fillBridge makes a bridge br0 with 1023 ports, a0 one of them.
func (n *node) fillBridge(t *testing.T) {
	t.Helper()
	var batch strings.Builder
	fmt.Fprintln(&batch, "link add br0 type bridge")
	for i := range 512 { // both ends are ports
		fmt.Fprintf(&batch, "link add a%d master br0 type veth peer name b%d\n", i, i)
		if i < 511 {
			fmt.Fprintf(&batch, "link set b%d master br0\n", i)
		}
	}
	n.RunInput(t, batch.String(), "ip", "-batch", "-")
}

// TestStatusWithoutClassifier: STATUS knows from the lists of modules that a
// kernel has no cls_bpf, though it may open few files by then.
func TestStatusWithoutClassifier(t *testing.T) {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	for module, lacking := range map[string]bool{"kernel/net/sched/cls_u32.ko": true, "kernel/net/sched/cls_bpf.ko": false} {
		dir := t.TempDir()
		lists := filepath.Join(dir, "modules", unix.ByteSliceToString(name.Release[:]))
		if err := os.MkdirAll(lists, 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(lists, "modules.builtin"), "")
		write(t, filepath.Join(lists, "modules.dep"), module+":\n")
		n := newNode(t)
		plugin := n.Wrap("unshare", "--mount", "sh", "-c",
			fmt.Sprintf(`mount -t tmpfs none /sys/module && mount -t overlay -o lowerdir=%s:/usr/lib none /usr/lib && exec "$0"`, dir))
		fault := plugin.Status(t, statusConf(createConf))
		switch {
		case lacking:
			wantFault(t, fault, 50, "cls_bpf")
		case fault != nil:
			t.Errorf("with %s: %s", module, fault)
		}
	}
}
