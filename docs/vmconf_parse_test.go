package docs

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// vmConf is what a vm.conf asks for, as far as it is about the network.
type vmConf struct {
	prefix4    string
	inet6      bool
	prefix6    string // "" for one of the machine's own
	switches   []vmSwitch
	interfaces []vmInterface // of all VMs, in order
	chosen     bool          // the last interface is an instance's, which replaces its parent's
}

type vmSwitch struct {
	name, bridge, group string
	rdomain             uint32
	up                  bool
}

type vmInterface struct {
	local, up                 bool
	switchName, group, lladdr string
	rdomain                   uint32
	hasRDomain                bool
}

// readVMConf reads a vm.conf, in the grammar of vmd's parse.y as far as the
// page uses it.
func readVMConf(t *testing.T, text string) *vmConf {
	t.Helper()
	p := &vmConfParser{t: t, tokens: regexp.MustCompile(`"[^"]*"|[{}]|[^\s{}"]+`).FindAllString(text, -1)}
	c := &vmConf{prefix4: "100.64.0.0/10"}
	for p.more() {
		switch word := p.next(); word {
		case "local":
			switch p.next() {
			case "prefix":
				c.prefix4 = p.next()
			case "inet6":
				c.inet6 = true
				if p.accept("prefix") {
					c.prefix6 = p.next()
				}
			}
		case "switch":
			c.switches = append(c.switches, p.readSwitch())
		case "vm":
			c.interfaces = append(c.interfaces, p.readVM()...)
		default:
			t.Fatalf("vm.conf: %q is no keyword here", word)
		}
	}
	return c
}

type vmConfParser struct {
	t      *testing.T
	tokens []string
}

func (p *vmConfParser) more() bool { return len(p.tokens) > 0 }

// next returns the next token, without its quotes.
func (p *vmConfParser) next() string {
	p.t.Helper()
	if !p.more() {
		p.t.Fatal("vm.conf ends too early")
	}
	s := p.tokens[0]
	p.tokens = p.tokens[1:]
	return strings.Trim(s, `"`)
}

func (p *vmConfParser) accept(token string) bool {
	if !p.more() || p.tokens[0] != token {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *vmConfParser) number() uint32 {
	p.t.Helper()
	n, err := strconv.ParseUint(p.next(), 10, 32)
	if err != nil {
		p.t.Fatal(err)
	}
	return uint32(n)
}

func (p *vmConfParser) readSwitch() vmSwitch {
	s := vmSwitch{name: p.next(), up: true}
	for p.accept("{"); !p.accept("}"); {
		switch word := p.next(); word {
		case "interface":
			s.bridge = p.next()
		case "rdomain":
			s.rdomain = p.number()
		case "group":
			s.group = p.next()
		case "down":
			s.up = false
		default:
			p.t.Fatalf("vm.conf: %q is no keyword in switch", word)
		}
	}
	return s
}

func (p *vmConfParser) readVM() []vmInterface {
	p.next() // the name
	if p.accept("instance") {
		p.next()
	}
	var all []vmInterface
	for p.accept("{"); !p.accept("}"); {
		switch word := p.next(); word {
		case "interface":
			all = append(all, p.readInterface(false))
		case "local":
			if p.next() != "interface" {
				p.t.Fatal("vm.conf: local what?")
			}
			all = append(all, p.readInterface(true))
		case "memory", "disk", "owner":
			p.next()
		case "allow": // instance { interface }
			for !p.accept("}") {
				p.next()
			}
		default:
			p.t.Fatalf("vm.conf: %q is no keyword in vm", word)
		}
	}
	return all
}

func (p *vmConfParser) readInterface(local bool) vmInterface {
	i := vmInterface{local: local, up: true}
	if !p.accept("{") {
		return i
	}
	for !p.accept("}") {
		switch word := p.next(); word {
		case "switch":
			i.switchName = p.next()
		case "rdomain":
			i.rdomain, i.hasRDomain = p.number(), true
		case "group":
			i.group = p.next()
		case "lladdr":
			i.lladdr = p.next()
		case "down":
			i.up = false
		default:
			p.t.Fatalf("vm.conf: %q is no keyword in interface", word)
		}
	}
	return i
}
