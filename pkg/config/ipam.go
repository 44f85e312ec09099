package config

import (
	"encoding/json"
	"errors"
	"strings"
)

// IPAMDHCP is the IPAM plugin whose addresses come through the interface
// itself: it is delegated to while the links stand.
const IPAMDHCP = "dhcp"

// readIPAM reads which plugin gives the interface its addresses, "" for none.
// The rest of the block is for that plugin.
func readIPAM(top *fields) string {
	n, ok := top.get("ipam")
	if !ok {
		return ""
	}
	ipam := n.fields()
	if len(ipam.value.members) == 0 {
		return ""
	}
	plugin := parsed(ipam.require("type"), parsePlugin)
	if self, ok := top.get("type"); ok && self.value.text == plugin && plugin != "" {
		n.fail(CodeInvalidConfig, "read ipam.type %s: the plugin itself, name an IPAM plugin such as host-local", quote(plugin))
	}
	return plugin
}

// parsePlugin checks the name of a plugin, which is looked for in the
// directories of CNI_PATH and must not lead out of them.
func parsePlugin(s string) (string, error) {
	switch {
	case s == "." || s == ".." || strings.Contains(s, "/"):
		return "", errors.New("want the name of a plugin in CNI_PATH, not a path")
	case s == "":
		return "", errors.New("want the name of a plugin in CNI_PATH, or no ipam")
	}
	return parseWord(s)
}

// checkIPAM refuses an IPAM plugin where its addresses have no place.
func (d *draft) checkIPAM() {
	switch {
	case d.IPAM == "":
	case d.Local != nil:
		d.fail(CodeInvalidConfig, "read ipam: contradicts local, whose addresses follow from the vmid, drop one of them")
	case d.Switch == nil:
		d.fail(CodeInvalidConfig, "read ipam: only an interface on a switch can have one, add switch or drop ipam")
	case d.IPAM == IPAMDHCP && d.Device == DeviceTap:
		d.fail(CodeInvalidConfig, "read ipam.type %s: behind a tap its daemon is not heard, drop ipam, the guest asks the DHCP server on the switch itself", quote(d.IPAM))
	}
}

// ipamOf returns the IPAM plugin of a configuration that only its keys are
// known of. One that no ADD accepts is none, for no ADD has delegated to it.
func ipamOf(top map[string]json.RawMessage) string {
	var ipam struct{ Type string }
	var self string
	if json.Unmarshal(top["ipam"], &ipam) != nil {
		return ""
	}
	if _, err := parsePlugin(ipam.Type); err != nil {
		return ""
	}
	if json.Unmarshal(top["type"], &self) == nil && self == ipam.Type {
		return ""
	}
	return ipam.Type
}
