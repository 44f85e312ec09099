package cni

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vmtap/vmtap/test/script"
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
	return filepath.Dir(script.Output(t, root, "hack/gotool.sh", name))
}
