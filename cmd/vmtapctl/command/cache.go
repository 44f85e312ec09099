package command

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/vmtap/vmtap/pkg/netconf"
)

// caches are where the runtimes of this node keep what they know.
type caches struct{ dirs []string }

func (c *caches) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&c.dirs, "cache-dir", nil,
		"where a runtime keeps what it knows of attachments, in a directory results; may be given several times (default "+netconf.CacheDir+", and what is there of Multus's)")
}

// each reads all caches. A directory that is missing is an error, but for Multus's
// where none was given.
func (c *caches) each(f func(dir string, all []netconf.Cached)) error {
	dirs, multus := c.dirs, ""
	if len(dirs) == 0 {
		multus = filepath.Join(netconf.CacheDir, "multus")
		dirs = []string{netconf.CacheDir, multus}
	}
	var errs []error
	for _, dir := range dirs {
		all, err := netconf.Cache(dir)
		if dir == multus && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		errs = append(errs, err)
		f(dir, all)
	}
	return errors.Join(errs...)
}
