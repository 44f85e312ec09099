package plan

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// The altnames are vmtap's database. What varies stands early in each: the
// kernel hashes only the first 16 bytes of a name.

// gatewayMark begins the altname by which a gateway is known as vmtap's.
const gatewayMark = "gw:"

// tapMark stands between a tap's name and its network's: a network's name has
// no ':'.
const tapMark = ":net:"

// danMark stands in the altname of a host link that a sandbox's file for Kata lists,
// between the link's name and the directory. No group's name has a ':'.
const danMark = ":dan:"

// danSlash stands for '/' there: ip(8) takes no name with one.
const danSlash = "+"

// AttachmentName is the altname by which DEL, CHECK and people find an
// attachment's host link.
func AttachmentName(containerID, ifName string) string { return containerID + "@" + ifName }

// PodName is the altname that leads from a pod to its VM.
func PodName(containerID string) string { return "pod:" + containerID }

// NetworkName is the altname that marks a host link as vmtap's, of a network.
func NetworkName(hostLink, network string) string { return hostLink + ".net." + network }

// TapNetworkName is the altname that marks a tap of placement chained as
// vmtap's, of a network.
func TapNetworkName(tap, network string) string { return tap + tapMark + network }

// SwitchName is the altname that marks a bridge as made by vmtap.
func SwitchName(bridge string) string { return bridge + ".switch" }

// GatewayName is the altname by which a gateway is found.
func GatewayName(containerID, ifName string) string {
	return gatewayMark + AttachmentName(containerID, ifName)
}

// danName is the altname that records in which directory a sandbox's file for Kata
// lists this host link: DEL must find it whatever the configuration says by then.
func danName(hostLink, dir string) string {
	return hostLink + danMark + strings.ReplaceAll(dir, "/", danSlash)
}

// DANDirOf returns the directory that a host link's altnames record, "" for none.
func DANDirOf(hostLink string, altNames []string) string {
	for _, a := range altNames {
		if dir, ok := strings.CutPrefix(a, hostLink+danMark); ok {
			return strings.ReplaceAll(dir, danSlash, "/")
		}
	}
	return ""
}

func groupName(hostLink, group string) string { return hostLink + "." + group }

func lladdrName(a vmid.LLAddr, bridge string) string { return a.Hex() + ".lladdr." + bridge }

// leaseName is the altname that claims an address of an IPAM plugin on a switch.
func leaseName(a netip.Addr, bridge string) string { return a.String() + ".ip." + bridge }

func addrName(guest4 netip.Addr) string { return guest4.String() }

// GatewayOf returns the attachment, as AttachmentName has it, that a gateway
// with these altnames belongs to. It reports false if they are no gateway's.
func GatewayOf(altNames []string) (attachment string, ok bool) {
	for _, a := range altNames {
		attachment, ok = strings.CutPrefix(a, gatewayMark)
		if ok && strings.Contains(attachment, "@") {
			return attachment, true
		}
	}
	return "", false
}

// AttachmentOf returns the attachment that a host link's altnames name. It
// reports false if they name none.
func AttachmentOf(altNames []string) (containerID, ifName string, ok bool) {
	for _, a := range altNames {
		if strings.HasPrefix(a, gatewayMark) {
			continue
		}
		if containerID, ifName, ok = strings.Cut(a, "@"); ok {
			return containerID, ifName, true
		}
	}
	return "", "", false
}

// Guest4Of returns the guest's IPv4 address that a local interface's host link
// claims by its altnames, an invalid one if there is none.
func Guest4Of(altNames []string) netip.Addr {
	for _, a := range altNames {
		if addr, err := netip.ParseAddr(a); err == nil && addr.Is4() {
			return addr
		}
	}
	return netip.Addr{}
}

// IsOwned reports whether altnames hold a mark of ownership: a host link
// carries its network's, a gateway its attachment's.
func IsOwned(altNames []string) bool {
	if _, ok := GatewayOf(altNames); ok {
		return true
	}
	return slices.ContainsFunc(altNames, func(a string) bool {
		_, ok := networkOf(a)
		return ok
	})
}

// IsOfNetwork reports whether altnames mark a host link of this network.
func IsOfNetwork(altNames []string, network string) bool {
	return slices.ContainsFunc(altNames, func(a string) bool {
		n, ok := networkOf(a)
		return ok && n == network
	})
}

// IsTapOfNetwork reports whether altnames mark a tap of placement chained of
// this network.
func IsTapOfNetwork(altNames []string, network string) bool {
	return slices.ContainsFunc(altNames, func(a string) bool { return strings.HasSuffix(a, tapMark+network) })
}

// networkOf is the inverse of NetworkName. It reports false for every other
// altname, that of an attachment whose container id looks like one included:
// a network's name has no '@'.
func networkOf(altName string) (network string, ok bool) {
	link, network, ok := strings.Cut(altName, ".net.")
	if _, _, isLink := vmid.ParseHostLink(link); !isLink || network == "" || strings.Contains(network, "@") {
		return "", false
	}
	return network, ok
}
