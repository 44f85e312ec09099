package netconf

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
)

// ErrNoCheck is the error of Checker.Check for an attachment that cannot be
// compared: its configuration's version has no CHECK.
var ErrNoCheck = libcni.ErrorCheckNotSupp

// Checker has the plugin check attachments, as a runtime does.
type Checker struct {
	BinDirs  []string // where plugins are, vmtap's and IPAM's
	CacheDir string   // of the runtime
}

// Ready reports whether the plugin is there.
func (c *Checker) Ready() error {
	if _, err := invoke.FindInPath(Type, c.BinDirs); err != nil {
		return fmt.Errorf("find the plugin: %w", err)
	}
	return nil
}

// Check runs the CHECK of vmtap's blocks of an attachment's network, and of no
// other plugin. That its configuration disables it is for runtimes.
func (c *Checker) Check(a *Cached, list *libcni.NetworkConfigList) error {
	own := *list
	own.DisableCheck = false
	own.Plugins = slices.DeleteFunc(slices.Clone(list.Plugins), func(p *libcni.PluginConfig) bool { return p.Network.Type != Type })
	return libcni.NewCNIConfigWithCacheDir(c.BinDirs, c.CacheDir, nil).CheckNetworkList(context.Background(), &own, &libcni.RuntimeConf{
		ContainerID: a.ContainerID, NetNS: a.NetNS, IfName: a.IfName, Args: a.CniArgs, CapabilityArgs: a.CapabilityArgs,
	})
}

// Find returns the configuration with which an attachment can be checked: the one
// that it was made with or, if that has no block of vmtap's, the network's in a
// directory, since libcni notes no plugins that files of their own add. It returns
// nil if the network is not vmtap's.
func (a *Cached) Find(dir string) (*libcni.NetworkConfigList, error) {
	list, err := Parse(a.Config)
	if err == nil && usesVMTap(list) {
		return list, nil
	}
	files, dirErr := Files(dir)
	if dirErr != nil {
		return nil, errors.Join(err, dirErr)
	}
	for _, f := range files {
		if list, loadErr := Load(f); loadErr == nil && list.Name == a.Network {
			if usesVMTap(list) {
				return list, nil
			}
			return nil, nil //nolint:nilnil // another's network
		}
	}
	return nil, err
}

func usesVMTap(list *libcni.NetworkConfigList) bool {
	return slices.ContainsFunc(list.Plugins, func(p *libcni.PluginConfig) bool { return p.Network.Type == Type })
}
