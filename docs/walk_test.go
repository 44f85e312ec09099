package docs

import (
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/result"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// The pages of the placements. Each is a walk through the life of one
// interface, made with cnitool in two namespaces, node and web.

// walk is one of these pages, and the example that it is about.
type walk struct{ page, conf string }

func walks() []walk {
	return []walk{
		{"placement-pod.md", "../conf/20-switch.conflist"},
		{"placement-host.md", "../conf/50-host.conflist"},
		{"placement-chained.md", "../conf/52-chained.conflist"},
		{"device-veth.md", "../conf/51-veth.conflist"},
	}
}

const (
	walkNetns = "/run/netns/web"
	walkArgs  = "VMID=5;VMNAME=web"
)

// walkContainer is the container id that cnitool makes of the namespace's path.
func walkContainer() string {
	sum := sha512.Sum512([]byte(walkNetns))
	return fmt.Sprintf("cnitool-%x", sum[:10])
}

func (w walk) list(t *testing.T) list {
	t.Helper()
	var l list
	if err := json.Unmarshal([]byte(read(t, w.conf)), &l); err != nil {
		t.Fatal(err)
	}
	return l
}

// answer is the result that the page shows, as text and decoded.
func (w walk) answer(t *testing.T) (string, *types100.Result) {
	t.Helper()
	shown := blocks(section(t, read(t, w.page), "## What ADD answers"))
	if len(shown) != 1 {
		t.Fatalf("%s: %d blocks, want 1", w.page, len(shown))
	}
	var r types100.Result
	if err := json.Unmarshal([]byte(shown[0].text), &r); err != nil {
		t.Fatalf("%s: %v", w.page, err)
	}
	return shown[0].text, &r
}

// earlier is the result of the plugin that vmtap is chained to: what stands
// before vmtap's own in the page's. It is nil if there is no such plugin.
func (w walk) earlier(t *testing.T) *types100.Result {
	t.Helper()
	if len(w.list(t).Plugins) == 1 {
		return nil
	}
	_, r := w.answer(t)
	if len(r.Interfaces) != 4 || len(r.IPs) != 3 {
		t.Fatalf("%s: %d interfaces and %d addresses, want 4 and 3", w.page, len(r.Interfaces), len(r.IPs))
	}
	r.Interfaces, r.IPs = r.Interfaces[:2], r.IPs[:2]
	return r
}

// made is what ADD of the example makes on a node without other VMs.
func (w walk) made(t *testing.T) (config.Request, plan.State) {
	t.Helper()
	l := w.list(t)
	p := l.Plugins[len(l.Plugins)-1]
	p["cniVersion"], p["name"] = slices.Max(l.CNIVersions), l.Name
	args, node := walkArgs, plan.Node{}
	if e := w.earlier(t); e != nil {
		p["prevResult"], args = e, ""
		lladdr, err := vmid.ParseLLAddr(e.Interfaces[1].Mac)
		if err != nil {
			t.Fatal(err)
		}
		node.Taken = plan.Taken{Name: e.Interfaces[1].Name, LLAddr: lladdr, MTU: config.DefaultMTU}
	}
	stdin, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	req, err := config.Parse(config.Input{
		Stdin: stdin, ContainerID: walkContainer(), IfName: "eth0", Netns: walkNetns, Args: args,
		MachineID: func() (string, error) { return "4a1f0ac5a2b14c2e8d6c5b7a90e1f233", nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var claim plan.Claim
	if req.Switch != nil {
		claim, err = plan.Choose(&req, req.Switch.Interface, func(...string) (map[string]plan.Found, error) { return nil, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	state, err := plan.New(&req, &node, claim)
	if err != nil {
		t.Fatal(err)
	}
	return req, *state
}

// TestWalkExample: a page shows the example as it is in conf, and its commands
// are of that file and its network.
func TestWalkExample(t *testing.T) {
	index := read(t, "placements.md")
	for _, w := range walks() {
		page := read(t, w.page)
		if shown := blocks(page)[0]; shown.text != read(t, w.conf) {
			t.Errorf("%s: the example is not that of %s:\n%s", w.page, w.conf, shown.text)
		}
		network := w.list(t).Name
		for _, want := range []string{
			"](" + w.conf + ")",
			"make demo CONF=" + strings.TrimPrefix(w.conf, "../"),
			"ip netns exec node cnitool add " + network + " " + walkNetns,
			"ip netns exec node cnitool check " + network + " " + walkNetns,
			"ip netns exec node cnitool del " + network + " " + walkNetns,
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %s", w.page, want)
			}
		}
		if chained := w.earlier(t) != nil; strings.Contains(page, `export CNI_ARGS="`+walkArgs+`"`) == chained {
			t.Errorf("%s: its CNI_ARGS are not those that the result was made with", w.page)
		}
		for _, want := range []string{"](" + w.page + ")", "](" + w.conf + ")"} {
			if !strings.Contains(index, want) {
				t.Errorf("placements.md lacks %s", want)
			}
		}
	}
}

// TestWalkPages: each placement and device has its page.
func TestWalkPages(t *testing.T) {
	var have []string
	for _, w := range walks() {
		req, _ := w.made(t)
		if req.Device == config.DeviceVeth {
			have = append(have, "device-veth.md")
			continue
		}
		have = append(have, fmt.Sprintf("placement-%s.md", req.Placement))
	}
	var want []string
	for _, pattern := range []string{"placement-*.md", "device-*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, paths...)
	}
	slices.Sort(have)
	slices.Sort(want)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-pages +examples:\n%s", diff)
	}
}

// TestWalkResult: a page's result is what vmtap answers.
func TestWalkResult(t *testing.T) {
	for _, w := range walks() {
		req, state := w.made(t)
		previous, err := result.Previous(&req)
		if err != nil {
			t.Fatal(err)
		}
		versioned, err := result.After(previous, result.New(&req, &state, previous)).GetAsVersion(req.CNIVersion)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(versioned)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := decode(string(b))
		text, _ := w.answer(t)
		have, _ := decode(text)
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s: -vmtap +page:\n%s", w.page, diff)
		}
	}
}

// TestWalkTaken: the page of placement chained has all that is said of an
// interface that cannot be taken over.
func TestWalkTaken(t *testing.T) {
	w := walks()[2]
	req, _ := w.made(t)
	lladdr, err := vmid.ParseLLAddr(w.earlier(t).Interfaces[1].Mac)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, taken := range []plan.Taken{
		{},
		{Name: "eth0"},
		{Name: "eth0", LLAddr: lladdr},
		{Name: "eth0", LLAddr: lladdr, Ingress: true},
		{Name: "eth0", LLAddr: lladdr, MTU: 65535},
	} {
		asked := req
		if len(want) == 2 {
			asked.LLAddr = vmid.LLAddr{2, 0, 0, 0, 0, 1}
		}
		want = append(want, fmt.Sprint(plan.CheckTaken(&asked, &taken)))
	}
	var have []string
	for _, r := range rows(t, section(t, read(t, w.page), "## Limits and refusals"), "what") {
		have = append(have, spans(r[1])...)
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("-vmtap +page:\n%s", diff)
	}
}
