package main

// otherWords are keys that are not vmtap's, or stand on another level, with
// what vmtap says about them.
type otherWords struct {
	keys   []string
	advice string // the end of the message
}

func others() []otherWords {
	return []otherWords{
		{[]string{"bridge", "brName", "master", "interface"}, "vmtap's word is switch.interface"},
		{[]string{"create"}, "vmtap's word is switch.create"},
		{[]string{"isGateway", "isDefaultGateway"}, "vmtap's word is local"},
		{[]string{"prefix"}, "vmtap's word is local.prefix"},
		{[]string{"prefix6"}, "vmtap's word is local.prefix6"},
		{[]string{"inet6"}, "vmtap's word is local.inet6"},
		{[]string{"bits"}, "vmtap's word is local.bits"},
		{[]string{"mac", "hwaddr"}, "vmtap's word is lladdr"},
		{[]string{"macspoofchk"}, "vmtap's word is locked"},
		{[]string{"ipMasqBackend"}, "vmtap's word is ipMasq"},
		{[]string{"vlanId"}, "vmtap's word is vlan"},
		{[]string{"vrfname", "table"}, "vmtap's word is rdomain"},
		{[]string{"disableContainerInterface"}, "vmtap's word is up"},
		{[]string{"owner", "uid"}, "vmtap's word is tap.uid"},
		{[]string{"gid"}, "vmtap's word is tap.gid"},
		{[]string{"multi_queue", "multiQueue"}, "vmtap's word is tap.multiQueue"},
		{[]string{"vnet_hdr", "vnetHdr"}, "vmtap's word is tap.vnetHdr"},
		{[]string{"selinuxContext"}, "vmtap's word is tap.selinuxContext"},
		{[]string{"range"}, "vmtap's word is vmid.range"},
		{[]string{"probe"}, "vmtap's word is vmid.probe"},
		{[]string{"hairpinMode"}, "vmtap has none: a guest's own frames never come back to it"},
		{[]string{"promiscMode"}, "vmtap has none: set it on the bridge itself"},
		{[]string{"forceAddress"}, "vmtap has none: it puts no address on a bridge"},
		{[]string{"enabledad"}, "vmtap has none: derived addresses have no duplicates"},
		{[]string{"preserveDefaultVlan"}, "vmtap has none: a port with a vlan is never in the default one"},
		{[]string{"sysctl", "promisc", "allmulti", "txQLen"}, "chain the tuning plugin for it"},
	}
}
