package result_test

import (
	"fmt"
	"path/filepath"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/result"
)

// vmconf is what firecracker-go-sdk's cni/vmconf demands of a result. It
// returns the one address that the VM monitor is given.
func vmconf(r *types100.Result, containerID string) (*types100.IPConfig, error) {
	guest, err := only("interface with the container id as its sandbox", len(r.Interfaces), func(i int) bool {
		return r.Interfaces[i].Sandbox == containerID
	})
	if err != nil {
		return nil, err
	}
	tap, err := only("other interface of its name", len(r.Interfaces), func(i int) bool {
		return i != guest && r.Interfaces[i].Name == r.Interfaces[guest].Name
	})
	if err != nil {
		return nil, err
	}
	if netns := r.Interfaces[tap].Sandbox; !filepath.IsAbs(netns) {
		return nil, fmt.Errorf("the tap's sandbox is %q, want a path", netns)
	}
	if r.Interfaces[guest].Mac == "" {
		return nil, fmt.Errorf("the guest has no mac")
	}
	address, err := only("address of the guest", len(r.IPs), func(i int) bool {
		return r.IPs[i].Interface != nil && *r.IPs[i].Interface == guest
	})
	if err != nil {
		return nil, err
	}
	if r.IPs[address].Gateway == nil {
		return nil, fmt.Errorf("address %s has no gateway", r.IPs[address].Address.String())
	}
	return r.IPs[address], nil
}

// only returns which of n it is, of which there must be one.
func only(what string, n int, is func(i int) bool) (int, error) {
	var found []int
	for i := range n {
		if is(i) {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		return 0, fmt.Errorf("%d of %s, want 1", len(found), what)
	}
	return found[0], nil
}

// Every local interface can be a VM monitor's, in every version, and also
// after another plugin.
func TestVMMonitorsFindTheGuest(t *testing.T) {
	for _, c := range cases() {
		for _, version := range config.Versions() {
			for _, earlier := range []*types100.Result{nil, ptp()} {
				t.Run(fmt.Sprintf("%s-%s-chained-%t", c.name, version, earlier != nil), func(t *testing.T) {
					req, own := c.result(t)
					r := previous(t, version, printed(t, result.After(earlier, own), version))
					address, err := vmconf(r, req.ContainerID)
					if req.Local == nil {
						if err == nil {
							t.Errorf("got address %v of an interface that has none", address)
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					if got := address.Address.String() + " via " + address.Gateway.String(); got != "100.64.5.3/31 via 100.64.5.2" {
						t.Errorf("the guest has %s", got)
					}
				})
			}
		}
	}
}
