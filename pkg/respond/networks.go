package respond

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vmtap/vmtap/pkg/answer"
	"github.com/vmtap/vmtap/pkg/config"
)

// networks are the settings of the networks that are configured in a directory,
// by name. It is read again when a file in it has changed.
type networks struct {
	dir       string
	machineID string

	state map[string]time.Time // when each file changed last
	all   map[string]answer.Network
}

// refresh reads the directory if something in it has changed. A file that cannot
// be used is left out and is an error; the others are used all the same.
func (n *networks) refresh() error {
	state, err := n.look()
	if err != nil || maps.EqualFunc(state, n.state, time.Time.Equal) {
		return err
	}
	n.state, n.all = state, map[string]answer.Network{}
	var errs []error
	// As runtimes do: of two files with one network, the first counts.
	for _, path := range slices.Sorted(maps.Keys(state)) {
		errs = append(errs, n.read(path))
	}
	return errors.Join(errs...)
}

// look returns when each configuration file was changed.
func (n *networks) look() (map[string]time.Time, error) {
	entries, err := os.ReadDir(n.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read configurations: %w", err)
	}
	state := map[string]time.Time{}
	for _, e := range entries {
		if !slices.Contains([]string{".conflist", ".conf", ".json"}, filepath.Ext(e.Name())) {
			continue
		}
		path := filepath.Join(n.dir, e.Name())
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // it has just gone
		case err != nil:
			return nil, fmt.Errorf("read configurations: %w", err)
		case info.Mode().IsRegular():
			state[path] = info.ModTime()
		}
	}
	return state, nil
}

// read takes the networks of vmtap's that a file configures.
func (n *networks) read(path string) error {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	var list struct {
		CNIVersion string                       `json:"cniVersion"`
		Name       string                       `json:"name"`
		Plugins    []map[string]json.RawMessage `json:"plugins"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("read configuration %s: %w", path, err)
	}
	if list.Plugins == nil { // a file with one plugin
		var plugin map[string]json.RawMessage
		if err := json.Unmarshal(text, &plugin); err != nil {
			return fmt.Errorf("read configuration %s: %w", path, err)
		}
		list.Plugins = append(list.Plugins, plugin)
	}
	for _, block := range list.Plugins {
		if strings.Trim(string(block["type"]), `" `) != "vmtap" {
			continue
		}
		if _, double := n.all[list.Name]; double {
			return nil
		}
		settings, err := n.parse(block, list.CNIVersion, list.Name)
		if err != nil {
			return fmt.Errorf("read configuration %s: %w", path, err)
		}
		n.all[list.Name] = settings
	}
	return nil
}

// parse reads a plugin's block as it is handed to the plugin, with the list's
// version and name.
func (n *networks) parse(block map[string]json.RawMessage, version, name string) (answer.Network, error) {
	block = maps.Clone(block)
	for key, value := range map[string]string{"cniVersion": version, "name": name} {
		text, err := json.Marshal(value)
		if err != nil {
			return answer.Network{}, err
		}
		block[key] = text
	}
	stdin, err := json.Marshal(block)
	if err != nil {
		return answer.Network{}, err
	}
	req, err := config.ParseNetwork(config.Input{Stdin: stdin, MachineID: func() (string, error) { return n.machineID, nil }})
	if err != nil {
		return answer.Network{}, err
	}
	return settingsOf(&req), nil
}
