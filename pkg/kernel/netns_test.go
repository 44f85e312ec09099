package kernel

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/test/netns"
)

// TestNoNetns: what is no pod's namespace had no ADD; one that cannot be opened
// now may have had.
func TestNoNetns(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		netns.New(t).Path():      false, // no error at all
		filepath.Join(file, "x"): true,
		file + "-missing":        true,
		file:                     true,
		"/proc/1/ns/net":         true,
		"/proc/self/ns/mnt":      true,
	} {
		fd, err := openNetns(path)
		if err == nil {
			err = unix.Close(fd)
		}
		if got := noNetns(err); got != want {
			t.Errorf("%s: %t, want %t: %v", path, got, want, err)
		}
	}
	for _, cause := range []error{unix.EMFILE, unix.ENFILE, unix.ENOMEM} {
		if err := config.Errorf(config.CodeEnvironment, "open CNI_NETNS: %w", cause); noNetns(err) {
			t.Errorf("%v: as if no ADD could have made anything there", err)
		}
	}
}
