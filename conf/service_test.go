package conf

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestService: systemd takes the unit without a word, and finds little in it that an attacker could use.
func TestService(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	text, err := os.ReadFile("vmtapd.service")
	if err != nil {
		t.Fatal(err)
	}
	const program = "/usr/local/sbin/vmtapd"
	if !strings.Contains(string(text), "\nExecStart="+program+" -conf-dir /etc/cni/net.d\n") {
		t.Errorf("it does not start %s", program)
	}
	// A program must be there for systemd to be content.
	unit := filepath.Join(t.TempDir(), "vmtapd.service")
	if err := os.WriteFile(unit, []byte(strings.Replace(string(text), program, "/bin/true", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", unit).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("verify: %v\n%s", err, out)
	}
	const most = "25" // of 100; it wants the node's network, as root
	out, err = exec.Command("systemd-analyze", "security", "--offline=yes", "--threshold="+most, unit).CombinedOutput()
	if err != nil {
		t.Errorf("security: %v\n%s", err, out)
	}
}
