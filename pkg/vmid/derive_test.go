package vmid_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/golden"
)

// The names that the golden file has values of: with and without a namespace,
// the shortest, and a container id.
var names = []string{
	"default/web",
	"default/web-0",
	"kube-system/virt-launcher.test_1",
	"a",
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
}

// A VM that comes back after an update must get what it had: none of these
// values may ever change.
func TestDerivedValuesGolden(t *testing.T) {
	var b strings.Builder
	line := func(value any, format string, args ...any) {
		fmt.Fprintf(&b, format+" = %v\n", append(args, value)...)
	}
	for _, name := range names {
		for _, r := range [][2]uint32{{1, 16383}, {1, 1}, {1, 15}, {100, 199}, {1, vmid.MaxID}} {
			line(vmid.Slot(name, r[0], r[1]), "Slot(%q, %d, %d)", name, r[0], r[1])
		}
		for _, idx := range []int{0, 1, 10, 126} {
			line(vmid.DeriveLLAddr(name, idx), "DeriveLLAddr(%q, %d)", name, idx)
		}
		for _, v := range []uint32{1, 16383, vmid.MaxID} {
			line(vmid.DeriveLLAddrMixed(name, 0, v), "DeriveLLAddrMixed(%q, 0, %d)", name, v)
			line(vmid.DeriveLLAddrMixed(name, 1, v), "DeriveLLAddrMixed(%q, 1, %d)", name, v)
		}
	}
	guest4 := netip.MustParseAddr("100.64.1.3")
	for role := vmid.RoleHostLink; role <= vmid.RoleBridge; role++ {
		line(vmid.LinkAddr(role, guest4, 1, 0), "LinkAddr(%d, %v, 1, 0)", role, guest4)
		for _, v := range []uint32{1, 16383, vmid.MaxID} {
			line(vmid.LinkAddr(role, netip.Addr{}, v, 126), "LinkAddr(%d, none, %d, 126)", role, v)
		}
	}
	for _, bridge := range []string{"bridge0", "br-very-long-15"} {
		line(vmid.BridgeAddr(bridge), "BridgeAddr(%q)", bridge)
	}
	for _, id := range []string{"", "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdee"} {
		line(vmid.AutoPrefix6(id), "AutoPrefix6(%q)", id)
	}
	for _, id := range []string{"a", names[len(names)-1]} {
		for _, ifName := range []string{"eth0", "net1"} {
			line(vmid.LockOffset(id, ifName), "LockOffset(%q, %q)", id, ifName)
		}
	}
	for _, a := range []vmid.LLAddr{{2, 0, 0, 0, 0, 1}, {0, 0x1b, 0x21, 0xff, 0xfe, 0x80}, vmid.DeriveLLAddr(names[0], 0)} {
		line(a.LinkLocal(), "LinkLocal(%v)", a)
	}
	for _, host6 := range []string{"fd00::6440:103:0:1", "fd12:3456:789a:bcde:6440:ff03:0:1"} {
		line(vmid.GatewayLinkLocal(netip.MustParseAddr(host6)), "GatewayLinkLocal(%s)", host6)
	}

	golden.Compare(t, "derived", b.String())
}

// finalise is splitmix64's finaliser, as published.
func finalise(z uint64) uint64 {
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb
	return z ^ (z >> 31)
}

// h is the hash that DESIGN names, from its definition: FNV-1a 64 over
// NUL-separated label and fields, then splitmix64's finaliser.
func h(label string, fields ...string) uint64 {
	x := uint64(14695981039346656037)
	for _, c := range []byte(strings.Join(append([]string{label}, fields...), "\x00")) {
		x = (x ^ uint64(c)) * 1099511628211
	}
	return finalise(x)
}

// Test vectors that others published, so that h itself is right.
func TestHashDefinition(t *testing.T) {
	const golden = 0x9e3779b97f4a7c15 // splitmix64's step
	step := uint64(golden)
	for i, want := range []uint64{0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f} { // seed 0
		if got := finalise(step * uint64(i+1)); got != want {
			t.Errorf("splitmix64, output %d: %#x, want %#x", i, got, want)
		}
	}
	if got, want := h("foobar"), finalise(0x85944171f73967e8); got != want { // FNV-1a 64 of "foobar"
		t.Errorf("FNV-1a of foobar: finalised %#x, want %#x", got, want)
	}
}

// The derived values are what the design says, for any name.
func TestDerivedValuesAreTheHash(t *testing.T) {
	word := rapid.StringMatching(`[A-Za-z0-9._/-]{0,40}`)
	first := func(n int, h uint64) []byte { return binary.BigEndian.AppendUint64(nil, h)[:n] }
	rapid.Check(t, func(t *rapid.T) {
		name, other := word.Draw(t, "name"), word.Draw(t, "other")
		idx := rapid.IntRange(0, 126).Draw(t, "idx")
		id := rapid.Uint32Range(1, vmid.MaxID).Draw(t, "vmid")
		lo := rapid.Uint32().Draw(t, "lowest")
		hi := rapid.Uint32Min(lo).Draw(t, "highest")

		if got, want := uint64(vmid.Slot(name, lo, hi)), uint64(lo)+h("vmid", name)%(uint64(hi)-uint64(lo)+1); got != want {
			t.Errorf("Slot(%q, %d, %d) = %d, want %d", name, lo, hi, got, want)
		}
		want := vmid.LLAddr(append([]byte{2}, first(5, h("lladdr", name, fmt.Sprint(idx)))...))
		if got := vmid.DeriveLLAddr(name, idx); got != want {
			t.Errorf("DeriveLLAddr(%q, %d) = %v, want %v", name, idx, got, want)
		}
		mixed := vmid.LLAddr(append([]byte{2}, first(5, h("lladdr", name, fmt.Sprint(idx), fmt.Sprint(id)))...))
		if got := vmid.DeriveLLAddrMixed(name, idx, id); got != mixed {
			t.Errorf("DeriveLLAddrMixed(%q, %d, %d) = %v, want %v", name, idx, id, got, mixed)
		}
		bridge := vmid.LLAddr(append([]byte{0x0a, 5}, first(4, h("bridge", name))...))
		if got := vmid.BridgeAddr(name); got != bridge {
			t.Errorf("BridgeAddr(%q) = %v, want %v", name, got, bridge)
		}
		var global [16]byte
		copy(global[:], append([]byte{0xfd}, first(5, h("prefix6", name))...))
		if got, want := vmid.AutoPrefix6(name), netip.PrefixFrom(netip.AddrFrom16(global), 48); got != want || got != got.Masked() {
			t.Errorf("AutoPrefix6(%q) = %v, want %v", name, got, want)
		}
		if got, want := vmid.LockOffset(name, other), int64(h("lock", name, other)/4)+1; got != want || got < 1 || got == math.MaxInt64 {
			t.Errorf("LockOffset(%q, %q) = %d, want %d", name, other, got, want)
		}
	})
}

// AutoPrefix6's result is a prefix that New takes.
func TestAutoPrefix6IsOfUse(t *testing.T) {
	p := vmid.AutoPrefix6("0123456789abcdef0123456789abcdef")
	if _, err := vmid.New(netip.MustParsePrefix(vmid.DefaultPrefix4), p, 8); err != nil {
		t.Error(err)
	}
	if !netip.MustParsePrefix("fd00::/8").Contains(p.Addr()) {
		t.Errorf("%v is no unique local prefix", p)
	}
}

// What the docs say: with 100 VMs in 16,383 slots two of them want the same
// slot on 26 % of nodes.
func TestSlotCollisions(t *testing.T) {
	const nodes, vms, slots = 4000, 100, vmdMax
	free := 1.0 // the odds that no two meet, were the slots drawn by chance
	for i := range vms {
		free *= 1 - float64(i)/slots
	}
	collisions := 0
	for node := range nodes {
		taken := map[uint32]bool{}
		for vm := range vms {
			taken[vmid.Slot(fmt.Sprintf("ns-%d/vm-%d", node, vm), 1, slots)] = true
		}
		if len(taken) < vms {
			collisions++
		}
	}
	got, want := float64(collisions)/nodes, 1-free
	if math.Abs(want-0.26) > 0.005 {
		t.Errorf("by chance the odds are %.3f, not the 26 %% that are documented", want)
	}
	if sigma := math.Sqrt(want * free / nodes); math.Abs(got-want) > 4*sigma {
		t.Errorf("collisions on %.3f of the nodes, want %.3f within %.3f", got, want, 4*sigma)
	}
}

// Names that differ in a number only, as those of real VMs do, spread evenly.
func TestSlotIsEven(t *testing.T) {
	const slots, each = 1000, 100
	var count [slots]int
	for vm := range slots * each {
		count[vmid.Slot(fmt.Sprintf("default/vm-%d", vm), 1, slots)-1]++
	}
	chi2 := 0.0
	for _, n := range count {
		d := float64(n - each)
		chi2 += d * d / each
	}
	// Chi squared with k degrees of freedom: mean k, variance 2k. Too even
	// would be as odd as too uneven.
	k := float64(slots - 1)
	if math.Abs(chi2-k) > 5*math.Sqrt(2*k) {
		t.Errorf("chi squared is %.0f, want about %.0f", chi2, k)
	}
}

func TestDerivedAddressesDiffer(t *testing.T) {
	seen := map[vmid.LLAddr]string{}
	add := func(a vmid.LLAddr, format string, args ...any) {
		t.Helper()
		what := fmt.Sprintf(format, args...)
		if other, twice := seen[a]; twice {
			t.Errorf("%v is %s's and %s's", a, what, other)
		}
		seen[a] = what
		if got, err := vmid.ParseLLAddr(a.String()); err != nil || got != a {
			t.Errorf("%s: %v is not an address that a NIC can have: %v", what, a, err)
		}
		if a[0]&2 == 0 {
			t.Errorf("%s: %v is a manufacturer's", what, a)
		}
	}
	for _, name := range names {
		for idx := range 127 {
			add(vmid.DeriveLLAddr(name, idx), "DeriveLLAddr(%q, %d)", name, idx)
			for _, v := range []uint32{1, 2, vmid.MaxID} {
				add(vmid.DeriveLLAddrMixed(name, idx, v), "DeriveLLAddrMixed(%q, %d, %d)", name, idx, v)
			}
		}
	}
	// The ends of the ranges, where (vmid, idx) could run into one another.
	for role := vmid.RoleHostLink; role <= vmid.RoleGatewayPod; role++ {
		for _, v := range []uint32{1, 2, 127, 128, 16383, vmid.MaxID - 1, vmid.MaxID} {
			for _, idx := range []int{0, 1, 126} {
				add(vmid.LinkAddr(role, netip.Addr{}, v, idx), "LinkAddr(%d, none, %d, %d)", role, v, idx)
			}
		}
		for _, guest4 := range []string{"100.64.1.3", "100.64.1.5", "100.64.2.3"} {
			add(vmid.LinkAddr(role, netip.MustParseAddr(guest4), 1, 0), "LinkAddr(%d, %s)", role, guest4)
		}
	}
	for i := range 100 {
		add(vmid.BridgeAddr(fmt.Sprintf("bridge%d", i)), "BridgeAddr(bridge%d)", i)
	}
}

// A local interface's link addresses follow from guest4 alone.
func TestLinkAddr(t *testing.T) {
	guest4 := netip.MustParseAddr("100.64.1.3")
	want := vmid.LLAddr{0x0a, 3, 100, 64, 1, 3}
	for _, id := range []vmid.ID{{VMID: 1}, {VMID: 7, Idx: 3}} {
		if got := vmid.LinkAddr(vmid.RoleGateway, guest4, id.VMID, id.Idx); got != want {
			t.Errorf("LinkAddr(gateway, %v, %d, %d) = %v, want %v", guest4, id.VMID, id.Idx, got, want)
		}
	}
}
