package command

import (
	"errors"
	"io/fs"

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
// where none was named.
func (c *caches) each(f func(dir string, all []netconf.Cached)) error {
	var errs []error
	for i, dir := range netconf.Caches(c.dirs) {
		all, err := netconf.Cache(dir)
		if len(c.dirs) == 0 && i > 0 && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		errs = append(errs, err)
		f(dir, all)
	}
	return errors.Join(errs...)
}
