package e2e

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/vmtap/vmtap/test/cni"
)

// TestNodePrefix: a node with a /24 and 4 bits for each VM has 15 VMs, vmid 1 to
// 15, with 7 interfaces each, and all the addresses follow from the prefixes, vmid
// and idx. The next VM, and the next interface, have to wait until one goes.
func TestNodePrefix(t *testing.T) {
	n := newNode(t)
	const number = 1
	block := ofNode(number, "")
	// No CHECK, which costs as much as ADD and is asked elsewhere.
	add := func(p *pod, ifName string, vmid, idx int) cni.Call {
		t.Helper()
		call := p.call(ifName, block)
		call.Args = fmt.Sprintf("VMID=%d", vmid)
		stdout, fault := n.Add(t, call)
		if fault != nil {
			t.Fatalf("ADD of vmid %d, idx %d: %s", vmid, idx, fault)
		}
		wantComputed(t, cni.ParseResult(t, stdout), number, vmid, idx)
		return call
	}
	first := n.newPod(t, "p1")
	add(first, "eth0", 1, 0)
	if !testing.Short() { // half a second each in the test VM
		for idx := 1; idx <= 6; idx++ {
			add(first, fmt.Sprint("net", idx), 1, idx)
		}
		_, fault := n.Add(t, first.call("net7", block))
		wantFault(t, fault, 11, "0-6", "taken")
	}

	var last cni.Call
	for vmid := 2; vmid <= 15; vmid++ {
		last = add(n.newPod(t, fmt.Sprint("p", vmid)), "eth0", vmid, 0)
	}
	more := n.newPod(t, "one-more")
	waits := more.call("eth0", block)
	_, fault := n.Add(t, waits)
	wantFault(t, fault, 11, "1-15", "taken")
	waits.Args = "VMID=16"
	_, fault = n.Add(t, waits)
	wantFault(t, fault, 7, "16", "1-15")
	if fault := n.Del(t, last); fault != nil {
		t.Fatal(fault)
	}
	a := more.add(t, "eth0", block)
	expect(t, "host link of the one that waited", a.hostLink(), "vm15-if0")
	wantComputed(t, a.Result, number, 15, 0)
}

// wantComputed holds a result to the scheme: from the IPv4 prefix, with the vmid
// above 4 bits and a pair of addresses for each interface, of which the first pair
// is nobody's; in IPv6 the guest's IPv4 address is bytes 8 to 11.
func wantComputed(t *testing.T, r *types100.Result, number, vmid, idx int) {
	t.Helper()
	prefix4, prefix6 := netip.MustParsePrefix(podNets[number].prefix).Addr().As4(), netip.MustParsePrefix(podNets[number].prefix6).Addr().As16()
	host4 := binary.BigEndian.Uint32(prefix4[:]) + uint32(vmid*16+(idx+1)*2)
	four := func(n uint32) string { return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n))).String() }
	six := func(last byte) string {
		b := prefix6
		binary.BigEndian.PutUint32(b[8:], host4+1)
		b[15] = last
		return netip.AddrFrom16(b).String()
	}
	want := []string{four(host4+1) + "/31 " + four(host4), six(2) + "/96 " + six(1)}
	var have []string
	for _, ip := range r.IPs {
		have = append(have, ip.Address.String()+" "+ip.Gateway.String())
	}
	if !slices.Equal(have, want) {
		t.Errorf("vmid %d, idx %d: have %q, want %q", vmid, idx, have, want)
	}
}

// TestNodesWayOut: with the rules of kubernetesPage guests reach what has no
// route back to them, and other nodes' guests see who they are; with ipMasq those
// see the node.
func TestNodesWayOut(t *testing.T) {
	node := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	for name, c := range map[string]struct {
		block, run string
		seen       []netip.Addr // nil: the guest
	}{
		"rules":  {"", commands(t, "A way out of the cluster"), nil},
		"ipMasq": {`"ipMasq": true`, "", node},
	} {
		t.Run(name, func(t *testing.T) {
			nodes := newNodes(t)
			nodes[0].newUplink(t, 3, "", "")
			nodes[0].Run(t, "sh", "-ec", c.run)
			there := nodes[1].boot(t, "there", "0", ofNode(1, ""))
			here := nodes[0].boot(t, "here", "0", ofNode(0, c.block))
			wantOut(t, here.Guest, true)
			if c.seen == nil {
				c.seen = addrs(here.config)
			}
			for i, dst := range addrs(there.config) {
				mark := there.Mark()
				if err := here.Ping(dst, answered); err != nil {
					t.Error(err)
				}
				wantSources(t, there.Guest, mark, c.seen[i])
			}
		})
	}
}
