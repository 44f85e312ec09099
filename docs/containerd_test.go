package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestContainerd: the tests that the page names are there, and it names each
// that runs pods by containerd but those of other pages. What it says of
// containerd's own configuration is what the tests use.
func TestContainerd(t *testing.T) {
	page := read(t, "containerd.md")
	all := tests(t)
	named := map[string]bool{}
	for _, name := range regexp.MustCompile("`(Test[A-Za-z]+)`").FindAllStringSubmatch(page, -1) {
		named[name[1]] = true
		if all[name[1]] == nil {
			t.Errorf("the page names %s, which does not exist", name[1])
		}
	}
	for name := range all {
		if regexp.MustCompile(`^TestCRI([A-NP-Z])`).MatchString(name) && !strings.HasPrefix(name, "TestCRIVM") && !named[name] {
			t.Errorf("the page does not name %s", name)
		}
	}
	used, err := os.ReadFile("../test/cri/containerd.go")
	if err != nil {
		t.Fatal(err)
	}
	settings := 0
	for _, b := range blocks(page) {
		if b.language != "toml" {
			continue
		}
		for _, line := range strings.Split(strings.TrimSpace(b.text), "\n") {
			if strings.HasPrefix(line, "#") {
				continue
			}
			settings++
			key, _, _ := strings.Cut(line, `"/`)
			if !strings.Contains(string(used), "\n"+key) {
				t.Errorf("no test configures containerd with %s", line)
			}
		}
	}
	if settings != 8 {
		t.Errorf("%d lines of configuration", settings)
	}
}
