package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestSELinuxMissing: a node without SELinux can give a tap no context, and
// says so before anything is changed.
func TestSELinuxMissing(t *testing.T) {
	for _, placement := range []string{"pod", "host"} {
		t.Run(placement, func(t *testing.T) {
			n := newNodeHere(t)
			p := n.newPod(t, "p")
			plugin := n.Wrap("unshare", "--mount", "sh", "-c", `umount /sys/fs/selinux 2>/dev/null; exec "$0"`)
			block := fmt.Sprintf(`"placement": %q, %s`, placement, contextConf(redContext))
			before := takeAll(t, n.NS, p.NS)
			_, fault := plugin.Add(t, p.call("eth0", conf(block)))
			wantFault(t, fault, 7, redContext, "no SELinux")
			wantFault(t, plugin.Status(t, statusConf(block)), 50, redContext, "no SELinux")
			before.wantSame(t)
			if fault := plugin.Status(t, statusConf(contextConf(""))); fault != nil {
				t.Errorf("STATUS without a context: %s", fault)
			}
		})
	}
}

// TestSELinuxWithoutPolicy: the kernel takes any context before a policy is
// loaded, and forgets it. It stands before those that load one.
func TestSELinuxWithoutPolicy(t *testing.T) {
	inSELinuxVM(t)
	if own, err := os.ReadFile("/proc/thread-self/attr/current"); err != nil || strings.Contains(string(own), ":") {
		t.Fatalf("context %q, %v: a policy is loaded already", own, err)
	}
	wantRefusedContext(t, redContext, "no SELinux policy")
}

// wantRefusedContext demands that neither STATUS nor ADD takes a context.
func wantRefusedContext(t *testing.T, context string, words ...string) {
	t.Helper()
	n := newNodeHere(t)
	p := n.newPod(t, "p")
	words = append(words, context)
	before := takeAll(t, n.NS, p.NS)
	plugin, trace := n.Traced()
	_, fault := plugin.Add(t, p.call("eth0", conf(contextConf(context))))
	wantFault(t, fault, 7, words...)
	before.wantSame(t)
	const kindOfNamespace = "0xb703" // NS_GET_NSTYPE
	for _, s := range trace.Steps() {
		if s.Call == "sendto" && s.Changes || s.Call == "ioctl" && s.Detail != kindOfNamespace {
			t.Errorf("ADD had come to %v", s)
		}
	}
	wantFault(t, n.Status(t, statusConf(contextConf(context))), 50, words...)
}
