package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// TestListNamesSchema: the CNI library passes over the key with which a list
// names its JSON schema, and the plugin gets none of it.
func TestListNamesSchema(t *testing.T) {
	wantsNoVRF(t)
	cnitool, err := exec.Command("../../hack/gotool.sh", "cnitool").Output()
	if err != nil {
		t.Fatalf("cnitool: %v", err)
	}
	n := newNode(t)
	p := n.newPod(t, "p")
	dir := t.TempDir() // with lists, and what the library keeps
	list := `{"$schema": "vmtap.schema.json", "cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "vmtap"}]}`
	if err := os.WriteFile(filepath.Join(dir, "10-vmnet.conflist"), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(verb string) string {
		return n.Run(t, "unshare", "--mount", "sh", "-ec", `mount --bind "$1" /var/lib; NETCONFPATH=$1 CNI_PATH=$2 exec "$3" "$4" vmnet "$5"`,
			"sh", dir, filepath.Dir(cni.Build(t)), strings.TrimSpace(string(cnitool)), verb, p.Path())
	}
	if result := run("add"); !strings.Contains(result, `"sandbox": "`+p.Path()) {
		t.Errorf("ADD answered %s", result)
	}
	run("check")
	run("del")
	n.noVMLinks(t)
	p.onlyLoopback(t)
}
