package config

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// checkError fails unless err is an *Error whose message is one printable
// line of sensible length.
func checkError(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code == 0 {
		t.Fatalf("%v: no *Error with a code", err)
	}
	message := err.Error()
	if message == "" || len(message) > 1000 {
		t.Errorf("message of %d bytes: %s", len(message), message)
	}
	if i := strings.IndexFunc(message, func(r rune) bool { return !strconv.IsPrint(r) }); i >= 0 {
		t.Errorf("message with an unprintable character at %d: %q", i, message)
	}
}

// FuzzParse holds whatever comes in to what Request promises.
func FuzzParse(f *testing.F) {
	for _, members := range []string{
		``,
		`"switch": {"interface": "br0", "create": true, "mtu": 1500, "group": "vms"}, "local": {"prefix": "10.0.0.0/24", "bits": 4, "prefix6": "auto"}`,
		`"group": ["web", "db"], "groups": {"web": 1}, "vmid": {"range": "1-9"}, "routes": [{"dst": "10.0.0.0/8", "gw": "10.0.0.1"}], "dns": {"nameservers": ["::1"]}`,
		`"switch.rdomain": 1, "allow": {"vmid": "1-5,7", "name": false}, "tap": {"uid": 1, "gid": 2}`,
		`"guard": {"addresses": ["::1"]}, "vlanTrunk": [{"id": 5}], "hostAccess": ["tcp/1"], "ipam": {"type": "x"}`,
		annotations("vmid=7", "group=a,b", "switch=br1", "lladdr=02:00:00:00:00:01", "rdomain=1", "multiqueue=true"),
		cniArgsOf(`"vmid": 7, "name": "a", "group": ["b"], "switch": "br1"`),
		`"cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}, null], "cni.dev/attachments": null`,
		`"capabilities": {"mac": true, "ips": true}, "runtimeConfig": {"Mac": "02:00:00:00:00:01", "IPs": ["10.0.0.1"]}, "prevResult": {}`,
	} {
		in := input(members, "")
		f.Add(in.Stdin, in.ContainerID, in.IfName, inPod+";VMID=7;VMNAME=a")
		f.Add(in.Stdin, in.ContainerID, in.IfName, "")
	}
	f.Fuzz(func(t *testing.T, stdin []byte, containerID, ifName, args string) {
		in := Input{
			Stdin: stdin, ContainerID: containerID, IfName: ifName, Args: args,
			MachineID: func() (string, error) { return "4a1f0ac5a2b14c2e8d6c5b7a90e1f233", nil },
		}
		a, attachmentErr := ParseAttachment(in)
		if attachmentErr != nil {
			checkError(t, attachmentErr)
		}
		if _, err := ParseCollection(in); err != nil {
			checkError(t, err)
		}
		if _, err := ParseNetwork(in); err != nil {
			checkError(t, err)
		}
		r, err := Parse(in)
		if err != nil {
			checkError(t, err)
			return
		}
		if attachmentErr != nil || a != (Attachment{Network: r.Network, ContainerID: r.ContainerID, IfName: r.IfName, Netns: r.Netns, IPAM: r.IPAM}) || !a.Possible() {
			t.Errorf("DEL would not find this: %+v, %v", a, attachmentErr)
		}
		checkRequest(t, r)
	})
}

func checkRequest(t *testing.T, r Request) {
	t.Helper()
	hold := func(ok bool, what string) {
		t.Helper()
		if !ok {
			t.Errorf("%s: %+v", what, r)
		}
	}
	hold(slices.Contains(Versions(), r.CNIVersion), "cniVersion")
	hold(r.Network != "" && len(r.Network) <= 100, "network")
	hold(r.ContainerID != "" && len(r.ContainerID) <= 96, "container id")
	hold(r.IfName != "" && len(r.IfName) <= 15, "interface")
	hold(r.VMName != "" && len(r.VMName) <= 512, "VM name")
	hold(r.Switch != nil || r.Local != nil, "connected to something")
	hold(1 <= r.VMID.Min && r.VMID.Min <= r.VMID.Max, "range")
	hold(r.VMID.Requested == 0 || r.VMID.Min <= r.VMID.Requested && r.VMID.Requested <= r.VMID.Max, "vmid within range")
	hold(r.MTU == 0 || 68 <= r.MTU && r.MTU <= 65521, "mtu")
	if r.IPAM != "" {
		hold(r.Switch != nil && r.Local == nil, "ipam has its place")
	}
	if r.Local != nil {
		hold(r.VMID.Max <= r.Local.Scheme.Max(), "range within scheme")
		for _, id := range []uint32{r.VMID.Min, r.VMID.Max} {
			_, err := r.Local.Scheme.Addrs(id, 0)
			hold(err == nil, "the range has addresses")
		}
		hold(r.MTU == 0 || r.MTU >= 1280 || !r.Local.Scheme.Prefix6().IsValid(), "mtu for IPv6")
	}
	if r.Switch != nil {
		hold(r.Switch.Interface != "" && len(r.Switch.Interface) <= 15, "switch.interface")
		hold(r.Switch.Name != "", "switch.name")
		hold(r.Switch.MTU == 0 || r.Switch.Create, "switch.mtu")
		hold(r.Switch.Group == "" || slices.Contains(r.Groups, r.Switch.Group), "switch.group")
	}
	hold(len(r.Groups) <= 32, "number of groups")
	for i, g := range r.Groups {
		_, err := parseGroup(g)
		hold(err == nil && !slices.Contains(r.Groups[:i], g), "group "+g)
	}
	hold(r.LinkGroup < 1<<24, "link group")
	hold(r.Tap.HasUID || r.Tap.HasGID, "the tap has an owner")
	for _, route := range r.Routes {
		hold(route.Dst.IsValid() && route.Dst == route.Dst.Masked(), "route's dst")
		hold(!route.GW.IsValid() || route.GW.Is4() == route.Dst.Addr().Is4(), "route's gw")
	}
}
