package install

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// File is a file of the node as it should be.
type File struct {
	Path    string
	Content []byte
	Mode    fs.FileMode // permissions
}

// unfinished stands in the name of a file that is still written. No runtime takes
// it for a configuration: its name ends otherwise.
const unfinished = ".vmtap-install-"

// temporary is the pattern of the names of the file while it is written.
func (f *File) temporary() string { return "." + filepath.Base(f.Path) + unfinished }

// InPlace reports whether the file is there as it should be.
func (f *File) InPlace() (bool, error) {
	info, err := os.Lstat(f.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.IsDir():
		return false, fmt.Errorf("look at %s: it is a directory, remove it", f.Path)
	case !info.Mode().IsRegular() || info.Mode().Perm() != f.Mode || info.Size() != int64(len(f.Content)):
		return false, nil
	}
	there, err := os.ReadFile(f.Path)
	if errors.Is(err, fs.ErrNotExist) { // it has just gone
		return false, nil
	}
	return bytes.Equal(there, f.Content), err
}

// Put puts the file in the place of what is there, at once: whoever opens it gets
// the old one or the new one, even if this process is killed or the machine loses
// its power. No other file of the directory is touched but what a killed process
// left of this one.
func (f *File) Put() (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("put %s in place: %w", f.Path, err)
		}
	}()
	dir, err := lockDir(filepath.Dir(f.Path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Close()) }() // which lets go of the lock
	if err := f.removeLeft(dir); err != nil {
		return err
	}
	name, err := f.write()
	if err == nil {
		err = os.Rename(name, f.Path)
	}
	if err != nil {
		if name != "" {
			err = errors.Join(err, os.Remove(name))
		}
		return err
	}
	return dir.Sync()
}

// Tidy removes what killed processes left of the file, and leaves the file as it is.
func (f *File) Tidy() (err error) {
	dir, err := lockDir(filepath.Dir(f.Path))
	if err != nil {
		return fmt.Errorf("tidy up beside %s: %w", f.Path, err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if err := f.removeLeft(dir); err != nil {
		return fmt.Errorf("tidy up beside %s: %w", f.Path, err)
	}
	return nil
}

// removeLeft removes what others left who were killed while they wrote the file:
// who holds the directory's lock is the only one to write.
func (f *File) removeLeft(dir *os.File) error {
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), f.temporary()) {
			errs = append(errs, os.Remove(filepath.Join(dir.Name(), e.Name())))
		}
	}
	return errors.Join(errs...)
}

// write writes the file under another name in its directory, which it returns if
// such a file is there, and sees to it that it is on the disk.
func (f *File) write() (name string, err error) {
	file, err := os.CreateTemp(filepath.Dir(f.Path), f.temporary()+"*")
	if err != nil {
		return "", err
	}
	_, err = file.Write(f.Content)
	if err == nil {
		err = file.Chmod(f.Mode)
	}
	if err == nil {
		err = file.Sync()
	}
	// Closed before it gets its name: what is open for writing cannot be executed.
	return file.Name(), errors.Join(err, file.Close())
}

// Remove removes the file. That it is gone already is no error.
func (f *File) Remove() (err error) {
	dir, err := lockDir(filepath.Dir(f.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("remove %s: %w", f.Path, err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	if err := f.removeLeft(dir); err != nil {
		return fmt.Errorf("remove %s: %w", f.Path, err)
	}
	if err := os.Remove(f.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // which names it
	}
	return dir.Sync()
}
