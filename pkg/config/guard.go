package config

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Guard is what a guest may use besides its own lladdr and addresses. It comes
// from the operator's configuration only.
type Guard struct {
	Addresses []netip.Addr  // source addresses
	LLAddrs   []vmid.LLAddr // source lladdrs
	Protocols []uint8       // next headers of IPv6, by IANA's numbers
}

// readGuard reads locked and guard as they are given; completeGuard fills in
// the rest.
func (d *draft) readGuard(top *fields) {
	if n, ok := top.get("locked"); ok {
		d.givenLocked = &given{n, n.bool()}
	}
	n, ok := top.get("guard")
	if !ok || !n.is(boolean, object) {
		return
	}
	d.givenGuard = &given{n, true}
	if n.value.kind == boolean {
		d.givenGuard.yes = n.value.yes
		return
	}
	f := n.fields()
	d.guard = Guard{
		Addresses: few(f, "addresses", parseAddr),
		LLAddrs:   few(f, "lladdrs", parseLLAddr),
		Protocols: few(f, "protocols", parseProtocol),
	}
	f.done()
}

// maxGuardList is how much a guard lets pass of each kind. Each entry is
// asked for in turn by the program that sees every frame of the guest's.
const maxGuardList = 32

// few reads one of the guard's lists.
func few[T any](f *fields, key string, parse func(string) (T, error)) []T {
	list := optionalAll(f, key, parse)
	if n, ok := f.get(key); ok && len(list) > maxGuardList {
		n.refuse("want %d at most, have %d", maxGuardList, len(list))
	}
	return list
}

// given is a boolean as it stands in the configuration.
type given struct {
	node
	yes bool
}

// completeGuard settles locked and guard. An interface with addresses is
// guarded, and what is guarded is locked.
func (d *draft) completeGuard() {
	guarded := d.Local != nil || d.IPAM != ""
	if d.givenGuard != nil {
		guarded = d.givenGuard.yes
	}
	if guarded {
		d.Guard = &d.guard
	}
	d.Locked = guarded
	if d.givenLocked != nil {
		d.Locked = d.givenLocked.yes
	}
}

// checkGuard refuses a guard that could not hold.
func (d *draft) checkGuard() {
	if d.Guard == nil {
		return
	}
	if !d.Locked {
		const void = "a guard is void without it, since forged lladdrs move the switch's table entries"
		if d.givenGuard == nil {
			d.givenLocked.refuse("an interface with addresses is guarded and %s, add guard false or drop locked", void)
		} else {
			d.givenLocked.refuse("contradicts guard, %s, drop one of them", void)
		}
	}
	if d.Local == nil && d.IPAM == "" && len(d.guard.Addresses) == 0 {
		d.givenGuard.refuse("the interface has no addresses that a guard could hold the guest to: it is not local and has no ipam, use locked or add guard.addresses")
	}
}

// parseProtocol reads an IP protocol that a guard may let through: by its
// number, or by the name that IANA gives it. It refuses those for which the
// guard has rules of its own and, since what follows them would not be looked
// at, extension headers.
func parseProtocol(s string) (uint8, error) {
	number, known := protocolNumber(s)
	if !known {
		n, err := strconv.ParseUint(s, 10, 8)
		if err != nil || strconv.FormatUint(n, 10) != s {
			return 0, errors.New("want the number of an IP protocol, 1-255, or one of " + strings.Join(protocolNames(), ", "))
		}
		number = uint8(n)
	}
	switch number {
	case 0, 43, 44, 51, 60, 135, 139, 140, 253, 254:
		return 0, errors.New("an extension header of IPv6, which hides what follows it from the guard")
	case 1, 2, 6, 17, 50, 58, 59:
		return 0, errors.New("the guard has its own rules for it, drop it")
	}
	return number, nil
}

// protocolNames are the protocols that have a name here.
func protocolNames() []string {
	return []string{"ipip", "ipv6", "gre", "eigrp", "ospf", "pim", "vrrp", "l2tp", "sctp", "udplite"}
}

func protocolNumber(name string) (uint8, bool) {
	numbers := [...]uint8{4, 41, 47, 88, 89, 103, 112, 115, 132, 136}
	i := slices.Index(protocolNames(), name)
	if i < 0 {
		return 0, false
	}
	return numbers[i], true
}
