package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

const tunPath = "/dev/net/tun"

// tun is an open /dev/net/tun. It belongs to the namespace in which it was
// opened, whichever thread uses it. Until persist, the tap goes when it is
// closed or the process dies.
type tun struct{ fd int }

func openTun() (*tun, error) {
	fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, config.Errorf(config.CodeNotAvailable, "open %s: %w, load the module tun", tunPath, err)
	}
	return &tun{fd}, nil
}

func (t *tun) close() error { return unix.Close(t.fd) }

// create makes the tap with this ifindex. It never opens one that exists.
func (t *tun) create(name string, index int32, vnetHdr bool, owner plan.Owner) error {
	if err := unix.IoctlSetPointerInt(t.fd, unix.TUNSETIFINDEX, int(index)); err != nil {
		return fmt.Errorf("create tap %s: set ifindex: %w", name, err)
	}
	req, err := unix.NewIfreq(name)
	if err != nil {
		return fmt.Errorf("create tap %s: %w", name, err)
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_TUN_EXCL)
	if vnetHdr {
		flags |= unix.IFF_VNET_HDR
	}
	req.SetUint16(flags)
	if err := unix.IoctlIfreq(t.fd, unix.TUNSETIFF, req); err != nil {
		if errors.Is(err, unix.EBUSY) {
			return config.Errorf(config.CodeTaken, "create tap %s: the pod's namespace has an interface of this name", name)
		}
		return fmt.Errorf("create tap %s: %w", name, err)
	}
	if owner.HasUID {
		if err := unix.IoctlSetInt(t.fd, unix.TUNSETOWNER, int(owner.UID)); err != nil {
			return fmt.Errorf("give tap %s to user %d: %w", name, owner.UID, err)
		}
	}
	if owner.HasGID {
		if err := unix.IoctlSetInt(t.fd, unix.TUNSETGROUP, int(owner.GID)); err != nil {
			return fmt.Errorf("give tap %s to group %d: %w", name, owner.GID, err)
		}
	}
	return nil
}

// persist makes the tap stay, or not, when nobody has it open.
func (t *tun) persist(on bool) error {
	value := 0
	if on {
		value = 1
	}
	if err := unix.IoctlSetInt(t.fd, unix.TUNSETPERSIST, value); err != nil {
		return fmt.Errorf("make the tap persistent: %w", err)
	}
	return nil
}
