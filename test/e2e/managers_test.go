package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// networkdScript runs systemd-networkd for a while, with the configurations in $1. It is told that there is no udev by a
// read-only /sys.
const networkdScript = `
set -e
mount -t tmpfs tmpfs /run
mount -t sysfs sysfs /sys
mount -o remount,ro /sys
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R systemd-network:systemd-network /run/systemd/netif
cp -r "$1"/. /run/systemd
exec /lib/systemd/systemd-networkd
`

// TestNetworkd: systemd-networkd, which was told to give an address to each link, leaves vmtap's alone with the files of
// conf/network, and does not without.
func TestNetworkd(t *testing.T) {
	wantsNoVRF(t)
	if _, err := os.Stat("/lib/systemd/systemd-networkd"); err != nil {
		t.Skip("there is no systemd-networkd here")
	}
	if err := exec.Command("id", "systemd-network").Run(); err != nil {
		t.Skip("there is no user systemd-network here")
	}
	for name, ours := range map[string]bool{"alone": false, "with conf/network": true} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			n.Run(t, "ip", "link", "add", "other0", "type", "bridge")
			n.Run(t, "ip", "link", "set", "other0", "up")
			a := n.newPod(t, "p").add(t, "eth0", localConf)
			dir := t.TempDir()
			files := map[string]string{"network/50-all.network": "[Match]\nName=*\n[Network]\nAddress=192.0.2.9/24\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"}
			if ours {
				files["network/10-vmtap.network"] = sourceFile(t, "conf/network/10-vmtap.network")
				files["networkd.conf.d/vmtap.conf"] = sourceFile(t, "conf/network/networkd-vmtap.conf")
			}
			for name, text := range files {
				if err := os.MkdirAll(dir+"/"+name[:strings.IndexByte(name, '/')], 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, dir+"/"+name, text)
				if err := os.Chmod(dir+"/"+name, 0o644); err != nil { // it reads them as another user
					t.Fatal(err)
				}
			}
			log := &syncBuffer{}
			cmd := n.Command("unshare", "--mount", "sh", "-c", networkdScript, "sh", dir)
			cmd.Stdout, cmd.Stderr = log, log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_ = cmd.Process.Kill() // it does not end by itself
				_ = cmd.Wait()
				if t.Failed() {
					t.Logf("systemd-networkd:\n%s", log)
				}
			})
			touched := func(name string) bool {
				return strings.Contains(strings.Join(n.link(t, name).addrs(), " "), "192.0.2.9/24")
			}
			// Links are configured in the order of their names' arrival, so it has looked at all when it has said so.
			waitFor(t, "the other link to be configured", func() bool { return touched("other0") })
			waitFor(t, "all to be looked at", func() bool { return strings.Contains(log.String(), "Enumeration completed") })
			if !ours {
				waitFor(t, "vmtap's link to be configured", func() bool { return touched(a.hostLink()) })
				return
			}
			if touched(a.hostLink()) || strings.Contains(log.String(), a.hostLink()+": Configuring") {
				t.Error("vmtap's link was configured")
			}
			if fault := n.Check(t, a.call); fault != nil {
				t.Errorf("CHECK: %s", fault)
			}
			for _, word := range []string{"Unknown", "ignoring", "Failed to parse"} {
				if strings.Contains(log.String(), word) {
					t.Errorf("it says %q", word)
				}
			}
		})
	}
}
