package control

import (
	"fmt"
	"io"
	"slices"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// Held are the attachments of a network that nobody may take away: those that a
// runtime lists, and all of a container of which a runtime lists anything, since
// one that Multus has vmtap make is listed by another name.
func Held(network string, attached []plan.Attached, listed []config.Attachment) config.Collection {
	c := config.Collection{Network: network, Known: true}
	containers := map[string]bool{}
	for _, a := range listed {
		containers[a.ContainerID] = true
		c.Valid = append(c.Valid, config.Attachment{Network: network, ContainerID: a.ContainerID, IfName: a.IfName})
	}
	for i := range attached {
		if a := &attached[i]; containers[a.ContainerID] {
			c.Valid = append(c.Valid, config.Attachment{Network: network, ContainerID: a.ContainerID, IfName: a.IfName})
		}
	}
	return c
}

// Networks are those of attachments, in order, and "" for what belongs to none.
func Networks(attached []plan.Attached) []string {
	networks := []string{""}
	for i := range attached {
		networks = append(networks, attached[i].Network)
	}
	slices.Sort(networks)
	return slices.Compact(networks)
}

// PrintLeft prints what is left of attachments, a line for each.
func PrintLeft(w io.Writer, all []plan.Left) error {
	for i := range all {
		l := &all[i]
		name := plan.AttachmentName(l.ContainerID, l.IfName)
		var err error
		switch {
		case l.HostLink == "":
			_, err = fmt.Fprintf(w, "%s: gateway %s has lost its host link\n", name, l.Gateway)
		case l.Whole:
			_, err = fmt.Fprintf(w, "%s: no runtime lists it, nor anything else of its container: host link %s of network %s\n", name, l.HostLink, l.Network)
		default:
			_, err = fmt.Fprintf(w, "%s: the guest's end is gone: host link %s of network %s\n", name, l.HostLink, l.Network)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
