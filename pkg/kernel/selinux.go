package kernel

import (
	"bytes"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
)

const (
	selinuxDir  = "/sys/fs/selinux"
	execContext = "/proc/thread-self/attr/exec" // AppArmor has this file, too
)

// checkContext refuses an SELinux context that a tap cannot have on this node,
// "" for none asked for. It changes nothing but a thread that ends.
func checkContext(context string) error {
	if context == "" {
		return nil
	}
	return onLostThread(func() error { return setExecContext(context) })
}

// setExecContext makes the calling thread's next exec, and no other thread's,
// begin a process in an SELinux context. The thread must not serve others
// afterwards.
func setExecContext(context string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(selinuxDir, &fs); err != nil || fs.Type != unix.SELINUX_MAGIC {
		return config.Errorf(config.CodeInvalidConfig, "use tap.selinuxContext %.64q: this node has no SELinux, there is no selinuxfs at %s, drop it", context, selinuxDir)
	}
	fd, err := unix.Open(execContext, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return refuseContext(context, err)
	}
	err = writeContext(fd, context)
	if closeErr := unix.Close(fd); err == nil && closeErr != nil {
		return refuseContext(context, closeErr)
	}
	return err
}

func writeContext(fd int, context string) error {
	_, err := unix.Write(fd, []byte(context))
	switch {
	case errors.Is(err, unix.EINVAL):
		return config.Errorf(config.CodeInvalidConfig, "use tap.selinuxContext %.64q: the node's policy has no such context", context)
	case err != nil:
		return refuseContext(context, err)
	}
	// Without a policy the kernel takes any text for its own context, which is
	// a word without a colon.
	have := make([]byte, 4096)
	n, err := unix.Pread(fd, have, 0)
	if err != nil {
		return refuseContext(context, err)
	}
	if !bytes.Contains(have[:n], []byte(":")) {
		return config.Errorf(config.CodeInvalidConfig, "use tap.selinuxContext %.64q: this node has no SELinux policy loaded, load one or drop it", context)
	}
	return nil
}

func refuseContext(context string, cause error) error {
	return config.Errorf(config.CodeInvalidConfig, "use tap.selinuxContext %.64q: set it for a process: %w, see what SELinux denied with ausearch -m avc", context, cause)
}
