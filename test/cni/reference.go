package cni

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Reference is the directory with a plugin of containernetworking/plugins, for CNI_PATH. It is looked for in the cache,
// where hack/test.sh has put it, and else built by hack/gotool.sh. root is the top of the source tree.
func Reference(t testing.TB, root, name string) string {
	t.Helper()
	if cache := os.Getenv("VMTAP_CACHE"); cache != "" {
		if _, err := os.Stat(filepath.Join(cache, "cni", name)); err == nil {
			return filepath.Join(cache, "cni")
		}
	}
	path, err := gotool(root, name)
	if err != nil {
		t.Fatalf("find the plugin %s: %v", name, err)
	}
	return filepath.Dir(path)
}

func gotool(root, name string) (string, error) {
	cmd := exec.Command(filepath.Join(root, "hack/gotool.sh"), name)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, errs.String())
	}
	return strings.TrimSpace(string(out)), nil
}
