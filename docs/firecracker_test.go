package docs

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const firecracker = "firecracker.md"

// TestFirecracker: the page's configuration for Firecracker is that of what ADD answers
// on the page of placement pod, and its Go is Go.
func TestFirecracker(t *testing.T) {
	page := read(t, firecracker)
	_, r := walks()[0].answer(t)
	guest := r.Interfaces[len(r.Interfaces)-1]
	var ip string
	for _, a := range r.IPs {
		if *a.Interface == len(r.Interfaces)-1 {
			ip = fmt.Sprintf("ip=%s::%s:%s::%s:off", a.Address.IP, a.Gateway, net.IP(a.Address.Mask), guest.Name)
		}
	}
	var vm struct {
		Boot struct {
			Args string `json:"boot_args"`
		} `json:"boot-source"`
		Network []struct {
			Tap string `json:"host_dev_name"`
			MAC string `json:"guest_mac"`
		} `json:"network-interfaces"`
	}
	all := blocks(page)
	i := slices.IndexFunc(all, func(b block) bool { return strings.Contains(b.text, "host_dev_name") })
	if i < 0 {
		t.Fatal("the page has no configuration for Firecracker")
	}
	if err := json.Unmarshal([]byte(all[i].text), &vm); err != nil || len(vm.Network) != 1 {
		t.Fatalf("%v, %d interfaces", err, len(vm.Network))
	}
	args := strings.Fields(vm.Boot.Args)
	have := []string{args[len(args)-1], vm.Network[0].Tap, vm.Network[0].MAC}
	if diff := cmp.Diff([]string{ip, guest.Name, guest.Mac}, have); diff != "" {
		t.Errorf("-answer +page:\n%s", diff)
	}
	snippets := 0
	for _, b := range all {
		if b.language != "go" {
			continue
		}
		snippets++
		if _, err := parser.ParseExpr(strings.TrimSpace(b.text)); err != nil {
			t.Errorf("%v:\n%s", err, b.text)
		}
	}
	if snippets != 1 {
		t.Errorf("%d snippets of Go, want 1", snippets)
	}
}
