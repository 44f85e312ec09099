package e2e

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
)

// docs/troubleshooting.md has symptoms, and lines of vmtapctl that show what is behind each. Here each symptom is made, and the
// page's own lines are run then: they must say what the page says.

// symptom is one while it is made.
type symptom struct {
	*cacheNode
	t      *testing.T
	dir    string            // of configurations, /etc/cni/net.d on the page
	blocks [][]string        // the section's, of commands and what they print
	paths  map[string]string // names of pods' namespaces, by path
}

// symptoms is what makes each symptom, by the heading of its section. Each shows the section's blocks in order, when it has come
// so far.
func symptoms() map[string]func(s *symptom) {
	return map[string]func(s *symptom){
		"The guest gets nothing":                     guestGetsNothing,
		"The guest has no address":                   guestHasNoAddress,
		"A VM has another address than before":       addressMoved,
		"Two VMs have one address":                   oneAddress,
		"The node is NotReady":                       nodeNotReady,
		"Tailscale or OVN-Kubernetes is on the node": prefixInUse,
		"SELinux": noSELinux,
	}
}

// sections are the page's sections of symptoms, by heading.
func sections(t *testing.T) map[string][][]string {
	t.Helper()
	text, err := os.ReadFile(source + "/docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(text), "\n## By symptom\n")
	part, _, _ = strings.Cut(part, "\n## ")
	all := map[string][][]string{}
	for _, section := range strings.Split(part, "\n### ")[1:] {
		heading, body, _ := strings.Cut(section, "\n")
		var blocks [][]string
		inBlock := false
		for line := range strings.Lines(body) {
			line, code := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "    ")
			if code && !inBlock {
				blocks = append(blocks, nil)
			}
			if inBlock = code; code {
				blocks[len(blocks)-1] = append(blocks[len(blocks)-1], line)
			}
		}
		all[heading] = slices.DeleteFunc(blocks, func(b []string) bool { return !strings.HasPrefix(b[0], "$ vmtapctl ") })
	}
	return all
}

// TestSymptoms makes each symptom of the page.
func TestSymptoms(t *testing.T) {
	wantsNoVRF(t)
	all := sections(t)
	for heading := range all {
		if symptoms()[heading] == nil {
			t.Errorf("nothing makes the symptom %q", heading)
		}
	}
	for heading, produce := range symptoms() {
		t.Run(heading, func(t *testing.T) {
			s := &symptom{newCacheNode(t), t, t.TempDir(), all[heading], map[string]string{}}
			if len(s.blocks) == 0 {
				t.Fatal("the page has no line of vmtapctl for it")
			}
			produce(s)
			if len(s.blocks) != 0 {
				t.Errorf("not shown: %q", s.blocks)
			}
		})
	}
}

// configure is a configuration in the directory.
func (s *symptom) configure(file, block string) {
	s.t.Helper()
	write(s.t, filepath.Join(s.dir, file), fmt.Sprintf(`{"cniVersion": "1.0.0", "cniVersions": ["1.0.0", "1.1.0"], "name": "vmnet", "plugins": [{"type": "vmtap", %s}]}`, block))
}

// vm is a VM, named by its sandbox up to a hyphen, with a vmid if it is not 0.
func (s *symptom) vm(name string, vmid int, block string) (*attachment, *guest.Guest) {
	s.t.Helper()
	p := s.newPod(s.t, name)
	s.paths[p.Path()] = name
	call := p.call("eth0", conf(block))
	vm, _, _ := strings.Cut(name, "-")
	call.Args = "VMNAME=" + vm
	if vmid != 0 {
		call.Args += fmt.Sprint(";VMID=", vmid)
	}
	a := s.add(s.t, call)
	return a, a.boot(p)
}

// shows runs the section's next block of commands and holds what each prints to the page. From "..." on the page does not
// show it.
func (s *symptom) shows() {
	s.t.Helper()
	if len(s.blocks) == 0 {
		s.t.Fatal("the page shows nothing for this")
	}
	block := s.blocks[0]
	s.blocks = s.blocks[1:]
	for len(block) > 0 {
		end := 1 + slices.IndexFunc(block[1:], func(line string) bool { return strings.HasPrefix(line, "$ ") })
		if end == 0 {
			end = len(block)
		}
		want := block[1:end]
		got := s.run(strings.TrimPrefix(block[0], "$ "))
		if i := slices.Index(want, "..."); i >= 0 {
			want, got = want[:i], got[:min(i, len(got))]
		}
		expect(s.t, block[0], got, want)
		block = block[end:]
	}
}

// run is the lines that a command of the page prints on the node.
func (s *symptom) run(command string) []string {
	s.t.Helper()
	command = strings.ReplaceAll(command, "/etc/cni/net.d", s.dir)
	if strings.HasPrefix(command, "vmtapctl check") {
		command += " --cache-dir " + s.cache + " --bin-dir " + strings.Join(s.bins, ",")
	}
	out, _ := s.Command("sh", "-c", fmt.Sprintf("PATH=%s:$PATH; %s", filepath.Dir(s.Bin), command)).CombinedOutput() // its status is 1 where something is wrong
	text := strings.ReplaceAll(string(out), s.dir, "/etc/cni/net.d")
	for path, name := range s.paths {
		text = strings.ReplaceAll(text, path, "/run/netns/"+name)
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "node: the kernel has no VRFs") }) // that is this kernel's
}

func guestGetsNothing(s *symptom) {
	a, g := s.vm("web", 5, createConf)
	const forged = 12
	for range forged {
		frame := guest.Ethernet{Dst: guest.ParseMAC(a.identity().Gateway), Src: guest.MAC{2, 9, 9, 9, 9, 9}, Type: 0x0800, Payload: make([]byte, 46)}
		if err := g.Send(frame.Marshal()); err != nil {
			s.t.Fatal(err)
		}
	}
	waitFor(s.t, "dropped frames", func() bool { return a.dropped() == forged })
	s.shows()

	a.del()
	p := s.newPod(s.t, "b1946ac92492")
	l := s.listed(s.t, p, "vmnet", "1.0.0", createConf)
	s.Run(s.t, "ip", "link", "set", l.hostLink(), "down")
	p.Run(s.t, "tc", "qdisc", "del", "dev", "eth0", "ingress")
	s.shows()
}

func guestHasNoAddress(s *symptom) {
	s.configure("20-switch.conflist", `"switch": {"interface": "bridge0", "create": true}`)
	ask := func(g *guest.Guest, answer bool) {
		s.t.Helper()
		mark := g.Mark()
		if err := g.Send(discover(s.t, g.LLAddr(), g.LLAddr())); err != nil {
			s.t.Fatal(err)
		}
		offer := func(p guest.Packet) bool { return p.UDP != nil && p.UDP.SrcPort == 67 }
		if answer {
			g.Expect(s.t, "offer", mark, answered, offer)
		} else {
			g.ExpectNone(s.t, "offer", mark, silence, offer)
		}
	}
	_, web := s.vm("web", 5, `"switch": {"interface": "bridge0", "create": true}`)
	_, db := s.vm("db", 7, createConf)
	ask(db, false) // since no vmtapd runs
	s.shows()
	s.answers(s.t, s.dir)
	ask(db, true)
	ask(web, false)
}

func addressMoved(s *symptom) {
	s.configure("20-switch.conflist", createConf)
	first, _ := s.vm("web", 0, createConf)
	was := first.guestConfig().Addr4
	vmid := vmOf(first)[len("vm"):]
	first.del()
	call := s.newPod(s.t, "db").call("eth0", conf(createConf))
	call.Args = "VMID=" + vmid
	s.add(s.t, call)
	again, _ := s.vm("web-again", 0, createConf) // whose name is web
	if again.guestConfig().Addr4 == was {
		s.t.Errorf("it still has %s", was)
	}
	s.shows()
}

func oneAddress(s *symptom) {
	_, own := s.vm("web", 5, createConf)
	_, thief := s.vm("db", 6, createConf+`, "guard": false`)
	_, asker := s.vm("test", 7, createConf)
	address := netip.MustParseAddr("100.64.5.3")
	claim := guest.ARP{Op: guest.ARPReply, SenderMAC: thief.LLAddr(), Sender: address, TargetMAC: asker.LLAddr(), Target: address}
	mark := asker.Mark()
	if err := thief.Send(guest.Ethernet{Dst: asker.LLAddr(), Src: thief.LLAddr(), Type: 0x0806, Payload: claim.Marshal()}.Marshal()); err != nil {
		s.t.Fatal(err)
	}
	asker.Expect(s.t, "forged claim", mark, answered, func(p guest.Packet) bool { return p.ARP != nil && p.ARP.SenderMAC == thief.LLAddr() })
	owners, err := asker.ARP(address, silence)
	expect(s.t, "who else claims it", owners, []guest.MAC{own.LLAddr()})
	if err != nil {
		s.t.Fatal(err)
	}
	s.shows()

	// Nodes do not know of each other.
	other := newNode(s.t)
	call := other.newPod(s.t, "another").call("eth0", conf(createConf))
	call.Args = "VMID=5"
	other.add(s.t, call)
	expect(s.t, "on another node", other.shownJSON(s.t, address.String())[0].VM, "another")
}

func nodeNotReady(s *symptom) {
	s.configure("20-switch.conflist", `"switch": "bridge0", "local": true`)
	wantFault(s.t, s.Status(s.t, statusConf(`"switch": "bridge0", "local": true`)), 50, `find switch "bridge0"`)
	s.shows()
}

func prefixInUse(s *symptom) {
	s.configure("10-local.conflist", `"local": true`)
	s.Run(s.t, "ip", "link", "add", "tailscale0", "type", "bridge")
	s.Run(s.t, "ip", "link", "set", "tailscale0", "up")
	s.Run(s.t, "ip", "rule", "add", "pref", "5270", "lookup", "52")
	s.Run(s.t, "ip", "route", "add", "100.64.0.0/10", "dev", "tailscale0", "table", "52")
	_, fault := s.Add(s.t, s.newPod(s.t, "web").call("eth0", localConf))
	wantFault(s.t, fault, 7, "100.64.0.0/10", "tailscale0")
	s.shows()

	s.Run(s.t, "ip", "rule", "del", "pref", "5270")
	s.Run(s.t, "ip", "link", "set", "tailscale0", "down")
	s.Run(s.t, "ip", "link", "set", "tailscale0", "name", "ovn-k8s-mp0")
	s.Run(s.t, "ip", "link", "set", "ovn-k8s-mp0", "up")
	s.Run(s.t, "ip", "route", "add", "100.64.0.0/16", "dev", "ovn-k8s-mp0")
	s.shows()
}

func noSELinux(s *symptom) {
	_, fault := s.Add(s.t, s.newPod(s.t, "web").call("eth0", conf(`"tap": {"selinuxContext": "system_u:system_r:vm_t:s0"}`)))
	wantFault(s.t, fault, 7, "system_u:system_r:vm_t:s0", "no SELinux")
	s.configure("10-local.conflist", `"tap": {"selinuxContext": "system_u:system_r:vm_t:s0"}`)
	s.shows()
}
