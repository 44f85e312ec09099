// Command cniresult reads a CNI result and prints what a VM monitor takes from
// it, as assignments for a shell:
//
//	lladdr=02:00:00:00:00:01
//	addresses=100.64.1.3/31,fd00::6440:103:0:2/96
//	gateways=100.64.1.2,fd00::6440:103:0:1
//	mtu=1500
//	tap=eth0
//	where=pod
//
// lladdr and mtu are those of the interface that stands for the VM's own: its
// sandbox is the container id, not the path of a namespace. If there is none, the
// pod is no VM: lladdr and mtu are those of its interface, tap is empty.
//
// tap is the name of the VM's tap, and where it is: "pod" or "host".
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
)

// result is the part of a CNI result that matters here.
type result struct {
	Interfaces []netInterface
	IPs        []struct {
		Address netip.Prefix
		Gateway netip.Addr
	}
}

type netInterface struct {
	Name    string
	Mac     string
	Sandbox string
	Mtu     int
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cniresult:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var r result
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return err
	}
	g, err := r.guest()
	if err != nil {
		return err
	}
	var addresses, gateways []string
	for _, ip := range r.IPs {
		if slices.Contains(addresses, ip.Address.String()) {
			continue // of the pseudo-interface once more
		}
		addresses = append(addresses, ip.Address.String())
		if ip.Gateway.IsValid() {
			gateways = append(gateways, ip.Gateway.String())
		}
	}
	_, err = fmt.Fprintf(out, "lladdr=%s\naddresses=%s\ngateways=%s\nmtu=%d\ntap=%s\nwhere=%s\n",
		g.lladdr, strings.Join(addresses, ","), strings.Join(gateways, ","), g.mtu, g.tap, g.where)
	return err
}

// hostLink is vmtap's name of a host link, in placement host the tap's.
var hostLink = regexp.MustCompile(`^vm\d+-if\d+$`)

// guest is what is told of the guest's link.
type guest struct {
	lladdr     string
	mtu        int
	tap, where string
}

// guest finds the guest: a VM, else the pod itself.
func (r *result) guest() (guest, error) {
	var vm, pod, host *netInterface
	for i := range r.Interfaces {
		n := &r.Interfaces[i]
		switch {
		case n.Mac == "":
		case n.Sandbox == "" && hostLink.MatchString(n.Name):
			host = n
		case n.Sandbox == "":
		case strings.HasPrefix(n.Sandbox, "/"):
			pod = n
		default:
			vm = n
		}
	}
	switch {
	case vm != nil && pod != nil:
		return guest{vm.Mac, vm.Mtu, pod.Name, "pod"}, nil
	case vm != nil && host != nil:
		return guest{vm.Mac, vm.Mtu, host.Name, "host"}, nil
	case vm == nil && pod != nil:
		return guest{pod.Mac, pod.Mtu, "", "pod"}, nil
	}
	return guest{}, errors.New("no interface of the result is a guest's")
}
