package netconf

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/containernetworking/cni/libcni"
)

// Type is what names vmtap in a configuration.
const Type = "vmtap"

// conflist ends the name of a file with a network's whole list of plugins.
const conflist = ".conflist"

// Files returns the files in a directory that can configure a network, in the
// order of runtimes: of two with one network, the first counts. A directory that
// is not there has none.
func Files(dir string) ([]string, error) {
	files, err := libcni.ConfFiles(dir, []string{conflist, ".conf", ".json"})
	if err != nil {
		return nil, fmt.Errorf("read configurations: %w", err)
	}
	slices.Sort(files)
	return files, nil
}

// Load reads a file with a list of plugins, or with one plugin alone, as its name
// says.
func Load(path string) (*libcni.NetworkConfigList, error) {
	if filepath.Ext(path) == conflist {
		return libcni.NetworkConfFromFile(path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return alone(text)
}

// Parse is Load for what stands in no file, in which plugins of a directory are
// not looked for.
func Parse(text []byte) (*libcni.NetworkConfigList, error) {
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		return nil, fmt.Errorf("error parsing configuration: %w", err)
	}
	if _, ok := keys["plugins"]; !ok {
		return alone(text)
	}
	return libcni.NetworkConfFromBytes(text)
}

// alone reads one plugin, which is the whole network.
func alone(text []byte) (*libcni.NetworkConfigList, error) {
	plugin, err := libcni.NetworkPluginConfFromBytes(text)
	if err != nil {
		return nil, err
	}
	return &libcni.NetworkConfigList{
		Name: plugin.Network.Name, CNIVersion: plugin.Network.CNIVersion, Plugins: []*libcni.PluginConfig{plugin}, Bytes: text,
	}, nil
}

// Blocks returns the blocks of a list that are vmtap's, as a runtime hands them
// to the plugin.
func Blocks(list *libcni.NetworkConfigList) (blocks [][]byte, err error) {
	for _, block := range list.Plugins {
		if block.Network.Type != Type {
			continue
		}
		handed, err := libcni.InjectConf(block, map[string]any{"name": list.Name, "cniVersion": list.CNIVersion})
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, handed.Bytes)
	}
	return blocks, nil
}

// WithPrevious returns a block, as Blocks has it, with a prevResult that says
// nothing: for who only wants to know what vmtap would do after another plugin.
func WithPrevious(block []byte) ([]byte, error) {
	plugin, err := libcni.NetworkPluginConfFromBytes(block)
	if err != nil {
		return nil, err
	}
	plugin, err = libcni.InjectConf(plugin, map[string]any{"prevResult": map[string]any{"cniVersion": plugin.Network.CNIVersion}})
	if err != nil {
		return nil, err
	}
	return plugin.Bytes, nil
}
