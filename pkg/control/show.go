package control

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/vmtap/vmtap/pkg/plan"
)

// Filter says which attachments are shown. The zero Filter shows all.
type Filter struct {
	What    string // a VM's name or id, a container id, alone or with @interface, a link's name, an address or an lladdr; "" for all
	Group   string // "" for any
	RDomain string // a number, 0 for the default rdomain; "" for any
	Network string // "" for any
}

// Select returns the attachments that a filter lets through, in the order of
// their VMs' ids.
func Select(all []plan.Attached, f Filter) []plan.Attached {
	some := slices.DeleteFunc(slices.Clone(all), func(a plan.Attached) bool { return !f.takes(&a) })
	slices.SortFunc(some, func(a, b plan.Attached) int {
		return cmp.Or(cmp.Compare(a.VMID, b.VMID), cmp.Compare(a.Idx, b.Idx))
	})
	return some
}

func (f Filter) takes(a *plan.Attached) bool {
	if f.Group != "" && !slices.Contains(a.Groups, f.Group) {
		return false
	}
	if f.RDomain != "" && rdomainOf(a) != f.RDomain {
		return false
	}
	if f.Network != "" && a.Network != f.Network {
		return false
	}
	return f.What == "" || slices.Contains(namesOf(a), f.What)
}

// namesOf are all by which people know an attachment.
func namesOf(a *plan.Attached) []string {
	names := []string{fmt.Sprint(a.VMID), fmt.Sprintf("vm%d", a.VMID), a.ContainerID, plan.AttachmentName(a.ContainerID, a.IfName), a.HostLink, a.LLAddr.String()}
	if a.VM != "" {
		names = append(names, a.VM, a.VM[strings.LastIndex(a.VM, "/")+1:])
	}
	if a.Gateway != "" {
		names = append(names, a.Gateway)
	}
	for _, addr := range slices.Concat(a.Leases, []netip.Addr{a.Addrs.Host4, a.Addrs.Guest4, a.Addrs.Host6, a.Addrs.Guest6}) {
		if addr.IsValid() {
			names = append(names, addr.String())
		}
	}
	return names
}

// rdomainOf is the number of an attachment's rdomain, or the name of a VRF that is
// not one of vmtap's.
func rdomainOf(a *plan.Attached) string {
	if a.RDomain == "" {
		return "0"
	}
	return strings.TrimPrefix(a.RDomain, "rdomain")
}

// guestAddrs are the guest's own.
func guestAddrs(a *plan.Attached) (addrs []netip.Addr) {
	for _, addr := range append([]netip.Addr{a.Addrs.Guest4, a.Addrs.Guest6}, a.Leases...) {
		if addr.IsValid() {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// Table prints a row for each attachment. What there is nothing of is "-".
func Table(w io.Writer, all []plan.Attached) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "VMID\tVM\tINTERFACE\tADDRESSES\tLLADDR\tSWITCH\tRDOMAIN\tGROUPS\tSTATE\tDROPS")
	for i := range all {
		a := &all[i]
		state := "up"
		if !a.Up {
			state = "down"
		}
		lladdr := ""
		if !a.LLAddr.IsZero() {
			lladdr = a.LLAddr.String()
		}
		row := []string{
			fmt.Sprint(a.VMID), a.VM, a.HostLink, joined(guestAddrs(a)), lladdr, a.Switch, rdomainOf(a),
			strings.Join(a.Groups, ","), state, fmt.Sprint(a.Dropped),
		}
		for i, cell := range row {
			row[i] = cmp.Or(printable(cell), "-")
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}

// printable keeps a description, which anybody can have written, from changing the
// table or the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

func joined(addrs []netip.Addr) string {
	words := make([]string, len(addrs))
	for i, a := range addrs {
		words[i] = a.String()
	}
	return strings.Join(words, ",")
}

// object is an attachment as JSON has it.
type object struct {
	VMID        uint32       `json:"vmid"`
	Idx         int          `json:"idx"`
	VM          string       `json:"vm,omitempty"`
	ContainerID string       `json:"containerID"`
	IfName      string       `json:"ifName"`
	Network     string       `json:"network"`
	HostLink    string       `json:"hostLink"`
	Gateway     string       `json:"gateway,omitempty"`
	Addresses   []netip.Addr `json:"addresses,omitempty"`
	Gateways    []netip.Addr `json:"gateways,omitempty"`
	LLAddr      string       `json:"lladdr,omitempty"`
	Switch      string       `json:"switch,omitempty"`
	RDomain     string       `json:"rdomain"`
	Groups      []string     `json:"groups,omitempty"`
	Up          bool         `json:"up"`
	Dropped     uint64       `json:"dropped"`
}

// JSON prints a list of all attachments.
func JSON(w io.Writer, all []plan.Attached) error {
	objects := make([]object, len(all))
	for i := range all {
		a := &all[i]
		o := object{
			VMID: a.VMID, Idx: a.Idx, VM: a.VM, ContainerID: a.ContainerID, IfName: a.IfName, Network: a.Network,
			HostLink: a.HostLink, Gateway: a.Gateway, Addresses: guestAddrs(a), Switch: a.Switch, RDomain: rdomainOf(a),
			Groups: a.Groups, Up: a.Up, Dropped: a.Dropped,
		}
		if !a.LLAddr.IsZero() {
			o.LLAddr = a.LLAddr.String()
		}
		for _, host := range []netip.Addr{a.Addrs.Host4, a.Addrs.Host6} {
			if host.IsValid() {
				o.Gateways = append(o.Gateways, host)
			}
		}
		objects[i] = o
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "    ")
	return e.Encode(objects)
}
