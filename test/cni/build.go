package cni

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

const plugin = "github.com/vmtap/vmtap/plugins/vmtap"

// Build returns the path of the plugin's binary: VMTAP_BIN if that is set (the test VM needs no Go), else one that is
// built once per test process.
func Build(t testing.TB) string {
	t.Helper()
	bin, err := build()
	if err != nil {
		t.Fatalf("build the plugin: %v", err)
	}
	return bin
}

var build = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("VMTAP_BIN"); bin != "" {
		bin, err := filepath.Abs(bin)
		if err != nil {
			return "", err
		}
		if err := unix.Access(bin, unix.X_OK); err != nil {
			return "", fmt.Errorf("VMTAP_BIN %s: %w", bin, err)
		}
		return bin, nil
	}
	removeStale()
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", tempPrefix, os.Getpid()))
	if err != nil {
		return "", err
	}
	// The name that runtimes look for in CNI_PATH.
	bin := filepath.Join(dir, "vmtap")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", bin, plugin).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return bin, nil
})

const tempPrefix = "vmtap-test-"

// removeStale removes what earlier test processes built: a test process has no last moment at which to remove it.
func removeStale() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), tempPrefix+"*-*"))
	for _, dir := range dirs {
		number, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), tempPrefix), "-")
		pid, err := strconv.Atoi(number)
		if err == nil && unix.Kill(pid, 0) == unix.ESRCH {
			_ = os.RemoveAll(dir) // another test process may be at it too
		}
	}
}
