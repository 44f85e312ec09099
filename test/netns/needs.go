package netns

import (
	"errors"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// inVM says that the test runs in the test VM, whose kernel has everything.
func inVM() bool { return os.Getenv("VMTAP_VM") == "1" }

// Lacking skips the test because this machine lacks something. In the test VM nothing may be lacking, and nothing be
// skipped: there the test fails.
func Lacking(t testing.TB, what string) {
	t.Helper()
	if inVM() {
		t.Fatalf("this kernel has no %s, but VMTAP_VM=1 says that this is the test VM, where nothing is skipped", what)
	}
	t.Skipf("this kernel has no %s; the test VM has", what)
}

// NeedsVRF skips the test on a kernel without VRF.
func NeedsVRF(t testing.TB) {
	t.Helper()
	needs(t, "VRF", &netlink.Vrf{LinkAttrs: named("probe"), Table: 1000})
}

// NeedsVLANFiltering skips the test on a kernel whose bridges do not know VLANs.
func NeedsVLANFiltering(t testing.TB) {
	t.Helper()
	on := true
	needs(t, "bridge VLAN filtering", &netlink.Bridge{LinkAttrs: named("probe"), VlanFiltering: &on})
}

// needs tries to make the link in a namespace of its own: that asks the kernel, and loads the module if there is one.
func needs(t testing.TB, what string, link netlink.Link) {
	t.Helper()
	err := New(t).Handle(t).LinkAdd(link)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		Lacking(t, what)
	case err != nil:
		t.Fatalf("look for %s: %v", what, err)
	}
}

func named(name string) netlink.LinkAttrs {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	return attrs
}
