package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// TestHostilePod: a pod that may change its links renames, deletes and moves them,
// puts them, and lo, into groups, and takes filters away. Where its tap stays it has
// cut the way to it, and keeps it for itself.
func TestHostilePod(t *testing.T) {
	group := func(link, group string) []string { return []string{"pod: ip link set " + link + " group " + group} }
	tryEach(t, []damage{
		{name: "tap renamed", block: createConf, do: []string{"pod: ip link set eth0 down", "pod: ip link set eth0 name mine", "pod: ip link set mine up"}, words: []string{"tap eth0: missing"}},
		{name: "tap and all else renamed, lo in the group", block: createConf, do: []string{
			"pod: ip link set eth0 down", "pod: ip link set eth0 name mine", "pod: ip link set IF down", "pod: ip link set IF name mine2",
			"index IF", "pod: ip link set lo group INDEX",
		}, words: []string{"tap eth0: missing", "host link's pod end IF: missing"}, podLeft: true}, // nothing says that "mine" is vmtap's
		{name: "tap deleted", block: createConf, do: []string{"pod: ip link del eth0"}, words: []string{"tap eth0: missing"}},
		{name: "tap moved away", block: createConf, do: []string{"pod: ip link set eth0 netns AWAY"}, words: []string{"tap eth0: missing"}},
		{name: "tap moved to the node", do: []string{"pod: ip link set eth0 netns NODE", "ip link del eth0"}, words: []string{"tap eth0: missing"}},
		{name: "another link in the tap's place", block: createConf, do: []string{"pod: ip link del eth0", "pod: ip link add eth0 type bridge"}, words: []string{"tap eth0: kind is"}, podLeft: true},
		{name: "host link's pod end renamed", block: createConf, do: []string{"pod: ip link set IF down", "pod: ip link set IF name mine"}, words: []string{"host link's pod end IF: missing"}},
		{name: "host link's pod end deleted", block: createConf, do: []string{"pod: ip link del IF"}, words: []string{"host link"}, podLeft: true},
		{name: "host link's pod end moved away", block: createConf, do: []string{"pod: ip link set IF netns AWAY"}, words: []string{"host link's pod end IF: missing"}, podLeft: true},
		{name: "host link's pod end moved to the node", block: createConf, do: []string{"pod: ip link set IF down", "pod: ip link set IF name mine", "pod: ip link set mine netns NODE"}, words: []string{"host link's pod end IF: missing"}, podLeft: true},
		{name: "gateway's pod end renamed", block: createConf, do: []string{"pod: ip link set GW down", "pod: ip link set GW name mine"}, words: []string{"gateway's pod end GW: missing"}},
		{name: "gateway's pod end deleted", block: createConf, do: []string{"pod: ip link del GW"}, words: []string{"gateway GW: missing"}},
		{name: "gateway's pod end moved away", block: createConf, do: []string{"pod: ip link set GW netns AWAY"}, words: []string{"gateway's pod end GW: missing"}},
		{name: "gateway's pod end moved to the node", block: createConf, do: []string{"pod: ip link set GW down", "pod: ip link set GW name mine", "pod: ip link set mine netns NODE"}, words: []string{"gateway's pod end GW: missing"}, podLeft: true},
		{name: "links in no group", block: createConf, do: append(group("IF", "0"), group("GW", "0")...), words: []string{"host link's pod end IF: membership in the attachment's own group is off", "gateway's pod end GW: membership"}},
		{name: "tap in no group", block: createConf, do: group("eth0", "0"), words: []string{"tap eth0: membership in the attachment's own group is off"}, podLeft: true},
		{name: "links in the group of another VM's", block: createConf, do: append([]string{"index BESIDE"}, append(group("IF", "INDEX"), group("GW", "INDEX")...)...), words: []string{"host link's pod end IF: membership in the attachment's own group is off", "gateway's pod end GW: membership"}},
		{name: "lo in the group", block: createConf, do: []string{"index IF", "pod: ip link set lo group INDEX"}, words: nil, podLeft: true}, // which lo keeps
		{name: "filters gone", block: createConf, do: []string{"pod: tc filter del dev eth0 ingress", "pod: tc filter del dev IF ingress", "pod: tc filter del dev GW ingress"}, words: []string{"tap eth0: ingress filter 1", "host link's pod end IF", "gateway's pod end GW"}},
		{name: "filters gone with their qdiscs", do: []string{"pod: tc qdisc del dev eth0 ingress", "pod: tc qdisc del dev IF ingress"}, words: []string{"tap eth0: ingress filter 1", "host link's pod end IF"}},
	})
}

// TestHostilePodOfTwo: a pod puts the links of one interface into the group of
// another, and so has them deleted with it. It harms itself alone.
func TestHostilePodOfTwo(t *testing.T) {
	wantsNoVRF(t)
	w := newCrashWorld(t, crashScenario{name: "two", block: createConf})
	a, identity := w.add("p")
	b := w.p.add(t, "net1", conf(createConf))
	for _, link := range []string{"net1", b.hostLink()} {
		w.p.Run(t, "ip", "link", "set", link, "group", w.p.link(t, "eth0").Group)
	}
	wantFault(t, w.n.Check(t, b.call), 101, "tap net1: membership in the attachment's own group is off")
	w.del(a.call, "the first interface")
	wantFault(t, w.n.Check(t, b.call), 101, "host link")
	w.del(b.call, "the second one")
	w.wantSame("both")
	w.again(identity, "both")
}

// podLinks is how many links a pod fills its namespace with.
const podLinks = 5000

// TestPodFullOfLinks: whatever a pod has made, ADD, CHECK, DEL and GC take the same
// calls of the system, and the same messages.
func TestPodFullOfLinks(t *testing.T) {
	count := podLinks
	if testing.Short() {
		count /= 20
	}
	n := newNode(t)
	n.newPod(t, "first").add(t, "eth0", conf(createConf))
	empty, full := n.newPod(t, "empty"), n.newPod(t, "full")
	full.fill(t, count)
	var want map[string]string
	for _, p := range []*pod{empty, full} {
		got := map[string]string{}
		traced, trace := n.Traced()
		call := p.call("eth0", conf(createConf))
		call.Args = "VMID=77;VMNAME=full"
		run := func(verb string, call cni.Call) []byte {
			stdout, fault, err := traced.Invoke(verb, call)
			if fault != nil || err != nil {
				t.Fatalf("%s of the pod %s: %v %v", verb, p.id, fault, err)
			}
			got[verb] = shape(trace)
			return stdout
		}
		count := func(verb string, call cni.Call) []byte {
			var stdout []byte
			stdout, got[verb+", counted"] = n.counted(t, verb, call)
			return stdout
		}
		whole := call.With(count(cni.ADD, call))
		count(cni.CHECK, whole)
		count(cni.DEL, whole)
		call = call.With(run(cni.ADD, call))
		run(cni.CHECK, call)
		run(cni.DEL, call)
		n.noVMLinksOf(t, "vm77")
		run(cni.ADD, call.With(nil))
		run(cni.GC, gcConf("vmnet", valid("first@eth0")))
		n.noVMLinksOf(t, "vm77")
		if want == nil {
			want = got
			continue
		}
		for verb := range want {
			expect(t, verb+"'s calls where the pod is full of links", got[verb], want[verb])
		}
	}
	if got := strings.Count(full.Run(t, "ip", "-o", "link", "show", "type", "veth"), "\n"); got != count {
		t.Errorf("the pod has %d links, want %d", got, count)
	}
}

// fill makes links in the pod.
func (p *pod) fill(t *testing.T, links int) {
	t.Helper()
	var batch strings.Builder
	for i := range links / 2 {
		fmt.Fprintf(&batch, "link add a%d type veth peer name b%d\n", i, i)
	}
	p.RunInput(t, batch.String(), "ip", "-batch", "-")
}

// shape is what a run did, one call a line, without what differs from run to run.
func shape(trace *cni.Trace) string {
	var lines []string
	for _, s := range trace.Steps() {
		lines = append(lines, s.Call+" "+strings.Join(s.Messages, " "))
	}
	return strings.Join(lines, "\n")
}

// counted runs a verb, and says how often it asked the kernel and read answers.
func (n *node) counted(t *testing.T, verb string, call cni.Call) (stdout []byte, counts string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "trace")
	stdout, fault, err := n.Wrap("strace", "-f", "-o", log, "-e", "raw=sendto", "-e", "write=all").Invoke(verb, call)
	if fault != nil || err != nil {
		t.Fatalf("%s of %s: %v %v", verb, call.ContainerID, fault, err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	calls, _, _ := countCalls(t, string(text))
	return stdout, fmt.Sprint(calls["sendto"], " sends, ", calls["recvmmsg"], " receipts, ", calls["ioctl"], " ioctls")
}

// noVMLinksOf demands that a VM has no link on the node.
func (n *node) noVMLinksOf(t *testing.T, vm string) {
	t.Helper()
	for _, name := range n.hostLinks(t) {
		if strings.HasPrefix(name, vm+"-") {
			t.Errorf("%s is left", name)
		}
	}
}
