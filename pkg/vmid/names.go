package vmid

import (
	"fmt"
	"strconv"
	"strings"
)

// HostLink returns the name of a host link, vm<vmid>-if<idx>: the claim on
// (vmid, idx). vmd writes the same words into the interface's description.
func HostLink(vmid uint32, idx int) string { return fmt.Sprintf("vm%d-if%d", vmid, idx) }

// Gateway returns the name of a gateway, vm<vmid>-gw<idx>.
func Gateway(vmid uint32, idx int) string { return fmt.Sprintf("vm%d-gw%d", vmid, idx) }

// GatewayPeer returns the name of a gateway's other end where both are in the
// host's namespace, vm<vmid>-gp<idx>.
func GatewayPeer(vmid uint32, idx int) string { return fmt.Sprintf("vm%d-gp%d", vmid, idx) }

// Limiter returns the name of a limiter in the pod, vm<vmid>-bw<idx>.
func Limiter(vmid uint32, idx int) string { return fmt.Sprintf("vm%d-bw%d", vmid, idx) }

// VM returns the altname that is the claim on a VM id, vm<vmid>.
func VM(vmid uint32) string { return fmt.Sprintf("vm%d", vmid) }

// ParseHostLink is the inverse of HostLink. It reports false for every name
// that HostLink does not make.
func ParseHostLink(name string) (vmid uint32, idx int, ok bool) {
	rest, found := strings.CutPrefix(name, "vm")
	v, i, found2 := strings.Cut(rest, "-if")
	if !found || !found2 {
		return 0, 0, false
	}
	id, err := strconv.ParseUint(v, 10, 32)
	if err != nil || id < 1 || id > MaxID {
		return 0, 0, false
	}
	n, err := strconv.ParseUint(i, 10, 7)
	if err != nil || n > 126 || HostLink(uint32(id), int(n)) != name {
		return 0, 0, false
	}
	return uint32(id), int(n), true
}
