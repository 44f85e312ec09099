package install

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	lockWithin = 10 * time.Second
	lockAgain  = 20 * time.Millisecond
)

// lockDir opens a directory and locks it against other installers, until it is
// closed. A process that is killed lets go of it, and nothing is left.
func lockDir(path string) (*os.File, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	again := time.NewTicker(lockAgain)
	defer again.Stop()
	for end := time.Now().Add(lockWithin); ; <-again.C {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return dir, nil
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), dir.Close())
		case time.Now().After(end):
			return nil, errors.Join(fmt.Errorf("lock %s: another installer has held it for %s", path, lockWithin), dir.Close())
		}
	}
}
