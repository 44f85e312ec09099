// Command cniresult reads a CNI result and prints what a VM monitor takes from
// it, as assignments for a shell:
//
//	lladdr=02:00:00:00:00:01
//	addresses=100.64.1.3/31,fd00::6440:103:0:2/96
//	gateways=100.64.1.2,fd00::6440:103:0:1
//	mtu=1500
//
// lladdr and mtu are those of the interface that stands for the VM's own: its
// sandbox is the container id, not the path of a namespace.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
)

// result is the part of a CNI result that matters here.
type result struct {
	Interfaces []struct {
		Name    string
		Mac     string
		Sandbox string
		Mtu     int
	}
	IPs []struct {
		Address netip.Prefix
		Gateway netip.Addr
	}
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
	lladdr, mtu := "", 0
	for _, i := range r.Interfaces {
		if i.Mac != "" && i.Sandbox != "" && !strings.HasPrefix(i.Sandbox, "/") {
			lladdr, mtu = i.Mac, i.Mtu
		}
	}
	if lladdr == "" {
		return errors.New("no interface of the result is a VM's")
	}
	var addresses, gateways []string
	for _, ip := range r.IPs {
		addresses = append(addresses, ip.Address.String())
		if ip.Gateway.IsValid() {
			gateways = append(gateways, ip.Gateway.String())
		}
	}
	_, err := fmt.Fprintf(out, "lladdr=%s\naddresses=%s\ngateways=%s\nmtu=%d\n",
		lladdr, strings.Join(addresses, ","), strings.Join(gateways, ","), mtu)
	return err
}
