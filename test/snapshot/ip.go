package snapshot

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vmtap/vmtap/test/netns"
)

// ipCommands are run by one process, since its start costs more than what it does.
var ipCommands = []struct {
	command string
	lines   func(object) []string
}{
	{"link show", linkLines},
	{"addr show", addrLines},
	{"route show table all", routeLines},
	{"rule show", ruleLines},
	{"neigh show nud permanent", neighbourLines},
	{"neigh show proxy", proxyLines},
	{"nexthop show", func(o object) []string { return []string{line("nexthop", o, "id")} }},
}

func ipLines(ns *netns.NS) ([]string, error) {
	var batch strings.Builder
	for _, c := range ipCommands {
		fmt.Fprintln(&batch, c.command)
	}
	out, err := run(ns, batch.String(), "ip", "-details", "-json", "-batch", "-")
	if err != nil {
		return nil, err
	}
	docs, err := documents(out)
	if err != nil {
		return nil, err
	}
	if len(docs) != len(ipCommands) {
		return nil, fmt.Errorf("ip answered %d of %d commands: %.200q", len(docs), len(ipCommands), out)
	}
	var lines []string
	for i, c := range ipCommands {
		for _, o := range docs[i] {
			lines = append(lines, c.lines(o)...)
		}
	}
	return lines, nil
}

// rule6Lines are apart because ip shows the rules of one family only.
func rule6Lines(ns *netns.NS) ([]string, error) {
	return list(ns, func(o object) []string { return []string{line("rule inet6", o, "priority")} },
		"ip", "-6", "-details", "-json", "rule", "show")
}

// list runs a command that prints one array. A kernel that does not know its objects has none.
func list(ns *netns.NS, convert func(object) []string, name string, args ...string) ([]string, error) {
	out, err := run(ns, "", name, args...)
	if errors.Is(err, errUnsupported) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	docs, err := documents(out)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, doc := range docs {
		for _, o := range doc {
			lines = append(lines, convert(o)...)
		}
	}
	return lines, nil
}

// linkLines are a line for each attribute, since a link has about fifty.
func linkLines(o object) []string {
	name := o.text("ifname")
	if _, elsewhere := o["link_netnsid"]; elsewhere {
		o["link_netnsid"] = "other" // the number depends on who came first
	}
	o.drop("flags", "LOWER_UP", "NO-CARRIER", "M-DOWN") // follow the carrier and the peer
	var lines []string
	if altnames, ok := o["altnames"].([]any); ok {
		for _, altname := range altnames {
			lines = append(lines, fmt.Sprintf("link %s altname: %v", name, altname))
		}
		delete(o, "altnames")
	}
	fields := map[string]string{}
	flatten(fields, "", o)
	for path, value := range fields {
		if !volatileOfLink(path) {
			lines = append(lines, fmt.Sprintf("link %s %s: %s", name, path, value))
		}
	}
	return lines
}

func volatileOfLink(path string) bool {
	switch path {
	case "ifname", "ifindex", "link_index",
		"operstate", "linkinfo.info_slave_data.state", // follow the carrier
		"qdisc": // stands among the qdiscs
		return true
	}
	return strings.HasSuffix(path, "_timer")
}

func addrLines(o object) []string {
	dev := o.text("ifname")
	infos, _ := o["addr_info"].([]any)
	var lines []string
	for _, info := range infos {
		addr := object(info.(map[string]any))
		delete(addr, "tentative")
		for _, life := range []string{"valid_life_time", "preferred_life_time"} {
			const forever = "4294967295"
			switch value := fmt.Sprint(addr[life]); value {
			case forever:
				addr[life] = "forever"
			case "0":
			default:
				addr[life] = "some"
			}
		}
		addr["local"] = fmt.Sprintf("%v/%v", addr["local"], addr["prefixlen"])
		delete(addr, "prefixlen")
		lines = append(lines, line("addr "+dev, addr, "family", "local"))
	}
	return lines
}

func routeLines(o object) []string {
	dst, kind := o.text("dst"), o.text("type")
	switch {
	case strings.HasPrefix(dst, "fe80:") && (kind == "local" || kind == "anycast"):
		return nil // comes only when duplicate address detection is done
	case dst == "ff00::/8" && kind == "multicast":
		return nil // follows the carrier
	}
	o.drop("flags", "linkdown")
	delete(o, "expires")
	return []string{line("route", o, "table", "type", "dst")}
}

func ruleLines(o object) []string { return []string{line("rule inet", o, "priority")} }

func neighbourLines(o object) []string {
	if !o.has("state", "PERMANENT") { // old kernels do not filter by it
		return nil
	}
	return []string{line("neigh", o, "dev", "dst")}
}

func proxyLines(o object) []string {
	if _, proxy := o["proxy"]; !proxy {
		return nil
	}
	return []string{line("neigh proxy", o, "dev", "dst")}
}
