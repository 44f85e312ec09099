package kernel

import (
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
)

// Census looks at all that is to be counted. It changes nothing. It dumps links, and
// the ports of switches.
func (s *Session) Census() (*plan.Census, error) {
	links, err := s.linksOfVMs()
	if err != nil {
		return nil, err
	}
	drops := map[int32]uint64{}
	if err := s.host.do(getAllDrops(drops)); err != nil {
		return nil, err
	}
	networks, ports := map[string]string{}, map[int32]bool{} // by attachment, and by bridge
	for _, l := range links {
		network := plan.NetworkOf(l.altNames)
		if containerID, ifName, ok := plan.AttachmentOf(l.altNames); ok && network != "" {
			networks[plan.AttachmentName(containerID, ifName)] = network
			ports[l.master] = true
		}
	}
	c := &plan.Census{FreePorts: map[string]int{}}
	for _, l := range links {
		attachment, gateway := plan.GatewayOf(l.altNames)
		if !gateway {
			containerID, ifName, _ := plan.AttachmentOf(l.altNames)
			attachment = plan.AttachmentName(containerID, ifName)
		}
		if networks[attachment] == "" {
			continue
		}
		containerID, _, _ := strings.Cut(attachment, "@")
		c.Links = append(c.Links, plan.CountedLink{
			Index: l.index, Name: l.name, Network: networks[attachment], ContainerID: containerID, Gateway: gateway, Dropped: uint32(drops[l.index]),
		})
	}
	var bridges []*link
	if err := s.host.do(getLinksOfKind(plan.KindBridge, &bridges)); err != nil {
		return nil, err
	}
	for _, b := range bridges {
		if !ports[b.index] && !b.has(plan.SwitchName(b.name)) {
			continue
		}
		used := 0
		if err := s.host.do(countPorts(b, &used)); err != nil {
			return nil, err
		}
		c.FreePorts[b.name] = max(0, maxPorts-used)
	}
	return c, nil
}

// countPorts counts a bridge's ports.
func countPorts(bridge *link, into *int) *message {
	m := newMessage(unix.RTM_GETLINK, unix.NLM_F_DUMP, "look up the ports of %s", bridge.name)
	m.AddData(ifinfo(0))
	m.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(bridge.index))))
	m.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(rtextFilterSkipStats)))
	m.receive = func(data []byte) error {
		l, err := parseLink(data)
		if err == nil && l.master == bridge.index {
			*into++
		}
		return err
	}
	return m
}
