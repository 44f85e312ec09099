package kernel

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/kata"
)

const (
	danSuffix      = ".json" // of a sandbox's file, after its id
	danDraftSuffix = ".new"  // of what becomes one, which no sandbox's file has: it begins with a '.'
	maxDAN         = 1 << 20 // the longest file that is read, in bytes
)

// errNoFile says that there is something else in a file's place, or one that is too long.
var errNoFile = errors.New("it is no file of 1 MiB at most")

// danPath returns the file of a sandbox. A container id has no slash and does not
// begin with a dot.
func danPath(dir, containerID string) string { return filepath.Join(dir, containerID+danSuffix) }

// danDraft returns the file that becomes that of a sandbox once it is whole.
func danDraft(dir, containerID string) string {
	return filepath.Join(dir, "."+containerID+danSuffix+danDraftSuffix)
}

// ensureDANDir makes a directory of sandboxes' files. Kata reads it as root; those above
// it are Kata's, too, and stay open to its other processes.
func ensureDANDir(dir string) error {
	err := unix.Mkdir(dir, 0o700)
	if errors.Is(err, unix.ENOENT) {
		if err = os.MkdirAll(filepath.Dir(dir), 0o755); err == nil {
			err = unix.Mkdir(dir, 0o700)
		}
	}
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return config.Errorf(config.CodeIO, "make directory %s of kata.dir: %w", dir, err)
	}
	return nil
}

// checkDANDir refuses a directory in which nothing can be written. One that is not there
// is none: ADD makes it.
func checkDANDir(dir string) error {
	err := unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	if err == nil {
		var info fs.FileInfo
		if info, err = os.Stat(dir); err == nil && !info.IsDir() {
			err = unix.ENOTDIR
		}
	}
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return config.Errorf(config.CodeInvalidConfig, "write to kata.dir %s: %w, give another or mend it", dir, err)
}

// inDAN are the files that a call may open to work on sandboxes' files. What is no
// directory is none of them: Landlock knows no right to make files in it.
func inDAN(access confine.Access, dirs ...string) (files []confine.File) {
	for _, dir := range dirs {
		if dir != "" {
			files = append(files, confine.File{Path: dir + "/", Access: access})
		}
	}
	return files
}

// editDAN is what changing sandboxes' files takes, and looking for them.
const editDAN = confine.Read | confine.Write | confine.List | confine.Change

func readDANText(path string) ([]byte, error) {
	// Neither a link to another place nor a pipe that nobody writes to.
	f, err := os.OpenFile(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, errNoFile
	case errors.Is(err, unix.ENOTDIR): // nor is the directory one
		return nil, fs.ErrNotExist
	case err != nil:
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxDAN {
		return nil, errors.Join(errNoFile, err)
	}
	return io.ReadAll(io.LimitReader(f, maxDAN+1))
}

// writeDAN puts a document in a sandbox's file. Whoever reads it meanwhile reads the old
// one or the new one, also if this process is killed or the machine stops.
func writeDAN(dir, containerID string, d *kata.Document) error {
	text, err := d.Text()
	if err == nil {
		err = replaceFile(danDraft(dir, containerID), danPath(dir, containerID), text)
	}
	if err != nil {
		return config.Errorf(config.CodeIO, "write sandbox's file %s for Kata: %w", danPath(dir, containerID), err)
	}
	return nil
}

func replaceFile(draft, path string, text []byte) error {
	if err := removeDAN(draft); err != nil { // of a call that was killed
		return err
	}
	f, err := os.OpenFile(draft, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = unix.Rename(draft, path)
	}
	if err != nil {
		return errors.Join(err, removeDAN(draft))
	}
	return nil
}

// removeDAN removes a file if it is there, and its directory is.
func removeDAN(path string) error {
	err := unix.Unlink(path)
	if err == nil || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return nil
	}
	return config.Errorf(config.CodeIO, "remove sandbox's file %s for Kata: %w", path, err)
}
