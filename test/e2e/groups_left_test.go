package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// leaveMember makes an interface in groups that vanishes without a DEL, with
// its pod, and returns its call and the name of its host link.
func (n *node) leaveMember(t *testing.T, block string) (cni.Call, string) {
	t.Helper()
	p := n.newPod(t, "left")
	call := p.call("eth0", conf(inSets(block, "web", "db")))
	call.Args = "VMID=5"
	hostLink := n.add(t, call).hostLink()
	closeNS(t, p)
	waitFor(t, "the links to go with the namespace", func() bool { return len(n.hostLinks(t)) == 0 })
	if len(n.members(t)) == 0 {
		t.Fatal("nothing is left in the sets")
	}
	call.Netns = ""
	return call, hostLink
}

// TestGroupsLeft: what a link that vanished left in sets goes with the next
// operation on its name.
func TestGroupsLeft(t *testing.T) {
	wantsNoVRF(t)
	as5 := func(n *node, t *testing.T, block string) *attachment {
		t.Helper()
		call := n.newPod(t, "next").call("eth0", confOf("other", block))
		call.Args = "VMID=5"
		return n.add(t, call)
	}
	for name, next := range map[string]func(t *testing.T, n *node, left cni.Call) (want []string){
		"ADD in another group": func(t *testing.T, n *node, _ cni.Call) []string {
			a := as5(n, t, inSets(createConf, "admin", "db"))
			return []string{"inet admin: " + a.gateway(), "inet db: " + a.gateway(), "bridge admin: " + a.hostLink(), "bridge db: " + a.hostLink()}
		},
		"ADD without groups":      func(t *testing.T, n *node, _ cni.Call) []string { as5(n, t, `"groupSets": true`); return nil },
		"ADD without sets":        func(t *testing.T, n *node, _ cni.Call) []string { as5(n, t, createConf+`, "group": "web"`); return nil },
		"ADD of a bridge port":    func(t *testing.T, n *node, _ cni.Call) []string { as5(n, t, `"switch": "bridge0"`); return nil },
		"ADD in the host":         func(t *testing.T, n *node, _ cni.Call) []string { as5(n, t, `"placement": "host"`); return nil },
		"DEL without a namespace": func(t *testing.T, n *node, left cni.Call) []string { (&attachment{t, n, left, nil}).del(); return nil },
		"GC with a list":          func(t *testing.T, n *node, _ cni.Call) []string { n.gc(t, gcConf("vmnet", "[]")); return nil },
		"GC without":              func(t *testing.T, n *node, _ cni.Call) []string { n.gc(t, gcConf("other", "null")); return nil },
	} {
		for block, config := range map[string]string{"local": "", "switch": createConf} {
			t.Run(name+", "+block, func(t *testing.T) {
				n := newNode(t)
				n.Run(t, "ip", "link", "add", "bridge0", "type", "bridge")
				left, _ := n.leaveMember(t, config)
				// An operator's own member stays, be there a link or not.
				n.Run(t, "nft", "add", "element", "inet", "vmtap", "group_web", `{ "eth7" }`)
				n.wantMembers(t, "after the next", append(next(t, n, left), "inet web: eth7")...)
			})
		}
	}
}

// TestGroupsOfOthersStay: DEL and GC take out nobody whose link is there, its
// gateway deleted by hand included.
func TestGroupsOfOthersStay(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	n.newPod(t, "stays").add(t, "eth0", conf(inSets(createConf, "web")))
	halved := n.newPod(t, "halved").add(t, "eth0", conf(inSets(createConf, "web")))
	n.Run(t, "ip", "link", "del", halved.gateway())
	before := n.members(t)
	n.newPod(t, "goes").add(t, "eth0", conf(inSets(createConf, "web", "db"))).del()
	n.gc(t, gcConf("vmnet", valid("stays@eth0", "halved@eth0")))
	(&attachment{t, n, cni.Call{ContainerID: "never", IfName: "eth0", Conf: conf("")}, nil}).del()
	n.wantMembers(t, "after DEL and GC", before...)
}

// TestDelWithoutGroups: DEL of an interface that is in no set asks nothing of
// nftables.
func TestDelWithoutGroups(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	n.newPod(t, "member").add(t, "eth0", conf(inSets("", "web")))
	a := n.newPod(t, "p").add(t, "eth0", conf(`"group": "web"`))
	traced, trace := n.Traced()
	if fault := traced.Del(t, a.call); fault != nil {
		t.Fatal(fault)
	}
	if s := fmt.Sprint(trace.Steps()); strings.Contains(s, "NFT") {
		t.Errorf("DEL asks nftables: %s", s)
	}
	sockets := slices.DeleteFunc(trace.Steps(), func(s cni.Step) bool { return s.Call != "socket" })
	if len(sockets) != 2 {
		t.Errorf("DEL opens %d sockets, want those of routes, here and in the pod: %v", len(sockets), sockets)
	}
}
