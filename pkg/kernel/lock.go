package kernel

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
)

const (
	lockDir     = "/run/vmtap"
	lockPath    = lockDir + "/lock"
	lockTimeout = 10 * time.Second
	claimsByte  = 0 // the others are attachments' and VMs', see vmid.LockOffset
)

// lockFile is the one lock of a node: byte ranges of a file, held by open
// file description, so that the kernel lets go when the process dies.
type lockFile struct{ fd int }

func openLock() (*lockFile, error) {
	// Not by package os, which would set up its poller for it.
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Open(lockPath, flags, 0o600)
	if errors.Is(err, unix.ENOENT) {
		if err := os.MkdirAll(lockDir, 0o700); err != nil {
			return nil, config.Errorf(config.CodeIO, "make lock directory: %w", err)
		}
		fd, err = unix.Open(lockPath, flags, 0o600)
	}
	if err != nil {
		return nil, config.Errorf(config.CodeIO, "open lock %s: %w", lockPath, err)
	}
	return &lockFile{fd}, nil
}

func (l *lockFile) close() error { return unix.Close(l.fd) }

// lock takes one byte of the file, what says whose. It waits no longer than
// lockTimeout.
func (l *lockFile) lock(offset int64, what string) error {
	if got, err := l.try(offset, what); got || err != nil {
		return err
	}
	// Somebody has it: wait in the kernel, in line, rather than poll. At a
	// timeout the waiting thread is left behind; the process ends soon.
	got := make(chan error, 1)
	go func() { got <- l.set(unix.F_OFD_SETLKW, unix.F_WRLCK, offset) }()
	select {
	case err := <-got:
		if err != nil {
			return config.Errorf(config.CodeIO, "lock %s: %w", what, err)
		}
		return nil
	case <-time.After(lockTimeout):
		return config.Errorf(config.CodeTryAgainLater, "lock %s: another call has held it for %s, see `lslocks` for %s", what, lockTimeout, lockPath)
	}
}

// try takes one byte of the file if nobody has it.
func (l *lockFile) try(offset int64, what string) (got bool, err error) {
	err = l.set(unix.F_OFD_SETLK, unix.F_WRLCK, offset)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return false, nil
	}
	return false, config.Errorf(config.CodeIO, "lock %s: %w", what, err)
}

func (l *lockFile) unlock(offset int64) error {
	if err := l.set(unix.F_OFD_SETLK, unix.F_UNLCK, offset); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	return nil
}

func (l *lockFile) set(cmd int, kind int16, offset int64) error {
	for {
		err := unix.FcntlFlock(uintptr(l.fd), cmd, &unix.Flock_t{Type: kind, Start: offset, Len: 1})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
