package confine

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// changes confines the process to change the files of one directory, and tries it there and beside it.
func changes() (any, error) {
	mine, other := filepath.Join(os.TempDir(), "mine"), filepath.Join(os.TempDir(), "other")
	if err := errors.Join(os.Mkdir(mine, 0o700), os.Mkdir(other, 0o700), os.WriteFile(filepath.Join(other, "there"), nil, 0o600)); err != nil {
		return nil, err
	}
	f := found{Errors: map[string]int{}}
	var err error
	if f.InForce, err = Process(Limits{Files: []File{{mine, Read | Write | List | Change}}}); err != nil {
		return nil, err
	}
	try := func(what string, err error) {
		var errno unix.Errno
		if err != nil && !errors.As(err, &errno) {
			errno = unix.ENOMSG
		}
		f.Errors[what] = int(errno)
	}
	try("make", os.WriteFile(filepath.Join(mine, "a"), []byte("a"), 0o600))
	try("rename", os.Rename(filepath.Join(mine, "a"), filepath.Join(mine, "b")))
	try("remove", os.Remove(filepath.Join(mine, "b")))
	try("make a link", os.Symlink("/etc/shadow", filepath.Join(mine, "link")))
	try("make a directory", os.Mkdir(filepath.Join(mine, "dir"), 0o700))
	try("make beside", os.WriteFile(filepath.Join(other, "a"), nil, 0o600))
	try("write beside", os.WriteFile(filepath.Join(other, "there"), []byte("a"), 0o600))
	try("remove beside", os.Remove(filepath.Join(other, "there")))
	return f, nil
}

// TestChange: files come, go and are renamed in one directory, and nowhere else; links and directories do not come.
func TestChange(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f := in[found](t, "changes")
	if f.InForce.Permitted != 0 {
		t.Errorf("it keeps %s", f.InForce.Permitted)
	}
	f.wantErrors(t, map[string]unix.Errno{"make": 0, "rename": 0, "remove": 0})
	if f.InForce.Landlock == 0 {
		t.Skip("this kernel has no Landlock")
	}
	for _, what := range []string{"make a link", "make a directory", "make beside", "write beside", "remove beside"} {
		f.wantErrors(t, map[string]unix.Errno{what: unix.EACCES})
	}
}
