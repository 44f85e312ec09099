package plan

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// attach is ADD as far as names go: it chooses, and makes the links with
// their names. host.add refuses a name that is taken.
func attach(h *host, req *config.Request) (State, error) {
	node := &Node{}
	claim, err := Choose(req, BridgeName(req, node), h.find)
	if err != nil {
		return State{}, err
	}
	s, err := New(req, node, claim)
	if err != nil {
		return State{}, err
	}
	if claim.DeadGateway != "" {
		h.remove(claim.DeadGateway)
	}
	for _, l := range []*Link{&s.HostLink, &s.Gateway} {
		if l.Name == "" {
			continue
		}
		if err := h.add(l.Name, l.AltNames...); err != nil {
			return State{}, err
		}
	}
	return *s, nil
}

// clutter makes links that are in the way: somebody else's, with names of
// vmtap's, and gateways that were left behind.
func clutter(h *host, random *rand.Rand, req *config.Request, n int) {
	for i := range n {
		id := req.VMID.Min + random.Uint32N(req.VMID.Max-req.VMID.Min+1)
		addrs, err := req.Local.Scheme.Addrs(id, 0)
		if err != nil {
			panic(err)
		}
		name := fmt.Sprintf("clutter%d", i)
		switch random.IntN(5) {
		case 0:
			_ = h.add(name, vmid.VM(id)) // all the same if it is taken
		case 1:
			_ = h.add(vmid.HostLink(id, 0))
		case 2:
			_ = h.add(vmid.Gateway(id, 0))
		case 3:
			_ = h.add(name, addrName(addrs.Guest4))
		case 4:
			_ = h.add(vmid.Gateway(id, 0), GatewayName(name, "eth0"))
		}
	}
}

// A thousand VMs get a thousand vmids, and no name twice, whatever was there
// before.
func TestManyVMs(t *testing.T) {
	const vms = 1000
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		room := rapid.Uint32Range(0, 1000).Draw(t, "room")
		things := rapid.IntRange(0, int(room)).Draw(t, "clutter")
		h, ids := newHost(), map[uint32]string{}
		req := newRequest(onCreatedSwitch, func(r *config.Request) {
			r.VMID.Min = rapid.Uint32Range(1, 14000).Draw(t, "min")
			r.VMID.Max = r.VMID.Min + vms + room - 1
		})
		clutter(h, random, req, things)
		for i := range vms {
			req.VMName = fmt.Sprintf("ns-%x/vm-%x", random.Uint32N(100), random.Uint64())
			req.ContainerID = fmt.Sprintf("%016x%d", random.Uint64(), i)
			s, err := attach(h, req)
			if err != nil {
				t.Fatalf("VM %d of %d: %v", i, vms, err)
			}
			id := s.Claim.VMID
			if id < req.VMID.Min || id > req.VMID.Max {
				t.Fatalf("vmid %d, want one of %d-%d", id, req.VMID.Min, req.VMID.Max)
			}
			if other, taken := ids[id]; taken {
				t.Fatalf("vmid %d is %s's and %s's", id, other, req.VMName)
			}
			ids[id] = req.VMName
		}
	})
}

// nodeModel is a model of a node with some VMs: which attachments there are.
type nodeModel struct {
	host        *host
	attachments map[string]attachment // by AttachmentName
}

type attachment struct {
	request *config.Request
	state   State
}

// siblings returns a VM's attachments in the order of their numbers.
func (m *nodeModel) siblings(containerID string) []attachment {
	var all []attachment
	for _, a := range m.attachments {
		if a.request.ContainerID == containerID {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b attachment) int { return a.state.Claim.Idx - b.state.Claim.Idx })
	return all
}

// lowestFree returns the lowest number that a VM's next interface can have.
func (m *nodeModel) lowestFree(containerID string) int {
	idx := 0
	for _, a := range m.siblings(containerID) {
		if a.state.Claim.Idx == idx {
			idx++
		}
	}
	return idx
}

// add adds an interface to one of a few VMs.
func (m *nodeModel) add(t *rapid.T) {
	pod := rapid.SampledFrom([]string{"c1", "c2", "c3", "c4"}).Draw(t, "pod")
	shape := rapid.SampledFrom([]func(*config.Request){
		func(*config.Request) {}, notLocal, onCreatedSwitch,
		func(r *config.Request) { onCreatedSwitch(r); notLocal(r) },
	}).Draw(t, "shape")
	req := newRequest(shape, func(r *config.Request) {
		r.ContainerID, r.VMName = pod, "default/"+pod
		r.IfName = fmt.Sprintf("eth%d", rapid.IntRange(0, 11).Draw(t, "interface"))
		r.VMID.Max = 6 // few, so that VMs meet
		r.Groups = []string{"web"}
	})
	name := AttachmentName(req.ContainerID, req.IfName)
	if _, there := m.attachments[name]; there {
		t.Skip("there already")
	}
	siblings, idx := m.siblings(pod), m.lowestFree(pod)
	s, err := attach(m.host, req)
	if err != nil {
		t.Fatalf("add %s: %v", name, err)
	}
	if s.Claim.Idx != idx {
		t.Fatalf("%s is interface %d, want the lowest free %d", name, s.Claim.Idx, idx)
	}
	if len(siblings) > 0 && s.Claim.VMID != siblings[0].state.Claim.VMID {
		t.Fatalf("%s has vmid %d, its sibling %d", name, s.Claim.VMID, siblings[0].state.Claim.VMID)
	}
	if s.Claim.Holder != (len(siblings) == 0) {
		t.Fatalf("%s, with %d siblings, is holder: %t", name, len(siblings), s.Claim.Holder)
	}
	m.attachments[name] = attachment{req, s}
}

// remove is DEL: the VM's own altnames move to a sibling before their link
// goes.
func (m *nodeModel) remove(t *rapid.T) {
	if len(m.attachments) == 0 {
		t.Skip("nothing to remove")
	}
	name := rapid.SampledFrom(slices.Sorted(maps.Keys(m.attachments))).Draw(t, "attachment")
	a := m.attachments[name]
	delete(m.attachments, name)
	own := []string{vmid.VM(a.state.Claim.VMID), PodName(a.request.ContainerID)}
	from := m.host.links[a.state.HostLink.Name]
	held := slices.Contains(from.AltNames, own[0])
	m.host.remove(from.Name)
	if g := a.state.Gateway.Name; g != "" {
		m.host.remove(g)
	}
	if rest := m.siblings(a.request.ContainerID); held && len(rest) > 0 {
		to := m.host.links[rest[0].state.HostLink.Name]
		m.host.remove(to.Name)
		if err := m.host.add(to.Name, append(to.AltNames, own...)...); err != nil {
			t.Fatal(err)
		}
	}
}

// check holds the host against the model: each VM has its own vmid and one
// holder of it, and Rebuild sees in the links what was claimed.
func (m *nodeModel) check(t *rapid.T) {
	pods := map[uint32]string{}
	holders := map[string]int{}
	for name, a := range m.attachments {
		id, pod := a.state.Claim.VMID, a.request.ContainerID
		if other, ok := pods[id]; ok && other != pod {
			t.Fatalf("vmid %d is %s's and %s's", id, other, pod)
		}
		pods[id] = pod
		link := m.host.links[name]
		if link == nil || link.Name != a.state.HostLink.Name {
			t.Fatalf("%s leads to %v, want %s", name, link, a.state.HostLink.Name)
		}
		want := a.state.Claim
		want.Holder = slices.Contains(link.AltNames, PodName(pod))
		want.DeadGateway = ""
		if want.Holder {
			holders[pod]++
		}
		got, err := Rebuild(a.request, a.state.Bridge.Name, *link, m.host.links[vmid.VM(id)])
		if err != nil || got != want {
			t.Fatalf("%s: rebuilt %+v, error %v, want %+v", name, got, err, want)
		}
	}
	if len(m.attachments) == 0 && len(m.host.links) != 0 {
		t.Fatalf("left over: %v", slices.Sorted(maps.Keys(m.host.links)))
	}
	for _, pod := range pods {
		if holders[pod] != 1 {
			t.Fatalf("%d links hold the vmid of %s, want 1", holders[pod], pod)
		}
	}
}

// Interfaces come and go in any order: no name is ever taken twice (host.add
// would refuse it), and the names always lead to the right links.
func TestAddsAndDeletes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &nodeModel{host: newHost(), attachments: map[string]attachment{}}
		t.Repeat(map[string]func(*rapid.T){"add": m.add, "remove": m.remove, "": m.check})
	})
}
