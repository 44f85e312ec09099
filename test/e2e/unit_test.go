//go:build debian

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// unitReport is what a Debian does that is a node: it has vmtapd as "make install" puts it there, with a drop-in for metrics.
const unitReport = `say() { echo "guest: $*"; }
# await runs a command until it succeeds, for a minute at most.
await() {
	end=$(($(date +%s) + 60))
	while ! eval "$1" >/dev/null 2>&1; do
		[ "$(date +%s)" -le $end ] || { say "NOT SO: $1"; return 1; }
		sleep .2
	done
}
metrics() { bash -c 'exec 3<>/dev/tcp/127.0.0.1/9117 && printf "GET /%s HTTP/1.0\r\n\r\n" "$0" >&3 && sed "1,/^\r$/d" <&3' "$1"; }
vmtap() { CNI_COMMAND=$1 CNI_CONTAINERID=pod CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin /opt/cni/bin/vmtap; }
conf='{"cniVersion": "1.0.0", "name": "vmnet", "type": "vmtap", "device": "veth", "switch": {"interface": "bridge0", "create": true}, "local": true}'

systemctl daemon-reload && systemctl enable --now vmtapd
say "unit $(systemctl is-active vmtapd), $(systemctl is-enabled vmtapd)"
await '[ "$(metrics healthz)" = ok ]'
say "health $(metrics healthz)"

ip netns add pod
echo "$conf" | vmtap ADD >/dev/null && say "added"
address=$(ip netns exec pod ip -o -4 address show dev eth0 | sed 's/.*inet \([^/]*\).*/\1/')
ip netns exec pod ip address flush dev eth0 scope global
await 'ip netns exec pod busybox udhcpc -i eth0 -n -q -t 5 -T 1 -s /bin/true'
ip netns exec pod busybox udhcpc -i eth0 -n -q -t 60 -T 1 -s /bin/true 2>&1 | grep -q "lease of $address obtained" && say "answered"

# A gateway that lost its host link.
ip link delete "$(ip -o link show type veth | sed -n 's/^[0-9]*: \([^@:]*-if0\).*/\1/p')"
await 'metrics metrics | grep -q "^vmtap_repairs_total{kind=\"dead_gateway\"} 1$"'
await '! ip -o link show type veth | grep -q -- -gw0'
say "mended"

systemctl kill --signal=KILL --kill-who=all vmtapd
await '[ "$(systemctl show -P NRestarts vmtapd)" -ge 1 ] && [ "$(metrics healthz)" = ok ]'
say "restarted"
systemctl stop vmtapd
say "stopped: $(systemctl show -P Result vmtapd), lock $(stat -c %a /run/vmtap)"
journalctl -u vmtapd -o cat --no-pager | grep -E 'level=(ERROR|WARN)' | sed 's/^/guest: log: /'
journalctl -u vmtapd -o cat --no-pager | sed 's/^/log: /'
say ready
`

// TestDebianUnit: systemd as a node's first process starts vmtapd from its unit, which answers and mends under all that
// the unit takes from it, comes again when it was killed, and ends well.
func TestDebianUnit(t *testing.T) {
	files := t.TempDir()
	install := exec.Command("make", "-C", "../..", "install", "DESTDIR="+files)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("make install: %v\n%s", err, out)
	}
	for name, text := range map[string]string{
		"report": unitReport,
		"etc/systemd/system/vmtapd.service.d/metrics.conf": "[Service]\nExecStart=\nExecStart=/usr/local/sbin/vmtapd -metrics 127.0.0.1:9117\n",
		"etc/cni/net.d/10-vmnet.conflist":                  `{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "vmtap"}]}`,
	} {
		path := filepath.Join(files, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, path, text)
	}

	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(createConf))
	t.Setenv("VMTAP_GUEST", "debian")
	t.Setenv("VMTAP_GUEST_FILES", files)
	console := readyLinux(t, startLinux(t, p, a.guestConfig().LLAddr.String()))
	for _, want := range []string{"unit active, enabled", "health ok", "added", "answered", "mended", "restarted", "stopped: success, lock 700"} {
		wantLine(t, console, "guest: "+want)
	}
	for _, line := range console {
		if strings.HasPrefix(line, "guest: NOT SO") || strings.HasPrefix(line, "guest: log: ") {
			t.Error(line)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(console, "\n"))
	}
}
