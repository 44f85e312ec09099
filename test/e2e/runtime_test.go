package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// Container runtimes' own libraries, as the runtimes use them. They start
// plugins from goroutines of their own, on any thread, so that such a test runs
// in a process that is on the node with all its threads.

// host is a node as the process of a runtime sees it.
type host struct {
	*node
	version string // that libcni chooses of the configuration's
	confDir string // of the configurations, /etc/cni/net.d elsewhere
}

// onHost is set in the process that is on the node.
const onHost = "VMTAP_TEST_ON_HOST"

// asRuntime runs the test, in each spec version, in a process on a node. Its
// /var/lib, where libcni keeps results, is its own.
func asRuntime(t *testing.T, test func(t *testing.T, h *host)) {
	t.Helper()
	wantsNoVRF(t)
	for _, version := range specVersions() {
		ok := t.Run(version, func(t *testing.T) {
			if os.Getenv(onHost) != "" {
				ns := netns.Here(t)
				test(t, &host{&node{ns, cni.New(t, ns)}, version, t.TempDir()})
				return
			}
			n := newNode(t)
			cmd := n.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs tmpfs /var/lib && exec "$0" "$@"`, os.Args[0],
				"-test.v", fmt.Sprintf("-test.short=%t", testing.Short()), "-test.timeout=20m", "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
			cmd.Env = append(os.Environ(), onHost+"=1", "VMTAP_BIN="+n.Bin)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()+" ") {
				t.Errorf("%v\n%s", err, out)
			}
		})
		runtimes.add(t.Name(), fmt.Sprintf("%s, CNI %s", libraryOf(t), version), ok)
	}
}

// libraryOf is what a test of a runtime's library is about, as its name says.
func libraryOf(t *testing.T) string {
	t.Helper()
	for prefix, library := range map[string]string{"TestContainerd": "containerd's go-cni", "TestCRIO": "CRI-O's ocicni", "TestMultus": "Multus"} {
		if strings.HasPrefix(t.Name(), prefix) {
			return library
		}
	}
	t.Fatal("the name does not say what is tested")
	return ""
}

// configure writes a configuration file with one vmtap network, whose versions
// end with the host's.
func (h *host) configure(t *testing.T, file, network, block string) {
	t.Helper()
	if block != "" {
		block = ", " + block
	}
	list := fmt.Sprintf(`{"cniVersion": "0.3.0", "cniVersions": ["0.3.0", %q], "name": %q, "plugins": [{"type": "vmtap"%s}]}`, h.version, network, block)
	if err := os.WriteFile(filepath.Join(h.confDir, file), []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
}

// binDir holds the plugin.
func (h *host) binDir() string { return filepath.Dir(h.Bin) }

func (h *host) has(first string) bool { return since(h.version, first) }

// wantAttachments demands that the node has the host links and gateways of so
// many attachments on a switch.
func (h *host) wantAttachments(t *testing.T, n int) {
	t.Helper()
	if got := h.hostLinks(t); len(got) != 2*n {
		t.Errorf("the node has %q, want %d attachments", got, n)
	}
}
