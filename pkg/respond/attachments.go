package respond

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/vmtap/vmtap/pkg/netconf"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// attachments are what runtimes keep of their ADDs, in libcni's caches. A file is
// read again when it has changed.
type attachments struct {
	dirs      []string // with a file for each attachment
	confDir   string   // of configurations
	machineID string

	files map[string]*cacheFile
	read  map[string]time.Time // when each directory had changed last
}

// cacheFile is one attachment.
type cacheFile struct {
	stamp
	*attachment // nil if it is none of vmtap's, or cannot be read
	broken      bool
}

// stamp tells whether a file has changed.
type stamp struct {
	at   time.Time
	size int64
}

// settling is how long a change of a directory may go on within one tick of the
// clock, and a file may take to be written.
const settling = time.Second

// refresh looks for files that are new, made anew or gone. A file that cannot be
// read is an error once.
func (n *attachments) refresh(now time.Time) error {
	if n.files == nil {
		n.files, n.read = map[string]*cacheFile{}, map[string]time.Time{}
	}
	var errs []error
	for _, dir := range n.dirs {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			n.forget(dir, nil)
		case err != nil:
			errs = append(errs, err)
		case !info.ModTime().Equal(n.read[dir]):
			errs = append(errs, n.list(dir))
			if now.Sub(info.ModTime()) > settling {
				n.read[dir] = info.ModTime()
			}
		}
	}
	for path, f := range n.files {
		if f.broken {
			errs = append(errs, n.load(path))
		}
	}
	return errors.Join(errs...)
}

// list reads what is new in a directory, and what was made anew.
func (n *attachments) list(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read what runtimes keep: %w", err)
	}
	names := map[string]bool{}
	var errs []error
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		names[path] = true
		if e.Type().IsRegular() {
			errs = append(errs, n.load(path))
		}
	}
	n.forget(dir, names)
	return errors.Join(errs...)
}

// forget drops the files of a directory that are not among these.
func (n *attachments) forget(dir string, names map[string]bool) {
	for path := range n.files {
		if filepath.Dir(path) == dir && !names[path] {
			delete(n.files, path)
		}
	}
}

// load reads a file if it has changed.
func (n *attachments) load(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		delete(n.files, path)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what runtimes keep: %w", err)
	}
	s := stamp{info.ModTime(), info.Size()}
	if f := n.files[path]; f != nil && f.stamp == s {
		return nil
	}
	f := &cacheFile{stamp: s}
	n.files[path] = f
	c, err := netconf.ReadCached(path)
	if err == nil {
		f.attachment, err = readAttachment(&c, n.confDir, n.machineID)
	}
	f.broken = err != nil
	if err == nil || time.Since(s.at) < settling { // it is just being written
		return nil
	}
	return fmt.Errorf("read attachment %s: %w", path, err)
}

// find returns the attachment of the guest with this lladdr at a link of the
// host's namespace, nil if there is none.
func (n *attachments) find(link string, lladdr vmid.LLAddr) (*attachment, error) {
	for path, f := range n.files {
		if f.attachment == nil || f.LLAddr != lladdr || !slices.Contains(f.links, link) {
			continue
		}
		err := n.load(path) // ADD again writes to the file that is there
		if f = n.files[path]; f == nil || f.attachment == nil || f.LLAddr != lladdr || !slices.Contains(f.links, link) {
			return nil, err
		}
		return f.attachment, err
	}
	return nil, nil
}

// leased6 are the attachments with an IPv6 address that their link does not show.
func (n *attachments) leased6() (all []*attachment) {
	for _, f := range n.files {
		if f.attachment != nil && !f.local && f.Addr6.IsValid() {
			all = append(all, f.attachment)
		}
	}
	return all
}
