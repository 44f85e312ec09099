package docs

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/vmid"
)

const vmconf = "vm-conf.md"

// TestVMConfKeywords: the page has each keyword of vm.conf(5), section by
// section, and no other.
func TestVMConfKeywords(t *testing.T) {
	page := read(t, vmconf)
	for heading, want := range map[string][]string{
		"## The file":             {"include", "name=value", "#"},
		"## Global configuration": {"agentx", "local prefix", "local inet6", "local inet6 prefix", "socket owner", "staggered start"},
		"## VM instances":         {"vm", "instance", "allow instance", "boot", "cdrom", "disk", "instance", "memory", "allow instance", "interface", "allow instance", "owner"},
		"## Switch configuration": {"switch", "enable", "disable", "locked lladdr", "group", "interface", "rdomain", "up", "down"},
		"## VM configuration":     {"vm", "allow instance", "boot", "boot device", "cdrom", "enable", "disable", "disk", "format", "interface", "local interface", "interface", "tap", "tapN", "interfaces", "memory", "owner", "sev", "seves", "group", "lladdr", "locked lladdr", "rdomain", "switch", "up", "down"},
	} {
		var have []string
		for _, r := range rows(t, section(t, page, heading), "keyword") {
			have = append(have, spans(r[0])...)
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s has\n%q, vm.conf(5)\n%q", heading, have, want)
		}
	}
}

// TestVMConfLater: the page says of each key that is not supported yet that it
// is not, and of no other.
func TestVMConfLater(t *testing.T) {
	later := laterRows(t)
	link := regexp.MustCompile("\\[`([^`]+)`\\]\\(configuration\\.md")
	linked := 0
	for _, r := range rows(t, read(t, vmconf), "keyword") {
		said := strings.Contains(r[2], "not supported yet")
		for _, m := range link.FindAllStringSubmatch(r[1], -1) {
			linked++
			if is := later[m[1]] != nil; is != said {
				t.Errorf("%s: %s is not supported yet: %t, the page says so: %t", r[0], m[1], is, said)
			}
		}
	}
	if linked < 20 {
		t.Errorf("only %d keys are linked", linked)
	}
}

// TestVMConfExamples: after each vm.conf stand the lists, one for each
// interface in order, that ask for the same. A pod's annotations may choose.
func TestVMConfExamples(t *testing.T) {
	all := blocks(read(t, vmconf))
	compared := 0
	for i := 0; i < len(all); {
		if all[i].language != "conf" {
			t.Fatalf("a block of %q without a vm.conf before it:\n%s", all[i].language, all[i].text)
		}
		want := readVMConf(t, all[i].text)
		i++
		n := 0
		for ; i < len(all) && all[i].language == "json"; i++ {
			annotations := map[string]any{}
			if i+1 < len(all) && all[i+1].language == "yaml" {
				annotations = annotationsOf(all[i+1].text)
				want.choose()
			}
			if n >= len(want.interfaces) {
				t.Fatalf("a list for no interface:\n%s", all[i].text)
			}
			want.compare(t, want.interfaces[n], request(t, all[i].text, annotations))
			n++
			compared++
			if len(annotations) > 0 {
				i++
			}
		}
		if n != len(want.interfaces) {
			t.Errorf("%d interfaces and %d lists:\n%s", len(want.interfaces), n, all[i-1].text)
		}
	}
	if compared < 9 {
		t.Errorf("only %d lists were compared", compared)
	}
}

// annotationsOf returns the annotations of a pod.
func annotationsOf(yaml string) map[string]any {
	all := map[string]any{}
	for _, m := range regexp.MustCompile(`(?m)^ +(vmtap\.dev/\w+): "(.*)"$`).FindAllStringSubmatch(yaml, -1) {
		all[m[1]] = m[2]
	}
	return all
}

// request is what pkg/config makes of a list for a pod with annotations, or
// for none.
func request(t *testing.T, text string, annotations map[string]any) config.Request {
	t.Helper()
	v, ok := decode(text)
	if !ok {
		t.Fatalf("no JSON:\n%s", text)
	}
	l := v.(map[string]any)
	p := l["plugins"].([]any)[0].(map[string]any)
	p["cniVersion"], p["name"] = l["cniVersion"], l["name"]
	args := ""
	if len(annotations) > 0 {
		p["runtimeConfig"] = map[string]any{"io.kubernetes.cri.pod-annotations": annotations}
		args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=one"
	}
	r, err := parse(p, args)
	if err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	return r
}

// choose keeps the instance's interface alone.
func (c *vmConf) choose() {
	c.chosen = true
	c.interfaces = c.interfaces[len(c.interfaces)-1:]
}

// compare fails where a request is not what an interface of vm.conf is.
func (c *vmConf) compare(t *testing.T, i vmInterface, r config.Request) {
	t.Helper()
	equal := func(what string, have, want any) {
		t.Helper()
		if have != want {
			t.Errorf("network %s, %s: the list asks for %v, vm.conf for %v", r.Network, what, have, want)
		}
	}
	rdomain, groups := i.rdomain, []string(nil)
	if i.group != "" {
		groups = append(groups, i.group)
	}
	equal("switch", r.Switch != nil, i.switchName != "")
	if n := slices.IndexFunc(c.switches, func(s vmSwitch) bool { return s.name == i.switchName }); n >= 0 && r.Switch != nil {
		s := c.switches[n]
		equal("bridge", r.Switch.Interface, s.bridge)
		if !c.chosen { // else they stay those of the list
			equal("the switch's name", r.Switch.Name, s.name)
			equal("the switch's number", r.Switch.ID, uint32(n+1))
		}
		equal("the switch's group", r.Switch.Group, s.group)
		equal("the switch's rdomain", r.Switch.RDomain, s.rdomain)
		equal("the switch's up", r.Switch.Up, s.up)
		if !i.hasRDomain {
			rdomain = s.rdomain
		}
		if s.group != "" {
			groups = append(groups, s.group)
		}
	} else if i.switchName != "" {
		t.Errorf("there is no switch %s", i.switchName)
	}
	equal("rdomain", r.RDomain, rdomain)
	equal("groups", strings.Join(r.Groups, " "), strings.Join(groups, " "))
	equal("up", r.Up, i.up)
	if i.lladdr != "" {
		equal("lladdr", r.LLAddr.String(), i.lladdr)
	} else {
		equal("lladdr", r.LLAddr.IsZero(), true)
	}
	equal("local", r.Local != nil, i.local)
	if r.Local == nil {
		return
	}
	equal("local prefix", r.Local.Scheme.Prefix4().String(), c.prefix4)
	own := vmid.AutoPrefix6("4a1f0ac5a2b14c2e8d6c5b7a90e1f233") // see parseText
	switch {
	case !c.inet6:
		equal("local inet6", r.Local.Scheme.Prefix6(), netip.Prefix{})
	case c.prefix6 == "":
		equal("local inet6", r.Local.Scheme.Prefix6(), own)
	default:
		equal("local inet6 prefix", r.Local.Scheme.Prefix6().String(), c.prefix6)
	}
}
