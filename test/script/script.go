// Package script runs the scripts in hack/ for tests.
package script

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Output runs a script of the source tree, of which root is the top, and returns the line that it prints.
func Output(t testing.TB, root, path string, args ...string) string {
	t.Helper()
	var errs strings.Builder
	cmd := exec.Command(filepath.Join(root, path), args...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("run %s %s: %v: %s", path, strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(string(out))
}
