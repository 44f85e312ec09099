package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
)

// wantFault demands an error with this code, in one line that holds all words.
func wantFault(t *testing.T, fault *cni.Error, code uint, words ...string) {
	t.Helper()
	if fault == nil {
		t.Fatalf("succeeded, want an error with code %d", code)
	}
	if fault.Code != code {
		t.Errorf("code %d, want %d: %s", fault.Code, code, fault)
	}
	if strings.ContainsAny(fault.Msg, "\n\r\x00") {
		t.Errorf("message is not one line: %q", fault.Msg)
	}
	for _, w := range words {
		if !strings.Contains(fault.Msg, w) {
			t.Errorf("message %q lacks %q", fault.Msg, w)
		}
	}
}

// sysctl reads a value of a node's namespace.
func sysctl(t *testing.T, n *node, name string) string {
	t.Helper()
	var b []byte
	var err error
	n.Do(func() { b, err = os.ReadFile("/proc/sys/net/" + name) })
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func setSysctl(t *testing.T, n *node, name, value string) {
	t.Helper()
	var err error
	n.Do(func() { err = os.WriteFile("/proc/sys/net/"+name, []byte(value), 0) })
	if err != nil {
		t.Fatal(err)
	}
}
