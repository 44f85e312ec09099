package config

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Each key with a good value changes what it says, and nothing else.
func TestParseAccepts(t *testing.T) {
	bridge := func(r *Request) {
		r.Local = nil
		r.Switch = &Switch{Interface: "br0", Name: "br0", Up: true}
		unguarded(r)
	}
	nothing := func(*Request) {}
	tests := []struct {
		name, members string
		change        func(*Request)
	}{
		{"nothing", ``, nothing},

		{"switch, a name", `"switch": "br0"`, bridge},
		{"switch, an object", `"switch": {"interface": "br0"}`, bridge},
		{"switch with local true", `"switch": "br0", "local": true`, func(r *Request) { r.Switch = &Switch{Interface: "br0", Name: "br0", Up: true} }},
		{"switch with local false", `"switch": "br0", "local": false`, bridge},
		{"switch.interface, 15 characters", `"switch": "abcdefghijklmno"`, func(r *Request) { bridge(r); r.Switch.Interface = "abcdefghijklmno"; r.Switch.Name = "abcdefghijklmno" }},
		{"switch.name", `"switch": {"interface": "br0", "name": "Rack 3 ÿ"}`, func(r *Request) { bridge(r); r.Switch.Name = "Rack 3 ÿ" }},
		{"switch.id, highest", `"switch": {"interface": "br0", "id": 4294967295}`, func(r *Request) { bridge(r); r.Switch.ID = 4294967295 }},
		{"switch.create", `"switch": {"interface": "br0", "create": true}`, func(r *Request) { bridge(r); r.Switch.Create = true }},
		{"switch.up", `"switch": {"interface": "br0", "up": false}`, func(r *Request) { bridge(r); r.Switch.Up = false }},
		{"switch.mtu", `"switch": {"interface": "br0", "create": true, "mtu": 9000}`, func(r *Request) { bridge(r); r.Switch.Create = true; r.Switch.MTU = 9000 }},
		{"switch.mtu below IPv6's without IPv6", `"switch": {"interface": "br0", "create": true, "mtu": 68}`, func(r *Request) { bridge(r); r.Switch.Create = true; r.Switch.MTU = 68 }},
		{"switch.group", `"switch": {"interface": "br0", "group": "vms"}`, func(r *Request) { bridge(r); r.Switch.Group = "vms"; r.Groups = []string{"vms"} }},
		{"switch.rdomain 0", `"switch": {"interface": "br0", "rdomain": 0}`, bridge},
		{"switch.rdomain is the interface's", `"switch": {"interface": "br0", "rdomain": 10}`, func(r *Request) { bridge(r); r.Switch.RDomain = 10; r.RDomain = 10 }},
		{"rdomain, highest", `"rdomain": 99999999`, func(r *Request) { r.RDomain = 99999999 }},
		{"rdomain differs from the switch's", `"switch": {"interface": "br0", "rdomain": 10}, "local": true, "rdomain": 20`, func(r *Request) {
			r.Switch = &Switch{Interface: "br0", Name: "br0", Up: true, RDomain: 10}
			r.RDomain = 20
		}},
		{"rdomain 0 counts", `"switch": {"interface": "br0", "rdomain": 10}, "local": true, "rdomain": 0`, func(r *Request) {
			r.Switch = &Switch{Interface: "br0", Name: "br0", Up: true, RDomain: 10}
		}},
		{"rdomain of what is not local is the switch's", `"switch": {"interface": "br0", "rdomain": 10}, "rdomain": 10`, func(r *Request) { bridge(r); r.Switch.RDomain = 10; r.RDomain = 10 }},
		{"rdomains, empty", `"rdomains": {}`, nothing},
		{"rdomains", `"rdomains": {"tableBase": 0, "moveLocalRule": true}, "rdomain": 252`, func(r *Request) { r.RDomains = RDomains{MoveLocalRule: true}; r.RDomain = 252 }},
		{"rdomains, highest table", `"rdomains": {"tableBase": 4194967296}, "rdomain": 99999999`, func(r *Request) { r.RDomains = RDomains{TableBase: 4194967296}; r.RDomain = 99999999 }},
		{"rdomain 0 has no table", `"rdomains": {"tableBase": 254}`, func(r *Request) { r.RDomains.TableBase = 254 }},

		{"local true", `"local": true`, nothing},
		{"local, empty", `"local": {}`, nothing},
		{"local.prefix", `"local": {"prefix": "10.0.0.0/16"}`, func(r *Request) { r.Local = local("10.0.0.0/16", "fd00::/8", 8); r.VMID.Max = 255 }},
		{"local.bits", `"local": {"prefix": "10.0.0.0/24", "bits": 4}`, func(r *Request) { r.Local = local("10.0.0.0/24", "fd00::/8", 4); r.VMID.Max = 15 }},
		{"local.inet6 false", `"local": {"inet6": false}`, func(r *Request) { r.Local = local("100.64.0.0/10", "", 8) }},
		{"local.prefix6", `"local": {"prefix6": "fd12:3456::/32"}`, func(r *Request) { r.Local = local("100.64.0.0/10", "fd12:3456::/32", 8) }},
		{"local.prefix6 auto", `"local": {"prefix6": "auto"}`, func(r *Request) {
			r.Local = local("100.64.0.0/10", vmid.AutoPrefix6("4a1f0ac5a2b14c2e8d6c5b7a90e1f233").String(), 8)
		}},

		{"group, one", `"group": "web"`, func(r *Request) { r.Groups = []string{"web"} }},
		{"group, several with doubles", `"group": ["web", "db", "web"]`, func(r *Request) { r.Groups = []string{"web", "db"} }},
		{"group, none", `"group": []`, nothing},
		{"group, 15 characters", `"group": "9bcdefg_-ijklmn"`, func(r *Request) { r.Groups = []string{"9bcdefg_-ijklmn"} }},
		{"group, the switch's comes last", `"group": ["web", "db"], "switch": {"interface": "br0", "group": "vms"}`, func(r *Request) { bridge(r); r.Switch.Group = "vms"; r.Groups = []string{"web", "db", "vms"} }},
		{"group, the switch's once more", `"group": ["vms", "db"], "switch": {"interface": "br0", "group": "vms"}`, func(r *Request) { bridge(r); r.Switch.Group = "vms"; r.Groups = []string{"vms", "db"} }},
		{"group, 32", `"group": ` + groupList(32), func(r *Request) { r.Groups = strings.Split(groupNames(32), ",") }},
		{"groups, first of the interface's that has a number", `"group": ["web", "db", "vms"], "groups": {"vms": 1, "db": 16777215}`, func(r *Request) { r.Groups = []string{"web", "db", "vms"}; r.LinkGroup = 16777215 }},
		{"groups, none of the interface's", `"group": "web", "groups": {"db": 7}`, func(r *Request) { r.Groups = []string{"web"} }},

		{"lladdr", `"lladdr": "02:00:00:00:00:0A"`, func(r *Request) { r.LLAddr = lladdr("02:00:00:00:00:0a") }},
		{"up", `"up": false`, func(r *Request) { r.Up = false }},
		{"mtu, lowest with IPv6", `"mtu": 1280`, func(r *Request) { r.MTU = 1280 }},
		{"mtu, lowest", `"mtu": 68, "local": {"inet6": false}`, func(r *Request) { r.MTU = 68; r.Local = local("100.64.0.0/10", "", 8) }},
		{"mtu, highest", `"mtu": 65521`, func(r *Request) { r.MTU = 65521 }},
		{"mtu like the bridge's", `"mtu": 1400, "switch": {"interface": "br0", "create": true, "mtu": 1400}`, func(r *Request) { bridge(r); r.MTU = 1400; r.Switch.Create = true; r.Switch.MTU = 1400 }},
		{"forward", `"forward": false`, func(r *Request) { r.Forward = false }},

		{"tap, empty", `"tap": {}`, nothing},
		{"tap.uid", `"tap": {"uid": 107}`, func(r *Request) { r.Tap.UID = 107 }},
		{"tap.uid, highest", `"tap": {"uid": 4294967294}`, func(r *Request) { r.Tap.UID = 4294967294 }},
		{"tap.gid alone", `"tap": {"gid": 107}`, func(r *Request) { r.Tap = Tap{GID: 107, HasGID: true, VnetHdr: true} }},
		{"tap.gid 0 alone", `"tap": {"gid": 0}`, func(r *Request) { r.Tap = Tap{HasGID: true, VnetHdr: true} }},
		{"tap.uid and gid", `"tap": {"uid": 0, "gid": 107}`, func(r *Request) { r.Tap.GID = 107; r.Tap.HasGID = true }},
		{"tap.vnetHdr", `"tap": {"vnetHdr": false}`, func(r *Request) { r.Tap.VnetHdr = false }},
		{"tap.multiQueue", `"tap": {"multiQueue": true}`, func(r *Request) { r.Tap.MultiQueue = true }},

		{"vmid.range", `"vmid": {"range": "10-20"}`, func(r *Request) { r.VMID.Min = 10; r.VMID.Max = 20 }},
		{"vmid.range, one", `"vmid": {"range": "7"}`, func(r *Request) { r.VMID.Min = 7; r.VMID.Max = 7 }},
		{"vmid.range, all of the prefix", `"vmid": {"range": "1-16383"}`, nothing},
		{"vmid.range, not local", `"vmid": {"range": "16384-9999999"}, "switch": "br0"`, func(r *Request) { bridge(r); r.VMID.Min = 16384; r.VMID.Max = vmid.MaxID }},
		{"vmid.probe", `"vmid": {"probe": false}`, func(r *Request) { r.VMID.Probe = false }},

		{"routes", `"routes": [{"dst": "10.0.0.0/8", "gw": "100.64.0.9", "mtu": 1400, "advmss": 1300, "priority": 50}, {"dst": "fd01::/16"}]`, func(r *Request) {
			r.Routes = []Route{
				{Dst: netip.MustParsePrefix("10.0.0.0/8"), GW: netip.MustParseAddr("100.64.0.9"), MTU: 1400, AdvMSS: 1300, Priority: 50},
				{Dst: netip.MustParsePrefix("fd01::/16")},
			}
		}},
		{"routes with gw, not local", `"switch": "br0", "routes": [{"dst": "0.0.0.0/0", "gw": "10.0.0.1"}]`, func(r *Request) {
			bridge(r)
			r.Routes = []Route{{Dst: netip.MustParsePrefix("0.0.0.0/0"), GW: netip.MustParseAddr("10.0.0.1")}}
		}},
		{"ipam", `"switch": "br0", "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24"}]], "x": 1}`, func(r *Request) { bridge(r); r.IPAM = "host-local"; guarded(r) }},
		{"ipam, not local", `"switch": "br0", "local": false, "ipam": {"type": "static"}`, func(r *Request) { bridge(r); r.IPAM = "static"; guarded(r) }},
		{"ipam's gateway for routes", `"switch": "br0", "ipam": {"type": "static"}, "routes": [{"dst": "10.0.0.0/8"}]`, func(r *Request) {
			bridge(r)
			r.IPAM = "static"
			guarded(r)
			r.Routes = []Route{{Dst: netip.MustParsePrefix("10.0.0.0/8")}}
		}},
		{"ipam and requested addresses", `"switch": "br0", "ipam": {"type": "static"}, "capabilities": {"ips": true}, "runtimeConfig": {"ips": ["10.1.0.5/24"]}`, func(r *Request) {
			bridge(r)
			r.IPAM = "static"
			guarded(r)
			r.IPs = []netip.Prefix{netip.MustParsePrefix("10.1.0.5/24")}
		}},
		{"dns", `"dns": {"nameservers": ["10.0.0.53", "FD00::53"], "domain": "example.org", "search": ["a.example", "b.example"], "options": ["ndots:5"]}`, func(r *Request) {
			r.DNS = DNS{Nameservers: []string{"10.0.0.53", "FD00::53"}, Domain: "example.org", Search: []string{"a.example", "b.example"}, Options: []string{"ndots:5"}}
		}},
		{"dns, empty", `"dns": {}`, nothing},

		{"allow", `"allow": {"vmid": "1-255, 300", "rdomain": [0, 10], "group": ["web"], "lladdr": true, "switch": ["br1"], "name": false}`, nothing},
		{"allow, one of each", `"allow": {"vmid": "5", "group": "web", "switch": "br1"}`, nothing},

		{"prevResult", `"prevResult" : { "ips": [ ] }, "mtu": 1500`, func(r *Request) { r.PrevResult = []byte(`{ "ips": [ ] }`); r.MTU = 1500 }},
		{"prevResult null", `"prevResult": null`, nothing},
		{"libcni's and runtimes' keys", `"cniVersions": ["1.0.0"], "deviceID": "x", "pciBusID": 5, "capabilities": null, "runtimeConfig": null, "args": null, "cni.dev/x": 1, "example.com": 2, "a/b": 3`, nothing},
		{"args of others", `"args": {"cni": {"ips": 5, "vmtap": null}, "x": 7}`, nothing},
		{"capabilities and runtimeConfig of others", `"capabilities": {"portMappings": true, "mac": false}, "runtimeConfig": {"portMappings": [{"hostPort": 80}], "mac": 5, "ips": 6}`, nothing},

		{"what is done anyway", `"placement": "pod", "device": "tap", "rdomain": 0, "locked": true, "guard": true, "portIsolation": false,
			"vlan": 0, "vlanTrunk": [], "ipMasq": false, "hostAccess": "all", "groupSets": false, "ipam": {},
			"tap": {"selinuxContext": "", "multiQueue": false}, "capabilities": {"bandwidth": false}`, nothing},
		{"what is not done without addresses anyway", `"switch": "br0", "locked": false, "guard": false`, bridge},

		{"guard, an empty object", `"guard": {}`, nothing},
		{"guard false", `"guard": false`, unguarded},
		{"guard and locked false", `"guard": false, "locked": false`, unguarded},
		{"guard false and locked", `"guard": false, "locked": true`, func(r *Request) { r.Guard = nil }},
		{"locked alone", `"switch": "br0", "locked": true`, func(r *Request) { bridge(r); r.Locked = true }},
		{"guard of what has no other addresses", `"switch": "br0", "guard": {"addresses": "10.0.0.5"}`, func(r *Request) {
			bridge(r)
			guarded(r)
			r.Guard.Addresses = []netip.Addr{netip.MustParseAddr("10.0.0.5")}
		}},
		{"guard, everything", `"guard": {"addresses": ["100.64.9.9", "2001:db8::9"], "lladdrs": ["02:00:00:00:00:09"], "protocols": ["vrrp", "89", "47"]}`, func(r *Request) {
			r.Guard = &Guard{
				Addresses: []netip.Addr{netip.MustParseAddr("100.64.9.9"), netip.MustParseAddr("2001:db8::9")},
				LLAddrs:   []vmid.LLAddr{lladdr("02:00:00:00:00:09")},
				Protocols: []uint8{112, 89, 47},
			}
		}},
		{"guard, as many as there can be", `"guard": {"addresses": ` + jsonList(32, numbered("10.0.0.%d", 0)) + `, "lladdrs": ` + jsonList(32, numbered("02:00:00:00:00:%02d", 0)) + `, "protocols": ` + jsonList(32, numbered("%d", 100)) + `}`, func(r *Request) {
			for i := range 32 {
				r.Guard.Addresses = append(r.Guard.Addresses, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
				r.Guard.LLAddrs = append(r.Guard.LLAddrs, lladdr(fmt.Sprintf("02:00:00:00:00:%02d", i)))
				r.Guard.Protocols = append(r.Guard.Protocols, uint8(100+i))
			}
		}},
		{"hostAccess, a list of all", `"hostAccess": ["all"]`, nothing},

		{"hostAccess", `"hostAccess": "icmp"`, func(r *Request) { r.HostAccess = HostAccess{Limited: true, ICMP: true} }},
		{"hostAccess, several, in any order, twice", `"hostAccess": ["udp/53", "tcp/10250", "icmp", "tcp/22", "tcp/22"]`, func(r *Request) {
			r.HostAccess = HostAccess{Limited: true, ICMP: true, Ports: []Port{{"tcp", 22}, {"tcp", 10250}, {"udp", 53}}}
		}},
		{"hostAccess, as many ports as there can be", `"hostAccess": ` + portList(128), func(r *Request) {
			r.HostAccess = HostAccess{Limited: true}
			for i := range 128 {
				r.HostAccess.Ports = append(r.HostAccess.Ports, Port{"tcp", uint16(i + 1)})
			}
		}},
		{"hostAccess in rdomain 0 on a switch in another", `"hostAccess": "icmp", "rdomain": 0, "switch": {"interface": "br0", "rdomain": 10}, "local": true`, func(r *Request) {
			r.Switch = &Switch{Interface: "br0", Name: "br0", Up: true, RDomain: 10}
			r.HostAccess = HostAccess{Limited: true, ICMP: true}
		}},
		{"portIsolation", `"switch": "br0", "portIsolation": true`, func(r *Request) { bridge(r); r.PortIsolation = true }},
		{"vlan", `"switch": "br0", "vlan": 4094`, func(r *Request) { bridge(r); r.VLAN = 4094 }},
		{"vlanTrunk, in order", `"switch": "br0", "vlan": 7, "vlanTrunk": [{"minID": 200, "maxID": 210}, {"id": 5}, {"minID": 8, "maxID": 8}]`, func(r *Request) {
			bridge(r)
			r.VLAN, r.VLANTrunk = 7, []VLANRange{{5, 5}, {8, 8}, {200, 210}}
		}},
		{"vlanTrunk, all", `"switch": "br0", "vlanTrunk": [{"minID": 1, "maxID": 4094}]`, func(r *Request) { bridge(r); r.VLANTrunk = []VLANRange{{1, 4094}} }},
		{"ipMasq", `"ipMasq": true, "rdomain": 10`, func(r *Request) { r.IPMasq, r.RDomain = true, 10 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := base()
			tt.change(&want)
			got := parseOK(t, input(tt.members, ""))
			if diff := cmp.Diff(want, got, compare()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// groupNames returns n names of groups with commas between them.
func groupNames(n int) string {
	var names []string
	for i := range n {
		names = append(names, string(rune('a'+i/26))+string(rune('a'+i%26)))
	}
	return strings.Join(names, ",")
}

// groupList returns n names of groups as a JSON list.
func groupList(n int) string {
	return `["` + strings.ReplaceAll(groupNames(n), ",", `","`) + `"]`
}

// portList returns n ports as a JSON list.
func portList(n int) string {
	return jsonList(n, func(i int) string { return Port{"tcp", uint16(i + 1)}.String() })
}

// jsonList returns n strings as a JSON list.
func jsonList(n int, word func(i int) string) string {
	var words []string
	for i := range n {
		words = append(words, fmt.Sprintf("%q", word(i)))
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// numbered returns words that hold their number, from the first one's on.
func numbered(format string, first int) func(i int) string {
	return func(i int) string { return fmt.Sprintf(format, first+i) }
}

func TestVersions(t *testing.T) {
	for _, version := range []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0"} {
		in := input("", "")
		in.Stdin = []byte(`{"name": "vmnet", "cniVersion": "` + version + `"}`)
		if got := parseOK(t, in).CNIVersion; got != version {
			t.Errorf("got %q, want %q", got, version)
		}
	}
}

// The design's common case, as libcni hands it over for a pod.
func TestParseCommonCase(t *testing.T) {
	in := Input{
		Stdin: []byte(`{"cniVersion":"1.0.0","local":true,"name":"vmnet","switch":"bridge0","type":"vmtap"}`),
		// CNI_ARGS as containerd writes them.
		ContainerID: "b1946ac92492d2347c6235b4d2611184b1946ac92492d2347c6235b4d2611184",
		IfName:      "eth0",
		Netns:       "/var/run/netns/cni-1",
		Args:        "K8S_POD_INFRA_CONTAINER_ID=b194;K8S_POD_UID=9a;IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web",
	}
	want := Request{
		CNIVersion:  "1.0.0",
		Network:     "vmnet",
		ContainerID: in.ContainerID,
		IfName:      "eth0",
		Netns:       "/var/run/netns/cni-1",
		VMName:      "default/web",
		VMID:        VMID{Min: 1, Max: 16383, Probe: true},
		Switch:      &Switch{Interface: "bridge0", Name: "bridge0", Up: true},
		Local:       local("100.64.0.0/10", "fd00::/8", 8),
		Up:          true,
		Forward:     true,
		RDomains:    RDomains{TableBase: 1000},
		Tap:         Tap{HasUID: true, VnetHdr: true},
		Locked:      true,
		Guard:       &Guard{},
	}
	if diff := cmp.Diff(want, parseOK(t, in), compare()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The design's block with everything, but for what is not supported yet.
func TestParseEverything(t *testing.T) {
	in := input(`
		"placement": "pod", "device": "tap",
		"switch": {"interface": "bridge0", "name": "uplink", "id": 1, "create": true, "rdomain": 10, "group": "vms", "up": true, "mtu": 1500},
		"local": {"prefix": "100.64.0.0/10", "bits": 8, "inet6": true, "prefix6": "fd00::/8"},
		"rdomain": 11, "rdomains": {"tableBase": 5000, "moveLocalRule": true},
		"group": ["web", "db"], "lladdr": "02:00:00:00:00:01", "up": true, "mtu": 1500,
		"locked": true, "guard": {"addresses": ["100.64.9.9"], "lladdrs": [], "protocols": ["vrrp"]}, "portIsolation": false,
		"forward": true, "ipMasq": false, "hostAccess": "all",
		"tap": {"uid": 107, "gid": 107, "selinuxContext": "system_u:system_r:x_t:s0:c1,c2", "multiQueue": false, "vnetHdr": true},
		"vmid": {"range": "1-16383", "probe": true},
		"groups": {"web": 101, "vms": 100}, "groupSets": false,
		"routes": [{"dst": "10.0.0.0/8"}], "dns": {}, "ipam": {},
		"allow": {"vmid": "1-255", "rdomain": [10, 20], "group": ["web", "db"], "lladdr": true, "switch": ["bridge1"], "name": true},
		"capabilities": {"mac": true, "ips": true, "io.kubernetes.cri.pod-annotations": true},
		"args": {"cni": {"vmtap": {"vmid": 9}}},
		"runtimeConfig": {
			"mac": "02:00:00:00:00:02",
			"ips": ["100.64.10.3/31"],
			"io.kubernetes.cri.pod-annotations": {"vmtap.dev/vmid": "10", "vmtap.dev/name": "db1", "example.com/x": "y"}
		},
		"prevResult": {"cniVersion": "1.0.0"}`,
		"IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=db1-0;VMID=8")
	want := Request{
		CNIVersion:  "1.0.0",
		Network:     "vmnet",
		ContainerID: "c1",
		IfName:      "eth0",
		Netns:       "/run/netns/p",
		VMName:      "shop/db1",
		VMID:        VMID{Requested: 10, Min: 1, Max: 16383, Probe: true},
		LLAddr:      lladdr("02:00:00:00:00:02"),
		Switch:      &Switch{Interface: "bridge0", Name: "uplink", ID: 1, Create: true, Group: "vms", Up: true, MTU: 1500, RDomain: 10},
		Local:       local("100.64.0.0/10", "fd00::/8", 8),
		Groups:      []string{"web", "db", "vms"},
		LinkGroup:   101,
		Up:          true,
		MTU:         1500,
		Forward:     true,
		RDomain:     11,
		RDomains:    RDomains{TableBase: 5000, MoveLocalRule: true},
		Tap:         Tap{UID: 107, GID: 107, HasUID: true, HasGID: true, VnetHdr: true, SELinuxContext: "system_u:system_r:x_t:s0:c1,c2"},
		Locked:      true,
		Guard:       &Guard{Addresses: []netip.Addr{netip.MustParseAddr("100.64.9.9")}, Protocols: []uint8{112}},
		Routes:      []Route{{Dst: netip.MustParsePrefix("10.0.0.0/8")}},
		IPs:         []netip.Prefix{netip.MustParsePrefix("100.64.10.3/31")},
		PrevResult:  []byte(`{"cniVersion": "1.0.0"}`),
	}
	if diff := cmp.Diff(want, parseOK(t, in), compare()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// The machine id is read from a file: only who wants a prefix of it pays.
func TestMachineIDOnlyForAuto(t *testing.T) {
	asked := 0
	in := input(`"local": {"prefix6": "fd00::/8"}`, "")
	in.MachineID = func() (string, error) { asked++; return "x", nil }
	parseOK(t, in)
	if asked != 0 {
		t.Errorf("asked %d times, want 0", asked)
	}
	in.Stdin = input(`"local": {"prefix6": "auto"}`, "").Stdin
	parseOK(t, in)
	if asked != 1 {
		t.Errorf("asked %d times, want 1", asked)
	}
}

func TestParseDoesNotAliasStdin(t *testing.T) {
	in := input(`"prevResult": {"a": 1}`, "")
	r := parseOK(t, in)
	clear(in.Stdin)
	if got := string(r.PrevResult); got != `{"a": 1}` {
		t.Errorf("got %q after stdin was overwritten", got)
	}
}
