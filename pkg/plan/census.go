package plan

import "github.com/vmtap/vmtap/pkg/vmid"

// Census is what there is on a node to be counted.
type Census struct {
	Links     []CountedLink
	FreePorts map[string]int // by bridge
}

// CountedLink is a host link or a gateway.
type CountedLink struct {
	Index       int32
	Name        string
	Network     string
	ContainerID string
	Gateway     bool
	Dropped     uint32 // frames that were refused; the kernel counts no further
}

// Interfaces counts interfaces by network.
func (c *Census) Interfaces() map[string]int {
	all := map[string]int{}
	for _, l := range c.Links {
		if !l.Gateway {
			all[l.Network]++
		}
	}
	return all
}

// VMs counts VMs.
func (c *Census) VMs() int {
	all := map[string]bool{}
	for _, l := range c.Links {
		all[l.ContainerID] = true
	}
	return len(all)
}

// FreeVMIDs counts the vmids of a range that no VM has, of whatever network.
func (c *Census) FreeVMIDs(first, last uint32) int {
	used := map[uint32]bool{}
	for _, l := range c.Links {
		if id, _, ok := vmid.ParseHostLink(l.Name); ok && id >= first && id <= last {
			used[id] = true
		}
	}
	return int(last-first) + 1 - len(used)
}
