package docs

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// Pages about what stands between a runtime and vmtap. test/e2e runs the files that they show.
const (
	kubevirtPage = "kubevirt.md"
	multusPage   = "multus.md"
	qemuPage     = "qemu.md"
)

// TestManifestsShown: the pages show the files as they are, in conf's order of use.
func TestManifestsShown(t *testing.T) {
	for page, files := range map[string][]string{
		kubevirtPage: {"kubevirt/kubevirt.yaml", "kubevirt/networks.yaml", "kubevirt/vmi.yaml"},
		multusPage:   {"multus/networks.yaml", "multus/pod.yaml"},
	} {
		text := read(t, page)
		var shown []string
		for _, b := range blocks(text) {
			if b.language == "yaml" {
				shown = append(shown, b.text)
			}
		}
		if len(shown) != len(files) {
			t.Fatalf("%s shows %d files, want %q", page, len(shown), files)
		}
		for i, file := range files {
			if shown[i] != read(t, "../conf/"+file) {
				t.Errorf("%s shows another %s", page, file)
			}
			if !strings.Contains(text, "conf/"+file) && file != "multus/pod.yaml" {
				t.Errorf("%s does not name conf/%s", page, file)
			}
		}
	}
}

// TestTestsNamed: the tests that these pages name are there.
func TestTestsNamed(t *testing.T) {
	all := tests(t)
	for _, page := range []string{kubevirtPage, multusPage, qemuPage} {
		named := regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(read(t, page), -1)
		if len(named) < 3 {
			t.Errorf("%s names %d tests", page, len(named))
		}
		for _, n := range named {
			if all[n[1]] == nil {
				t.Errorf("%s names %s, which does not exist", page, n[1])
			}
		}
	}
}

// TestKubeVirtNames: the names that the page gives as examples are those of the example's network.
func TestKubeVirtNames(t *testing.T) {
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte("front")))[:11]
	page := read(t, kubevirtPage)
	for _, m := range regexp.MustCompile(`\b(?:pod|tap)([0-9a-f]{11})\b`).FindAllStringSubmatch(page, -1) {
		if m[1] != hash {
			t.Errorf("the page has the hash %s, want %s", m[1], hash)
		}
	}
	if !strings.Contains(page, "`pod"+hash+"`") || !strings.Contains(page, "`tap"+hash+"`") {
		t.Error("the page does not say what the interface is called")
	}
}

// TestMultusRefusals: the messages of vmtap's that the page quotes are its own.
func TestMultusRefusals(t *testing.T) {
	const pod = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web"
	page := read(t, multusPage)
	for _, c := range []struct{ members, args string }{
		{`"args": {"cni": {"vmtap": {"vmid": 7}}}`, pod},
		{`"local": true`, pod + ";MAC=02:00:00:00:00:07"},
	} {
		if _, err := parseMembers(c.members, c.args); err == nil || !strings.Contains(page, "`"+err.Error()+"`") {
			t.Errorf("the page does not have %v", err)
		}
	}
	if _, err := parseMembers(`"local": true, "args": {"cni": {"other": [1]}}`, pod); err != nil {
		t.Error(err)
	}
}

// TestQEMUPage: the page shows the example as it is.
func TestQEMUPage(t *testing.T) {
	if page := read(t, qemuPage); !strings.Contains(page, "```json\n"+read(t, "../conf/22-queues.conflist")+"```") {
		t.Error("the page shows another 22-queues.conflist")
	}
}
