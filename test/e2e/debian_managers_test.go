//go:build debian

package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/script"
)

// inDebian runs a script in a Debian whose root is $1, with the files in $2 and below in their places. What it writes
// is gone afterwards.
const inDebian = `
set -e
mount -t tmpfs tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o "lowerdir=$1,upperdir=/mnt/upper,workdir=/mnt/work" overlay /mnt/root
cd /mnt/root
mount -t sysfs sysfs sys
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount --bind /dev dev
[ -z "$2" ] || cp "$2/10-vmtap.link" usr/lib/systemd/network
[ -z "$2" ] || cp "$2/NetworkManager-vmtap.conf" usr/lib/NetworkManager/conf.d/vmtap.conf
`

// TestDebianLeaves: Debian's udev gives vmtap's links no other address, and its NetworkManager does not take them, with the
// files of conf/network. Both do without, and in any case what they do with links of others. make e2e-debian runs it.
func TestDebianLeaves(t *testing.T) {
	root := script.Output(t, source, "hack/guest/debian.sh")
	files, err := filepath.Abs(source + "/conf/network")
	if err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"alone": "", "with conf/network": files} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			a := n.newPod(t, "p").add(t, "eth0", localConf)
			n.Run(t, "ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1")
			n.Run(t, "ip", "link", "set", "other0", "up")
			n.Run(t, "ip", "link", "set", "other1", "up")
			in := func(script string) string {
				return n.Run(t, "unshare", "--mount", "--pid", "--fork", "sh", "-c", inDebian+script, "sh", root, dir, a.hostLink())
			}
			for link, ours := range map[string]bool{a.hostLink(): true, "other0": false} {
				said := in("chroot . udevadm test-builtin net_setup_link /sys/class/net/" + link + " 2>&1")
				if applied := strings.Contains(said, "10-vmtap.link is applied"); applied != (ours && dir != "") {
					t.Errorf("udev applies it to %s: %t\n%s", link, applied, said)
				}
			}
			said := in(`
mkdir run/dbus
mount -o remount,bind,ro sys
chroot . dbus-daemon --system --fork --nopidfile
chroot . NetworkManager -n >log 2>&1 &
for i in $(seq 100); do
	state=$(chroot . nmcli -t -f DEVICE,STATE device 2>/dev/null || true)
	case $state in *other0:connect*) break ;; esac
	sleep 0.2
done
echo "$state"
`)
			if !strings.Contains(said, "other0:connect") {
				t.Errorf("NetworkManager does not take other0: %s", said)
			}
			if left := strings.Contains(said, a.hostLink()+":unmanaged"); left != (dir != "") {
				t.Errorf("NetworkManager leaves %s: %t\n%s", a.hostLink(), left, said)
			}
			if fault := n.Check(t, a.call); dir != "" && fault != nil {
				t.Errorf("CHECK: %s", fault)
			}
		})
	}
}
