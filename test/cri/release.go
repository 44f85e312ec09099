package cri

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/script"
)

// Release is a containerd that hack/containerd.sh gets.
type Release struct {
	Name    string // as hack/containerd.sh has it
	Version string // such as "1.6.20"

	root string // the top of the source tree
	path string // PATH with its programs first
}

// Releases are the releases to test with: the oldest one in use, of Debian, and one of the newest. root is the top of
// the source tree.
func Releases(t testing.TB, root string) []Release {
	t.Helper()
	var all []Release
	for _, name := range []string{"debian", "2"} {
		r := Release{Name: name, root: root, path: script.Output(t, root, "hack/containerd.sh", name) + ":" + os.Getenv("PATH")}
		var err error
		if r.Version, err = r.version(); err != nil {
			t.Fatalf("ask containerd %s for its version: %v", name, err)
		}
		all = append(all, r)
	}
	return all
}

func (r Release) String() string { return "containerd " + r.Version }

// AsksStatus reports whether the release calls STATUS: 2.0 was the first.
func (r Release) AsksStatus() bool { return !strings.HasPrefix(r.Version, "1.") }

// SpecVersion is the newest CNI version that the release knows.
func (r Release) SpecVersion() string {
	if r.AsksStatus() {
		return "1.1.0"
	}
	return "1.0.0"
}

func (r Release) version() (string, error) {
	out, err := exec.Command("env", "PATH="+r.path, "containerd", "--version").Output()
	if err != nil {
		return "", err
	}
	number := regexp.MustCompile(`\d+\.\d+\.\d+`).FindString(string(out))
	if number == "" {
		return "", fmt.Errorf("no version in %q", out)
	}
	return number, nil
}
