package netns

import (
	"fmt"
	"os"
	"testing"
)

// Here is the namespace that the process is in. It must not be closed.
func Here(t testing.TB) *NS {
	t.Helper()
	return At(t, fmt.Sprintf("/proc/%d/ns/net", os.Getpid()))
}

// At is a namespace that somebody else made, by its path. It must not be closed. It is kept until the test ends.
func At(t testing.TB, path string) *NS {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatalf("open a network namespace: %v", err)
	}
	t.Cleanup(func() { _ = file.Close() })
	return &NS{path: path, file: file}
}
