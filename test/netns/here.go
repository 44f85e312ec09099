package netns

import (
	"fmt"
	"os"
	"testing"
)

// Here is the namespace that the process is in. It must not be closed.
func Here(t testing.TB) *NS {
	t.Helper()
	path := fmt.Sprintf("/proc/%d/ns/net", os.Getpid())
	file, err := os.Open(path)
	if err != nil {
		t.Fatalf("open the process's network namespace: %v", err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return &NS{path: path, file: file}
}
