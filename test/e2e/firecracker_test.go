package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	types100 "github.com/containernetworking/cni/pkg/types/100"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/guest"
)

// staticConf is what firecracker-go-sdk's cni/vmconf makes of a result, by its rules
// (StaticNetworkConfFrom and IPBootParam of commit 6fb280e993d4, and VMTapPair and
// InterfaceIPs, which they use). The module could not be had from the module proxy, so
// this is not it.
type staticConf struct {
	tap, netns  string
	mac         string
	ip          *types100.IPConfig
	routes      []*types.Route
	nameservers []string
}

func staticConfFrom(t *testing.T, result types.Result, containerID string) staticConf {
	t.Helper()
	r, err := types100.NewResultFromResult(result)
	if err != nil {
		t.Fatal(err)
	}
	var vms, taps []*types100.Interface
	for _, i := range r.Interfaces {
		if i.Sandbox == containerID {
			vms = append(vms, i)
		}
	}
	if len(vms) != 1 {
		t.Fatalf("%d interfaces in sandbox %s, want 1", len(vms), containerID)
	}
	for _, i := range r.Interfaces {
		if i.Sandbox != containerID && i.Name == vms[0].Name {
			taps = append(taps, i)
		}
	}
	if len(taps) != 1 {
		t.Fatalf("%d taps of name %s, want 1", len(taps), vms[0].Name)
	}
	var ips []*types100.IPConfig
	for _, ip := range r.IPs {
		if ip.Interface == nil {
			continue
		}
		// As there: an index that is no interface's would be a panic.
		if i := r.Interfaces[*ip.Interface]; i.Name == vms[0].Name && i.Sandbox == vms[0].Sandbox {
			ips = append(ips, ip)
		}
	}
	if len(ips) != 1 {
		t.Fatalf("%d addresses of the VM's interface, want 1", len(ips))
	}
	return staticConf{taps[0].Name, taps[0].Sandbox, vms[0].Mac, ips[0], r.Routes, r.DNS.Nameservers}
}

// bootParam is the kernel's ip=, as IPBootParam has it.
func (c staticConf) bootParam() string {
	m := c.ip.Address.Mask // dotted; of a longer one the first four bytes would be taken
	nameservers := append(append([]string{}, c.nameservers...), "", "")
	return "ip=" + strings.Join([]string{
		c.ip.Address.IP.String(), "", c.ip.Gateway.String(), fmt.Sprintf("%d.%d.%d.%d", m[0], m[1], m[2], m[3]), "", "", "off", nameservers[0], nameservers[1], "",
	}, ":")
}

// withDNS are name servers, of which ip= has a place for the first two.
const withDNS = `, "dns": {"nameservers": ["192.0.2.53", "192.0.2.54", "2001:db8::53"]}`

// TestFirecrackerSDK does what firecracker-go-sdk does with a network: DEL of what an earlier VM of
// the name left, ADD, and of the result the tap, the guest's address, its gateway and the
// name servers. The tap opens as Firecracker opens it, and a guest that has no more than
// that reaches its gateway. Both families are there, and only the first is read.
func TestFirecrackerSDK(t *testing.T) {
	wantsNoVRF(t)
	for _, c := range []struct{ name, list, tap, ip string }{
		{
			"pod", `{"type": "vmtap", ` + createConf + `, "tap": {"uid": 107, "gid": 107}` + withDNS + `}`, "eth0",
			"ip=GUEST::GATEWAY:255.255.255.254:::off:192.0.2.53:192.0.2.54:",
		},
		{"pod, no switch", `{"type": "vmtap", "tap": {"uid": 107, "gid": 107}}`, "eth0", "ip=GUEST::GATEWAY:255.255.255.254:::off:::"},
		{"chained", ptpBlock + `, {"type": "vmtap", "placement": "chained", "tap": {"uid": 107, "gid": 107}}`, "tap0", "ip=10.9.0.2::10.9.0.1:255.255.255.0:::off:::"},
	} {
		for _, version := range []string{"0.4.0", "1.0.0"} {
			t.Run(c.name+", "+version, func(t *testing.T) {
				n := newNode(t)
				p := n.newPod(t, "p")
				noDAD(t, n.NS, p.NS)
				list := strings.ReplaceAll(c.list, "DATADIR", t.TempDir())
				net := n.newChain(t, version, list)
				args := &libcni.RuntimeConf{ContainerID: "my-vm", NetNS: p.Path(), IfName: "eth0", Args: [][2]string{{"IgnoreUnknown", "true"}, {"TC_REDIRECT_TAP_UID", "123"}}}
				before := takeAll(t, n.NS, p.NS)
				if err := net.cni.DelNetworkList(t.Context(), net.list, args); err != nil {
					t.Fatalf("DEL before: %v", err)
				}
				before.wantSame(t)
				r, err := net.cni.AddNetworkList(t.Context(), net.list, args)
				if err != nil {
					t.Fatal(err)
				}
				sdk := staticConfFrom(t, r, "my-vm")
				expect(t, "tap", sdk.tap, c.tap)
				expect(t, "namespace", sdk.netns, p.Path())
				expect(t, "mtu of the tap", p.link(t, sdk.tap).MTU, 1500)
				want := strings.NewReplacer("GUEST", sdk.ip.Address.IP.String(), "GATEWAY", sdk.ip.Gateway.String()).Replace(c.ip)
				expect(t, "boot parameter", sdk.bootParam(), want)

				fd, err := openAs(p.NS, sdk.tap, 107, 107, 0)
				if err != nil {
					t.Fatalf("open as Firecracker does: %v", err)
				}
				if err := unix.Close(fd); err != nil {
					t.Fatal(err)
				}
				ones, _ := sdk.ip.Address.Mask.Size()
				addr, _ := netip.AddrFromSlice(sdk.ip.Address.IP)
				gateway, _ := netip.AddrFromSlice(sdk.ip.Gateway)
				vm := guest.Open(t, p.NS, sdk.tap, guest.Config{LLAddr: guest.ParseMAC(sdk.mac), Addr4: netip.PrefixFrom(addr.Unmap(), ones), Gateway4: gateway.Unmap()})
				if err := vm.Ping(gateway.Unmap(), answered); err != nil {
					t.Error(err)
				}
				if err := vm.Close(); err != nil {
					t.Error(err)
				}
				for range 2 { // at the end, and by the next VM of the name
					if err := net.cni.DelNetworkList(context.WithoutCancel(t.Context()), net.list, args); err != nil {
						t.Errorf("DEL: %v", err)
					}
				}
				n.noLinksOf(t, p)
			})
		}
	}
}

// ptpBlock is ptp with both families, as people have it before tc-redirect-tap.
const ptpBlock = `{"type": "ptp", "ipMasq": true, "ipam": {"type": "host-local", "dataDir": "DATADIR",
	"ranges": [[{"subnet": "10.9.0.0/24"}], [{"subnet": "fd09::/64"}]], "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]}}`

// TestFirecrackerBoot boots Linux in QEMU with the kernel's ip= that the SDK makes of the
// result, and nothing else. It has the address and the default route, and reaches its
// gateway. Debian's kernel leaves ip= to its initramfs, whose ipconfig the guest has.
func TestFirecrackerBoot(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	p := n.newPod(t, "p")
	stdout, fault := n.Add(t, p.call("eth0", conf(createConf+withDNS)))
	if fault != nil {
		t.Fatal(fault)
	}
	r, err := types100.NewResult(stdout)
	if err != nil {
		t.Fatal(err)
	}
	sdk := staticConfFrom(t, r, "p")
	gateway := sdk.ip.Gateway.String()
	console := readyLinux(t, startLinux(t, p, sdk.mac, sdk.bootParam(), "vmtap.ping="+gateway))
	wantLine(t, console, "guest: eth0 was told address "+sdk.ip.Address.String())
	wantLine(t, console, "guest: was told default route via "+gateway)
	wantLine(t, console, "guest: was told name server 192.0.2.54")
	wantLine(t, console, "guest: ping "+gateway+": answers")
	n.ping(t, sdk.ip.Address.IP.String())
}
