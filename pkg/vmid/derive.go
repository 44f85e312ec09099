package vmid

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"strconv"
)

// hash is the one hash of all derived values: FNV-1a 64 over the label and
// the fields with a NUL between them, then splitmix64's finaliser, which
// spreads FNV's weak high bits. An address is no identity, so nothing
// stronger is wanted: crypto/sha256 costs 1.2 ms of start-up.
func hash(label string, fields ...string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(label))
	for _, f := range fields {
		h.Write([]byte{0})
		h.Write([]byte(f))
	}
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Slot returns the preferred VM id of a VM name in the range min to max.
func Slot(name string, minID, maxID uint32) uint32 {
	size := uint64(maxID-minID) + 1
	return minID + uint32(hash("vmid", name)%size)
}

// DeriveLLAddr returns the lladdr of interface idx of the VM with this name:
// 02 and the first five bytes of the hash.
func DeriveLLAddr(name string, idx int) LLAddr {
	return derived(hash("lladdr", name, strconv.Itoa(idx)))
}

// DeriveLLAddrMixed is DeriveLLAddr with the VM id mixed in, for a switch on
// which another guest has that address.
func DeriveLLAddrMixed(name string, idx int, vmid uint32) LLAddr {
	return derived(hash("lladdr", name, strconv.Itoa(idx), strconv.FormatUint(uint64(vmid), 10)))
}

func derived(h uint64) LLAddr {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], h)
	return LLAddr{2, b[0], b[1], b[2], b[3], b[4]}
}

// Role tells vmtap's own links of one interface apart in their addresses.
type Role byte

// The roles of vmtap's own links.
const (
	RoleHostLink   Role = 1 // the host link
	RoleHostPeer   Role = 2 // the host link's end in the pod
	RoleGateway    Role = 3 // the gateway
	RoleGatewayPod Role = 4 // the gateway's end in the pod
	RoleBridge     Role = 5 // a bridge that vmtap made
	RoleLimiter    Role = 7 // the limiter, in the pod
)

// LinkAddr returns the address of one of vmtap's own links of an interface:
// 0a, the role, and guest4 of a local interface, else (vmid, idx). It is
// explicit, since udev rewrites random ones, and never the guest's own.
func LinkAddr(role Role, guest4 netip.Addr, vmid uint32, idx int) LLAddr {
	var low [4]byte
	if guest4.IsValid() {
		low = guest4.As4()
	} else {
		binary.BigEndian.PutUint32(low[:], vmid<<7|uint32(idx))
	}
	return LLAddr{0x0a, byte(role), low[0], low[1], low[2], low[3]}
}

// BridgeAddr returns the address of a bridge that vmtap makes.
func BridgeAddr(bridge string) LLAddr {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], hash("bridge", bridge))
	return LLAddr{0x0a, byte(RoleBridge), b[0], b[1], b[2], b[3]}
}

// AutoPrefix6 returns the ULA /48 of a machine (RFC 4193, section 3.2), from
// its machine-id without the newline.
func AutoPrefix6(machineID string) netip.Prefix {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], hash("prefix6", machineID))
	addr := [16]byte{0: 0xfd}
	copy(addr[1:6], b[:5]) // the 40-bit global ID
	return netip.PrefixFrom(netip.AddrFrom16(addr), 48)
}

// LockOffset returns the byte of the lock file that belongs to an
// attachment: 1 or more, since byte 0 is the claims lock. Two attachments
// with one offset only wait for each other. With ifName "", which no attachment
// has, it is the VM's.
func LockOffset(containerID, ifName string) int64 {
	return 1 + int64(hash("lock", containerID, ifName)>>2)
}
