package delegate

import (
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/vmtap/vmtap/pkg/config"
)

// Plugin is a plugin to delegate to, for one call.
type Plugin struct {
	name  string
	path  string
	stdin []byte // all of the configuration that this plugin got
}

// Find looks for a plugin in the directories of CNI_PATH, so that one that is
// missing is an error before anything is done. Errors are *config.Error with
// CodeInvalidConfig.
func Find(name string, args *skel.CmdArgs) (*Plugin, error) {
	for _, dir := range filepath.SplitList(args.Path) {
		path := filepath.Join(dir, name)
		if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() && fi.Mode()&0o111 != 0 {
			return &Plugin{name, path, args.StdinData}, nil
		}
	}
	return nil, config.Errorf(config.CodeInvalidConfig, "find IPAM plugin %.64q: no such program in CNI_PATH %.64q, install it", name, args.Path)
}
