package plan

import (
	"net/netip"
	"slices"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// MaxIdx is the highest interface number of a VM without local addresses,
// vmd's limit.
const MaxIdx = 126

// Claim is what an attachment claims.
type Claim struct {
	VMID   uint32
	Idx    int
	LLAddr vmid.LLAddr
	Holder bool // its host link holds the VM's own altnames: it was the VM's first

	// DeadGateway is a gateway whose host link is gone and whose name is
	// wanted: it is to be deleted first. "" if there is none.
	DeadGateway string

	// OwnDeadGateway is another one to delete first, which the attachment's own
	// ADD left: its altname is wanted. "" if there is none.
	OwnDeadGateway string
}

// Found is a link that a look-up met.
type Found struct {
	Name     string
	AltNames []string
}

// Finder looks names and altnames up in the host's namespace. What it returns
// holds an entry for each name that some link carries.
type Finder func(names ...string) (map[string]Found, error)

// chooser is one run of Choose. It keeps what was looked up, so that the
// usual case takes one look-up of a handful of names.
type chooser struct {
	req    *config.Request
	bridge string
	find   Finder
	known  map[string]*Found // nil entry: no link carries the name
}

// Choose decides what an attachment claims: the VM id that was asked for, the
// one its VM already has, or the preferred one and, if that is taken, the
// next that is free; the lowest free interface number; the lladdr. It runs
// under the claims lock, so that what is free stays free. bridge is the
// switch's real name, "" without a switch.
func Choose(req *config.Request, bridge string, find Finder) (Claim, error) {
	c := &chooser{req: req, bridge: bridge, find: find, known: map[string]*Found{}}
	first := req.VMID.Requested
	if first == 0 {
		first = vmid.Slot(req.VMName, req.VMID.Min, req.VMID.Max)
	}
	names := append(c.interfaceNames(first, 0), PodName(req.ContainerID), vmid.VM(first), GatewayName(req.ContainerID, req.IfName))
	if bridge != "" {
		names = append(names, lladdrName(c.preferredLLAddr(0), bridge))
	}
	if err := c.lookUp(names); err != nil {
		return Claim{}, err
	}
	claim, err := c.chooseNumber(first)
	if err != nil {
		return Claim{}, err
	}
	if claim.OwnDeadGateway, err = c.ownDeadGateway(claim); err != nil {
		return Claim{}, err
	}
	claim.LLAddr, err = c.chooseLLAddr(claim)
	return claim, err
}

// ownDeadGateway returns a gateway that is left of the attachment and has
// another name than the one that is wanted.
func (c *chooser) ownDeadGateway(claim Claim) (string, error) {
	g, err := c.get(GatewayName(c.req.ContainerID, c.req.IfName))
	if err != nil || g == nil || g.Name == claim.DeadGateway {
		return "", err
	}
	dead, err := c.isDead(g)
	if !dead {
		return "", err
	}
	return g.Name, err
}

func (c *chooser) chooseNumber(first uint32) (Claim, error) {
	sibling, err := c.get(PodName(c.req.ContainerID))
	if err != nil {
		return Claim{}, err
	}
	switch {
	case sibling != nil:
		return c.nextInterface(sibling)
	case c.req.VMID.Requested != 0:
		return c.requested()
	}
	return c.probe(first)
}

// requested claims the VM id that was asked for.
func (c *chooser) requested() (Claim, error) {
	id := c.req.VMID.Requested
	claim, holder, err := c.try(id)
	if err != nil {
		return Claim{}, err
	}
	if holder != "" {
		return Claim{}, config.Errorf(config.CodeTaken, "claim vmid %d: %q has it, choose another or none", id, holder)
	}
	return claim, nil
}

// probe claims the preferred VM id or, from there on, the first that is free.
func (c *chooser) probe(preferred uint32) (Claim, error) {
	const chunk = 32
	r := &c.req.VMID
	size := r.Max - r.Min + 1
	for n := range size {
		id := r.Min + (preferred-r.Min+n)%size
		if n%chunk == 1 {
			ahead := make([]string, 0, chunk)
			for k := range min(chunk, size-n) {
				ahead = append(ahead, vmid.VM(r.Min+(id-r.Min+k)%size))
			}
			if err := c.lookUp(ahead); err != nil {
				return Claim{}, err
			}
		}
		claim, holder, err := c.try(id)
		if err != nil {
			return Claim{}, err
		}
		if holder == "" {
			return claim, nil
		}
		if !r.Probe {
			return Claim{}, config.Errorf(config.CodeTryAgainLater, "claim vmid %d of VM %q: %q has it and vmid.probe is false, request another vmid", id, c.req.VMName, holder)
		}
	}
	return Claim{}, config.Errorf(config.CodeTryAgainLater, "claim a vmid: all of %d-%d are taken, widen vmid.range or local.prefix", r.Min, r.Max)
}

// try claims a VM id for the first interface of a VM. holder names the link
// that has it, "" if it is free.
func (c *chooser) try(id uint32) (claim Claim, holder string, err error) {
	vm, err := c.get(vmid.VM(id))
	if err != nil || vm != nil {
		return Claim{}, nameOf(vm), err
	}
	claim, holder, err = c.tryInterface(id, 0)
	claim.Holder = true
	return claim, holder, err
}

// nextInterface claims the lowest free interface number of the VM that the
// pod already is.
func (c *chooser) nextInterface(sibling *Found) (Claim, error) {
	id, _, ok := vmid.ParseHostLink(sibling.Name)
	r := &c.req.VMID
	switch {
	case !ok:
		return Claim{}, config.Errorf(config.CodeInvalidConfig, "find the VM of pod %q: its link is named %q, not vm<vmid>-if<idx>, name it back", c.req.ContainerID, sibling.Name)
	case r.Requested != 0 && r.Requested != id:
		return Claim{}, config.Errorf(config.CodeInvalidConfig, "claim vmid %d: the VM has vmid %d already", r.Requested, id)
	case id < r.Min || id > r.Max:
		return Claim{}, config.Errorf(config.CodeInvalidConfig, "use the VM's vmid %d: outside this network's range %d-%d, give the networks of one VM the same range", id, r.Min, r.Max)
	}
	const chunk = 8
	last := c.lastIdx()
	for idx := 0; idx <= last; idx++ {
		if idx%chunk == 0 {
			var ahead []string
			for k := idx; k <= min(idx+chunk-1, last); k++ {
				ahead = append(ahead, c.interfaceNames(id, k)...)
			}
			if err := c.lookUp(ahead); err != nil {
				return Claim{}, err
			}
		}
		claim, holder, err := c.tryInterface(id, idx)
		if err != nil || holder == "" {
			return claim, err
		}
	}
	return Claim{}, config.Errorf(config.CodeTryAgainLater, "claim an interface of VM %d: all of 0-%d are taken", id, last)
}

// tryInterface claims (vmid, idx).
func (c *chooser) tryInterface(id uint32, idx int) (claim Claim, holder string, err error) {
	names := c.interfaceNames(id, idx)
	if err := c.lookUp(names); err != nil {
		return Claim{}, "", err
	}
	claim = Claim{VMID: id, Idx: idx}
	gateway := vmid.Gateway(id, idx)
	for _, name := range names {
		found := c.known[name]
		if found == nil {
			continue
		}
		if name == vmid.GatewayPeer(id, idx) && claim.DeadGateway != "" {
			continue // it goes with the gateway
		}
		if name == gateway {
			dead, err := c.isDead(found)
			if err != nil {
				return Claim{}, "", err
			}
			if dead {
				claim.DeadGateway = found.Name
				continue
			}
		}
		return Claim{}, found.Name, nil
	}
	return claim, "", nil
}

// isDead reports whether a link is a gateway of vmtap's that was left behind:
// a gateway never precedes its host link, and we hold the claims lock. The
// host link is looked for by its attachment, since somebody may have given it
// another name.
func (c *chooser) isDead(gateway *Found) (bool, error) {
	attachment, ok := GatewayOf(gateway.AltNames)
	if !ok {
		return false, nil
	}
	hostLink, err := c.get(attachment)
	return hostLink == nil, err
}

// interfaceNames are the names that (vmid, idx) stands for.
func (c *chooser) interfaceNames(id uint32, idx int) []string {
	names := []string{vmid.HostLink(id, idx), vmid.Gateway(id, idx)}
	if gatewayInHost(c.req) {
		names = append(names, vmid.GatewayPeer(id, idx)) // after the gateway, see tryInterface
	}
	if guest4 := c.guest4(id, idx); guest4.IsValid() {
		names = append(names, addrName(guest4))
	}
	return names
}

func (c *chooser) guest4(id uint32, idx int) netip.Addr {
	if c.req.Local == nil {
		return netip.Addr{}
	}
	// Out of range is no address here; New says why, in full.
	addrs, _ := c.req.Local.Scheme.Addrs(id, idx)
	return addrs.Guest4
}

func (c *chooser) lastIdx() int {
	if c.req.Local == nil {
		return MaxIdx
	}
	return c.req.Local.Scheme.MaxIdx()
}

// chooseLLAddr claims the lladdr. Only on a switch can two guests meet.
func (c *chooser) chooseLLAddr(claim Claim) (vmid.LLAddr, error) {
	a := c.preferredLLAddr(claim.Idx)
	if c.bridge == "" {
		return a, nil
	}
	holder, err := c.get(lladdrName(a, c.bridge))
	if err != nil || holder == nil {
		return a, err
	}
	if !c.req.LLAddr.IsZero() {
		return a, config.Errorf(config.CodeTaken, "claim lladdr %s on switch %q: %q has it, choose another or none", a, c.bridge, holder.Name)
	}
	a = vmid.DeriveLLAddrMixed(c.req.VMName, claim.Idx, claim.VMID)
	holder, err = c.get(lladdrName(a, c.bridge))
	if err == nil && holder != nil {
		err = config.Errorf(config.CodeTryAgainLater, "claim lladdr %s on switch %q: %q has it, request one", a, c.bridge, holder.Name)
	}
	return a, err
}

func (c *chooser) preferredLLAddr(idx int) vmid.LLAddr {
	if !c.req.LLAddr.IsZero() {
		return c.req.LLAddr
	}
	return vmid.DeriveLLAddr(c.req.VMName, idx)
}

// get returns the link that carries a name, nil if none does.
func (c *chooser) get(name string) (*Found, error) {
	err := c.lookUp([]string{name})
	return c.known[name], err
}

// lookUp makes names known, those that are not yet.
func (c *chooser) lookUp(names []string) error {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		_, ok := c.known[name]
		return ok
	})
	if len(names) == 0 {
		return nil
	}
	found, err := c.find(names...)
	if err != nil {
		return err
	}
	for _, name := range names {
		c.known[name] = nil
		if f, ok := found[name]; ok {
			c.known[name] = &f
		}
	}
	return nil
}

func nameOf(f *Found) string {
	if f == nil {
		return ""
	}
	return f.Name
}
