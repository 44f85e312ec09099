package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/pkg/vmid"
)

const inPod = "IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=web-0"

// annotations returns the members that bring annotations, "key=value" each
// without the prefix vmtap.dev/.
func annotations(kv ...string) string {
	var all []string
	for _, s := range kv {
		k, v, _ := strings.Cut(s, "=")
		all = append(all, strconv.Quote("vmtap.dev/"+k)+": "+strconv.Quote(v))
	}
	return rawAnnotations(strings.Join(all, ", "))
}

func rawAnnotations(members string) string {
	const key = `"io.kubernetes.cri.pod-annotations"`
	return fmt.Sprintf(`"capabilities": {%s: true}, "runtimeConfig": {%s: {%s}}`, key, key, members)
}

func cniArgsOf(members string) string { return `"args": {"cni": {"vmtap": {` + members + `}}}` }

// Without a pod the caller is the operator, and allow is not asked.
func TestChoices(t *testing.T) {
	br1 := &Switch{Interface: "br1", Name: "br1", Up: true}
	tests := []struct {
		name, members, args string
		change              func(*Request)
	}{
		{"VMID", ``, "VMID=7", func(r *Request) { r.VMID.Requested = 7 }},
		{"VMID, highest of the default range", ``, "VMID=16383", func(r *Request) { r.VMID.Requested = 16383 }},
		{"VMID, highest of another range", `"switch": "br1", "vmid": {"range": "5-9999999"}`, "VMID=9999999", func(r *Request) {
			r.Switch, r.Local = br1, nil
			unguarded(r)
			r.VMID = VMID{Requested: vmid.MaxID, Min: 5, Max: vmid.MaxID, Probe: true}
		}},
		{"VMNAME", ``, "VMNAME=web/1", func(r *Request) { r.VMName = "web/1" }},
		{"MAC", `"lladdr": "02:00:00:00:00:01"`, "MAC=02-00-00-00-00-02", func(r *Request) { r.LLAddr = lladdr("02:00:00:00:00:02") }},

		{"args: vmid", cniArgsOf(`"vmid": 7`), "", func(r *Request) { r.VMID.Requested = 7 }},
		{"args: name", cniArgsOf(`"name": "web"`), "", func(r *Request) { r.VMName = "web" }},
		{"args: lladdr", cniArgsOf(`"lladdr": "02:00:00:00:00:02"`), "", func(r *Request) { r.LLAddr = lladdr("02:00:00:00:00:02") }},
		{"args: rdomain 0", cniArgsOf(`"rdomain": 0`), "", func(*Request) {}},
		{"args: group", cniArgsOf(`"group": "web"`), "", func(r *Request) { r.Groups = []string{"web"} }},
		{"args: groups", cniArgsOf(`"group": ["web", "db"]`), "", func(r *Request) { r.Groups = []string{"web", "db"} }},
		{"args: switch", cniArgsOf(`"switch": "br1"`), "", func(r *Request) { r.Switch = br1 }},
		{"args: multiqueue false", cniArgsOf(`"multiqueue": false`), "", func(*Request) {}},

		{"annotation vmid", annotations("vmid=7"), "", func(r *Request) { r.VMID.Requested = 7 }},
		{"annotation name", annotations("name=web"), "", func(r *Request) { r.VMName = "web" }},
		{"annotation lladdr", annotations("lladdr=02:00:00:00:00:02"), "", func(r *Request) { r.LLAddr = lladdr("02:00:00:00:00:02") }},
		{"annotation rdomain 0", `"rdomain": 10, ` + annotations("rdomain=0"), "", func(*Request) {}},
		{"annotation rdomain", annotations("rdomain=10"), "", func(r *Request) { r.RDomain = 10 }},
		{"annotation group", annotations("group=web, db,web"), "", func(r *Request) { r.Groups = []string{"web", "db"} }},
		{"annotation switch", annotations("switch=br1"), "", func(r *Request) { r.Switch = br1 }},
		{"annotation multiqueue false", `"tap": {"multiQueue": true}, ` + annotations("multiqueue=false"), "", func(*Request) {}},
		{"annotation multiqueue", annotations("multiqueue=true"), "", func(r *Request) { r.Tap.MultiQueue = true }},
		{"args multiqueue", cniArgsOf(`"multiqueue": true`), "", func(r *Request) { r.Tap.MultiQueue = true }},
		{"annotations of others", rawAnnotations(`"example.com/vmid": 7, "vmtap.develop/x": [], "VMTAP.DEV/vmid": "7"`), "", func(*Request) {}},
		{"annotations null", `"capabilities": {"io.kubernetes.cri.pod-annotations": true}, "runtimeConfig": {"io.kubernetes.cri.pod-annotations": null}`, "", func(*Request) {}},
		{"annotations not declared", strings.Replace(annotations("vmid=7", "oops=1"), "true", "false", 1), "", func(*Request) {}},

		{"runtimeConfig mac", `"capabilities": {"mac": true}, "runtimeConfig": {"mac": "02:00:00:00:00:02"}`, "", func(r *Request) { r.LLAddr = lladdr("02:00:00:00:00:02") }},
		{"runtimeConfig Mac and IPs", `"capabilities": {"mac": true, "ips": true}, "runtimeConfig": {"Mac": "02:00:00:00:00:02", "IPs": ["100.64.7.3", "100.64.7.3/31", "fd00::6440:703:0:2/96", "fd00::6440:703:0:2"]}`, "", func(r *Request) {
			r.LLAddr = lladdr("02:00:00:00:00:02")
			for _, s := range []string{"100.64.7.3/32", "100.64.7.3/31", "fd00::6440:703:0:2/96", "fd00::6440:703:0:2/128"} {
				r.IPs = append(r.IPs, netip.MustParsePrefix(s))
			}
		}},
		{"runtimeConfig null", `"capabilities": {"mac": true, "ips": true}, "runtimeConfig": {"mac": null, "ips": null, "bandwidth": null}`, "", func(*Request) {}},

		{"a switch keeps the rest of its block", `"switch": {"interface": "br0", "id": 3, "create": true, "group": "vms", "up": false, "mtu": 1500}, ` + annotations("switch=br1"), "", func(r *Request) {
			r.Switch = &Switch{Interface: "br1", Name: "br1", ID: 3, Create: true, Group: "vms", MTU: 1500}
			r.Groups, r.Local = []string{"vms"}, nil
			unguarded(r)
		}},
		{"a switch keeps a given name", `"switch": {"interface": "br0", "name": "uplink"}, ` + annotations("switch=br1"), "", func(r *Request) {
			r.Switch = &Switch{Interface: "br1", Name: "uplink", Up: true}
			r.Local = nil
			unguarded(r)
		}},
		{"a switch connects what is not local", `"local": false, ` + annotations("switch=br1"), "", func(r *Request) { r.Switch, r.Local = br1, nil; unguarded(r) }},
		{"a group keeps the switch's", `"group": ["web"], "groups": {"web": 1, "db": 2}, "switch": {"interface": "br1", "group": "vms"}, ` + annotations("group=db"), "", func(r *Request) {
			r.Switch = &Switch{Interface: "br1", Name: "br1", Group: "vms", Up: true}
			r.Groups, r.LinkGroup, r.Local = []string{"db", "vms"}, 2, nil
			unguarded(r)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := base()
			tt.change(&want)
			if diff := cmp.Diff(want, parseOK(t, input(tt.members, tt.args)), compare()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// CNI_ARGS, args.cni.vmtap, runtimeConfig, annotations: the last wins.
func TestChoicesPrecedence(t *testing.T) {
	mac := func(i int) string { return fmt.Sprintf("02:00:00:00:00:%02d", i) }
	for top := range 5 { // how many of the sources speak, from the weakest
		args, cni, rc, ann := "", "", "", ""
		want := base()
		want.LLAddr = lladdr(mac(top))
		if top >= 1 {
			args = "VMID=1;VMNAME=name1;MAC=" + mac(1)
			want.VMID.Requested, want.VMName = 1, "name1"
		}
		if top >= 2 {
			cni = `"vmid": 2, "name": "name2", "lladdr": "` + mac(2) + `"`
			want.VMID.Requested, want.VMName = 2, "name2"
		}
		if top >= 3 {
			rc = `"mac": "` + mac(3) + `", `
		}
		if top >= 4 {
			ann = `"vmtap.dev/vmid": "4", "vmtap.dev/name": "name4", "vmtap.dev/lladdr": "` + mac(4) + `"`
			want.VMID.Requested, want.VMName = 4, "name4"
		}
		members := fmt.Sprintf(`"lladdr": %q, %s,
			"capabilities": {"mac": true, "io.kubernetes.cri.pod-annotations": true},
			"runtimeConfig": {%s"io.kubernetes.cri.pod-annotations": {%s}}`, mac(0)[:15]+"00", cniArgsOf(cni), rc, ann)
		if top == 0 {
			members = strings.Replace(members, `:00"`, `:0a"`, 1)
			want.LLAddr = lladdr("02:00:00:00:00:0a")
		}
		if diff := cmp.Diff(want, parseOK(t, input(members, args)), compare()); diff != "" {
			t.Errorf("%d sources: -want +got:\n%s", top, diff)
		}
	}
}

// A pod's owner chooses what allow lists, wherever the choice stands.
func TestAllow(t *testing.T) {
	const mac = "02:00:00:00:00:02"
	tests := []struct {
		name, allow, members, args string
		want                       string // "" if allowed
	}{
		{"vmid, none listed", ``, ``, "VMID=7", `choose CNI_ARGS VMID "7": not allowed, allow.vmid is not given`},
		{"vmid in args, none listed", ``, cniArgsOf(`"vmid": 7`), ``, `choose args.cni.vmtap.vmid 7: not allowed, allow.vmid is not given`},
		{"vmid in annotation, none listed", ``, annotations("vmid=7"), ``, `choose annotation vmtap.dev/vmid "7": not allowed, allow.vmid is not given`},
		{"vmid, listed", `"vmid": "1-7,300"`, ``, "VMID=7", ``},
		{"vmid, second range", `"vmid": "1-7,300"`, cniArgsOf(`"vmid": 300`), ``, ``},
		{"vmid, not listed", `"vmid": "1-7,300"`, annotations("vmid=299"), ``, `choose annotation vmtap.dev/vmid "299": not allowed, allow.vmid is "1-7,300"`},

		{"name, default", ``, annotations("name=a"), "VMNAME=b", ``},
		{"name, true", `"name": true`, cniArgsOf(`"name": "a"`), ``, ``},
		{"name, false", `"name": false`, ``, "VMNAME=b", `choose CNI_ARGS VMNAME "b": not allowed, allow.name is false`},
		{"name in annotation, false", `"name": false`, annotations("name=a"), ``, `choose annotation vmtap.dev/name "a": not allowed, allow.name is false`},
		{"name, false, KubeVirt's is no choice", `"name": false`, rawAnnotations(`"kubevirt.io/domain": "a"`), ``, ``},

		{"lladdr, default", ``, ``, "MAC=" + mac, `choose CNI_ARGS MAC "` + mac + `": not allowed, allow.lladdr is not given`},
		{"lladdr, false", `"lladdr": false`, annotations("lladdr=" + mac), ``, `choose annotation vmtap.dev/lladdr "` + mac + `": not allowed, allow.lladdr is false`},
		{"lladdr, true", `"lladdr": true`, cniArgsOf(`"lladdr": "` + mac + `"`), "MAC=" + mac, ``},
		{"lladdr by capability", ``, `"capabilities": {"mac": true}, "runtimeConfig": {"mac": "` + mac + `"}`, ``, ``},
		{"lladdr by capability, Multus sends it twice", ``, `"capabilities": {"mac": true}, "runtimeConfig": {"mac": "` + mac + `"}`, "MAC=" + mac, ``},
		{"lladdr by capability, another besides", ``, `"capabilities": {"mac": true}, "runtimeConfig": {"mac": "` + mac + `"}`, "MAC=02:00:00:00:00:03", `choose CNI_ARGS MAC "02:00:00:00:00:03": not allowed, allow.lladdr is not given`},
		{"lladdr, capabilities taken out of the request", ``, `"runtimeConfig": {"mac": "` + mac + `"}`, "MAC=" + mac, ``},
		{"lladdr, capability not declared", ``, `"capabilities": {"ips": true}, "runtimeConfig": {"mac": "` + mac + `"}`, "MAC=" + mac, `choose CNI_ARGS MAC "` + mac + `": not allowed, allow.lladdr is not given`},
		{"ips by capability", ``, `"capabilities": {"ips": true}, "runtimeConfig": {"ips": ["100.64.7.3"]}`, ``, ``},

		{"rdomain, none listed", ``, annotations("rdomain=10"), ``, `choose annotation vmtap.dev/rdomain "10": not allowed, allow.rdomain is not given`},
		{"rdomain 0, none listed", ``, annotations("rdomain=0"), ``, `choose annotation vmtap.dev/rdomain "0": not allowed, allow.rdomain is not given`},
		{"rdomain 0, listed", `"rdomain": [0, 10]`, cniArgsOf(`"rdomain": 0`), ``, ``},
		{"rdomain, not listed", `"rdomain": [10, 20]`, cniArgsOf(`"rdomain": 30`), ``, `choose args.cni.vmtap.rdomain 30: not allowed, allow.rdomain is [10, 20]`},

		{"group, none listed", ``, annotations("group=web"), ``, `choose annotation vmtap.dev/group "web": not allowed, allow.group is not given`},
		{"group, all listed", `"group": ["web", "db"]`, annotations("group=db,web"), ``, ``},
		{"group, one not listed", `"group": ["web", "db"]`, cniArgsOf(`"group": ["web", "vms"]`), ``, `choose args.cni.vmtap.group ["web", "vms"]: not allowed, allow.group is ["web", "db"]`},

		{"switch, none listed", ``, annotations("switch=br1"), ``, `choose annotation vmtap.dev/switch "br1": not allowed, allow.switch is not given`},
		{"switch, the configuration's own is not listed either", ``, `"switch": "br0", ` + annotations("switch=br0"), ``, `choose annotation vmtap.dev/switch "br0": not allowed, allow.switch is not given`},
		{"switch, listed", `"switch": ["br1"]`, annotations("switch=br1"), ``, ``},
		{"switch, not listed", `"switch": ["br1"]`, cniArgsOf(`"switch": "br2"`), ``, `choose args.cni.vmtap.switch "br2": not allowed, allow.switch is ["br1"]`},

		{"multiqueue needs no listing", ``, annotations("multiqueue=false"), ``, ``},

		{"a stronger choice saves none", `"vmid": "7"`, annotations("vmid=7"), "VMID=8", `choose CNI_ARGS VMID "8": not allowed, allow.vmid is "7"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			members := `"allow": {` + tt.allow + `}`
			if tt.members != "" {
				members += ", " + tt.members
			}
			args := inPod
			if tt.args != "" {
				args += ";" + tt.args
			}
			_, err := Parse(input(members, args))
			if tt.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			wantError(t, err, CodeInvalidConfig, tt.want)

			// What is refused to a pod's owner is the operator's to choose.
			if _, err := Parse(input(members, tt.args)); err != nil && !strings.Contains(err.Error(), "not supported yet") {
				t.Errorf("refused without a pod: %v", err)
			}
		})
	}
}

func TestChoicesRefused(t *testing.T) {
	tests := []struct {
		name, members, args string
		code                Code
		want                string
	}{
		{"VMID, no number", ``, "VMID=x", CodeEnvironment, `read CNI_ARGS VMID "x": want a whole number from 1 to 9999999`},
		{"VMID 0", ``, "VMID=0", CodeEnvironment, `read CNI_ARGS VMID "0": want a whole number from 1 to 9999999`},
		{"VMID, too high", ``, "VMID=10000000", CodeEnvironment, `read CNI_ARGS VMID "10000000": want a whole number from 1 to 9999999`},
		{"VMID, outside the prefix", ``, "VMID=16384", CodeInvalidConfig, `choose vmid 16384: outside 1-16383, the range of network "vmnet"`},
		{"VMID, outside the range", `"vmid": {"range": "5-9"}`, "VMID=4", CodeInvalidConfig, `choose vmid 4: outside 5-9, the range of network "vmnet"`},
		{"VMID, outside the default range of what is not local", `"switch": "br0"`, "VMID=16384", CodeInvalidConfig, `choose vmid 16384: outside 1-16383, the range of network "vmnet"`},
		{"VMNAME, empty", ``, "VMNAME=", CodeEnvironment, `read CNI_ARGS VMNAME "": want 1 to 512 characters, have 0`},
		{"VMNAME, characters", ``, "VMNAME=a b", CodeEnvironment, `read CNI_ARGS VMNAME "a b": want letters, digits, '.', '_', '/' and '-' only`},
		{"VMNAME, too long with the namespace", ``, inPod + ";VMNAME=" + strings.Repeat("a", 510), CodeInvalidConfig, `name the VM "ns/` + strings.Repeat("a", 61) + `"...: want 1 to 512 characters, have 513`},
		{"MAC", ``, "MAC=x", CodeEnvironment, `read CNI_ARGS MAC "x": want six pairs of hex digits such as 02:00:00:00:00:01, not multicast and not zero`},

		{"args: unknown", cniArgsOf(`"vmdi": 7`), ``, CodeUnsupportedField, `read key "args.cni.vmtap.vmdi" 7: unknown, did you mean args.cni.vmtap.vmid?`},
		{"args: another's word", cniArgsOf(`"mac": "x"`), ``, CodeUnsupportedField, `read key "args.cni.vmtap.mac" "x": unknown, vmtap's word is args.cni.vmtap.lladdr`},
		{"args: vmid, a string", cniArgsOf(`"vmid": "7"`), ``, CodeDecoding, `read args.cni.vmtap.vmid: want a number, have a string`},
		{"args: name null", cniArgsOf(`"name": null`), ``, CodeDecoding, `read args.cni.vmtap.name: want a string, have null`},
		{"args: no group", cniArgsOf(`"group": []`), ``, CodeInvalidConfig, `read args.cni.vmtap.group []: want a group`},
		{"args: group", cniArgsOf(`"group": ["a,b"]`), ``, CodeInvalidConfig, `read args.cni.vmtap.group[0] "a,b": want letters, digits, '_' and '-' only`},
		{"args: switch", cniArgsOf(`"switch": {"interface": "br1"}`), ``, CodeDecoding, `read args.cni.vmtap.switch: want a string, have an object`},
		{"args: rdomain", cniArgsOf(`"rdomain": -1`), ``, CodeInvalidConfig, `read args.cni.vmtap.rdomain -1: want a whole number from 0 to 99999999`},
		{"args: rdomain, not the switch's", `"switch": "br0", ` + cniArgsOf(`"rdomain": 10`), ``, CodeInvalidConfig, `use rdomain 10: an interface that is not local is in its switch's, which is 0, drop rdomain or add local`},
		{"args: multiqueue", cniArgsOf(`"multiqueue": 1`), ``, CodeDecoding, `read args.cni.vmtap.multiqueue: want true or false, have a number`},

		{"annotation, unknown", annotations("vmdi=7"), ``, CodeUnsupportedField, `read key "annotation vmtap.dev/vmdi" "7": unknown, did you mean annotation vmtap.dev/vmid?`},
		{"annotation, a number", rawAnnotations(`"vmtap.dev/vmid": 7`), ``, CodeDecoding, `read annotation vmtap.dev/vmid: want a string, have a number`},
		{"annotation, a list", rawAnnotations(`"vmtap.dev/group": ["web"]`), ``, CodeDecoding, `read annotation vmtap.dev/group: want a string, have a list`},
		{"annotation, true", rawAnnotations(`"vmtap.dev/multiqueue": true`), ``, CodeDecoding, `read annotation vmtap.dev/multiqueue: want a string, have true`},
		{"annotation vmid", annotations("vmid=seven"), ``, CodeInvalidConfig, `read annotation vmtap.dev/vmid "seven": want a whole number from 1 to 9999999`},
		{"annotation group, none", annotations("group="), ``, CodeInvalidConfig, `read annotation vmtap.dev/group "": want 1 to 15 characters, have 0`},
		{"annotation group, empty item", annotations("group=web,,db"), ``, CodeInvalidConfig, `read annotation vmtap.dev/group "": want 1 to 15 characters, have 0`},
		{"annotation multiqueue", annotations("multiqueue=yes"), ``, CodeInvalidConfig, `read annotation vmtap.dev/multiqueue "yes": want true or false`},
		{"annotation rdomain, the kernel's table", `"rdomains": {"tableBase": 250}, "allow": {"rdomain": [4]}, ` + annotations("rdomain=4"), inPod, CodeInvalidConfig, `use rdomain 4: its table would be 254, and 253-255 are the kernel's own, choose another rdomain or rdomains.tableBase`},
		{"annotation switch", annotations("switch=a/b"), ``, CodeInvalidConfig, `read annotation vmtap.dev/switch "a/b": want printable ASCII characters without space, '/', ':', '%' and '@'`},
		{"annotation of KubeVirt", rawAnnotations(`"kubevirt.io/domain": "a b"`), ``, CodeInvalidConfig, `read annotation kubevirt.io/domain "a b": want letters, digits, '.', '_', '/' and '-' only`},
		{"annotations, no object", `"capabilities": {"io.kubernetes.cri.pod-annotations": true}, "runtimeConfig": {"io.kubernetes.cri.pod-annotations": "x"}`, ``, CodeDecoding, `read runtimeConfig.io.kubernetes.cri.pod-annotations: want an object, have a string`},

		{"runtimeConfig mac", `"capabilities": {"mac": true}, "runtimeConfig": {"Mac": "x"}`, ``, CodeInvalidConfig, `read runtimeConfig.Mac "x": want six pairs of hex digits such as 02:00:00:00:00:01, not multicast and not zero`},
		{"runtimeConfig mac twice", `"capabilities": {"mac": true}, "runtimeConfig": {"Mac": "x", "mac": "x"}`, ``, CodeDecoding, `read runtimeConfig.mac: stands twice, in different cases`},
		{"runtimeConfig ips, a string", `"capabilities": {"ips": true}, "runtimeConfig": {"ips": "10.0.0.1"}`, ``, CodeDecoding, `read runtimeConfig.ips: want a list, have a string`},
		{"runtimeConfig ips", `"capabilities": {"ips": true}, "runtimeConfig": {"ips": ["10.0.0.1/33"]}`, ``, CodeInvalidConfig, `read runtimeConfig.ips[0] "10.0.0.1/33": want an IP address and a prefix length, such as 10.0.0.0/8 or fd00::/8`},
		{"runtimeConfig ips, without a length", `"capabilities": {"ips": true}, "runtimeConfig": {"ips": ["10.0.0.256"]}`, ``, CodeInvalidConfig, `read runtimeConfig.ips[0] "10.0.0.256": want an IP address`},
		{"runtimeConfig ips, not local", `"switch": "br0", "capabilities": {"ips": true}, "runtimeConfig": {"ips": ["10.0.0.1"]}`, ``, CodeInvalidConfig, `use runtimeConfig.ips: the interface has no addresses, it is not local and has no ipam`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(input(tt.members, tt.args))
			wantError(t, err, tt.code, tt.want)
		})
	}
}

// A secondary interface as Multus asks for it.
func TestParseMultus(t *testing.T) {
	in := input(`"switch": "br0", "local": true, "allow": {"vmid": "1-255"},
		"capabilities": {"mac": true, "ips": true},
		"runtimeConfig": {"ips": ["100.64.9.5/31"], "mac": "02:00:00:00:00:02"},
		"args": {"cni": {"vmtap": {"vmid": 9}, "other": true}}`,
		"IgnoreUnknown=true;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=virt-launcher-web-x7k2p;K8S_POD_INFRA_CONTAINER_ID=c1;K8S_POD_UID=u;MAC=02:00:00:00:00:02;IP=100.64.9.5")
	in.IfName = "net1"
	want := base()
	want.IfName = "net1"
	want.VMName = "ns/web"
	want.VMID.Requested = 9
	want.LLAddr = lladdr("02:00:00:00:00:02")
	want.IPs = []netip.Prefix{netip.MustParsePrefix("100.64.9.5/31")}
	want.Switch = &Switch{Interface: "br0", Name: "br0", Up: true}
	if diff := cmp.Diff(want, parseOK(t, in), compare()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
