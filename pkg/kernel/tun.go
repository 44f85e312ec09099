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
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return nil, config.Errorf(config.CodeNotAvailable, "open %s: %w, run as root", tunPath, err)
	case err != nil:
		return nil, config.Errorf(config.CodeNotAvailable, "open %s: %w, load the module tun", tunPath, err)
	}
	return &tun{fd}, nil
}

// checkTun says why no tap could be made.
func checkTun() error {
	t, err := openTun()
	if err != nil {
		return err
	}
	return t.close()
}

func (t *tun) close() error { return unix.Close(t.fd) }

// create makes the tap with this ifindex. It never opens one that exists.
func (t *tun) create(tap *plan.Link, index int32) error {
	if err := unix.IoctlSetPointerInt(t.fd, unix.TUNSETIFINDEX, int(index)); err != nil {
		return fmt.Errorf("create tap %s: set ifindex: %w", tap.Name, err)
	}
	if err := t.attach(tap); err != nil {
		return err
	}
	if tap.Owner.HasUID {
		if err := unix.IoctlSetInt(t.fd, unix.TUNSETOWNER, int(tap.Owner.UID)); err != nil {
			return fmt.Errorf("give tap %s to user %d: %w", tap.Name, tap.Owner.UID, err)
		}
	}
	if tap.Owner.HasGID {
		if err := unix.IoctlSetInt(t.fd, unix.TUNSETGROUP, int(tap.Owner.GID)); err != nil {
			return fmt.Errorf("give tap %s to group %d: %w", tap.Name, tap.Owner.GID, err)
		}
	}
	return nil
}

// attach makes the tap, in its context if it is to have one.
func (t *tun) attach(tap *plan.Link) error {
	if tap.SELinuxContext != "" {
		return t.attachByChild(tap)
	}
	err := attachTap(t.fd, tap.Name, tapFlags(tap))
	switch {
	case errors.Is(err, unix.EBUSY):
		return errTaken(tap, err)
	case err != nil:
		return fmt.Errorf("create tap %s: %w", tap.Name, err)
	}
	return nil
}

func errTaken(tap *plan.Link, cause error) error {
	return config.Errorf(config.CodeTaken, "create tap %s: the name or the ifindex is taken: %w", tap.Name, cause)
}

// attachTap makes a tap of an open /dev/net/tun.
func attachTap(fd int, name string, flags uint16) error {
	req, err := unix.NewIfreq(name)
	if err != nil {
		return err
	}
	req.SetUint16(flags)
	return unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
}

func tapFlags(tap *plan.Link) uint16 {
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_TUN_EXCL)
	if tap.VnetHdr {
		flags |= unix.IFF_VNET_HDR
	}
	if tap.MultiQueue {
		flags |= unix.IFF_MULTI_QUEUE
	}
	return flags
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
