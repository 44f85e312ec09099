package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"github.com/vmtap/vmtap/pkg/vmid"
)

const kubernetes = "kubernetes.md"

// TestNodePrefixes: the page's numbers of VMs and interfaces are the scheme's.
func TestNodePrefixes(t *testing.T) {
	text := section(t, read(t, kubernetes), "## A prefix for each node")
	bits := []int{2, 3, 4, 5, 8}
	header := "| the node's prefix"
	for _, b := range bits {
		header += fmt.Sprintf(" | `bits` %d", b)
	}
	if !strings.Contains(text, header+" |\n") {
		t.Fatalf("there is no header %s", header)
	}
	for _, r := range rows(t, text, "the node's prefix") {
		for i, b := range bits {
			want := "0"
			if r[0] == "interfaces of a VM" {
				want = fmt.Sprint(scheme(t, "10.0.0.0/8", b).MaxIdx() + 1)
			} else if s, err := vmid.New(netip.MustParsePrefix("10.244.0.0"+r[0]), netip.Prefix{}, b); err == nil {
				want = fmt.Sprint(s.Max())
			}
			if r[i+1] != want {
				t.Errorf("%s, bits %d: the page has %s, the scheme %s", r[0], b, r[i+1], want)
			}
		}
	}
	first, err := scheme(t, "10.244.1.0/24", 4).Addrs(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []netip.Addr{first.Guest4, first.Guest6} {
		if !strings.Contains(text, " "+a.String()+" ") {
			t.Errorf("the example is not %s", a)
		}
	}
}

func scheme(t *testing.T, prefix string, bits int) vmid.Scheme {
	t.Helper()
	s, err := vmid.New(netip.MustParsePrefix(prefix), netip.MustParsePrefix("fd10:244:0:1::/64"), bits)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestTemplateShown: the page shows what becomes of conf/60-node.conflist.template,
// and says how to name it as the tests of containerd do.
func TestTemplateShown(t *testing.T) {
	text := section(t, read(t, kubernetes), "## The prefix from the node's PodCIDR")
	parsed, err := template.New("").Parse(read(t, "../conf/60-node.conflist.template"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, map[string][]string{"PodCIDRRanges": {"10.244.1.0/24", "fd10:244:0:1::/64"}}); err != nil {
		t.Fatal(err)
	}
	want, _ := decode(b.String())
	shown := blocks(text)
	if len(shown) != 3 {
		t.Fatalf("%d blocks, want 3", len(shown))
	}
	if have, ok := decode(shown[2].text); !ok || !reflect.DeepEqual(have, want) {
		t.Errorf("the page shows\n%s\nthe template becomes\n%s", shown[2].text, b.String())
	}
	used := read(t, "../test/cri/containerd.go")
	for _, toml := range shown[:2] {
		for line := range strings.Lines(toml.text) {
			if key, _, _ := strings.Cut(line, `"/`); !strings.Contains(used, "\n"+key) {
				t.Errorf("no test configures containerd with %s", line)
			}
		}
	}
}

// TestDefinitions: configurations in NetworkAttachmentDefinitions are ones that
// vmtap accepts, named as the definition is.
func TestDefinitions(t *testing.T) {
	found := 0
	for _, page := range pages(t) {
		for _, b := range blocks(read(t, page)) {
			if b.language != "yaml" {
				continue
			}
			for document := range strings.SplitSeq(b.text, "\n---\n") {
				found += testDefinition(t, page, document)
			}
		}
	}
	if found < 5 {
		t.Errorf("%d definitions were found", found)
	}
}

// testDefinition looks at a document that is a NetworkAttachmentDefinition with a
// configuration, and says how many it was, one or none.
func testDefinition(t *testing.T, page, document string) int {
	t.Helper()
	_, config, ok := strings.Cut(document, "  config: |\n")
	if !ok {
		return 0
	}
	var l list
	if err := json.Unmarshal([]byte(config), &l); err != nil {
		t.Fatalf("%s: %v\n%s", page, err, document)
	}
	if !strings.Contains(document, "\n  name: "+l.Name+"\n") {
		t.Errorf("%s: the network %s is in a definition of another name", page, l.Name)
	}
	testList(t, page, config)
	return 1
}
