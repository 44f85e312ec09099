package respond

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/vmtap/vmtap/pkg/answer"
	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/netconf"
)

// networks are the settings of the networks that are configured in a directory,
// by name. It is read again when a file in it has changed.
type networks struct {
	dir       string
	machineID string

	state map[string]time.Time // when each file changed last
	all   map[string]answer.Network
	vmids map[string]VMIDs
}

// refresh reads the directory if something in it has changed. A file that cannot
// be used is left out and is an error; the others are used all the same.
func (n *networks) refresh() error {
	files, state, err := n.look()
	if err != nil || maps.EqualFunc(state, n.state, time.Time.Equal) {
		return err
	}
	n.state, n.all, n.vmids = state, map[string]answer.Network{}, map[string]VMIDs{}
	var errs []error
	// As runtimes do: of two files with one network, the first counts.
	for _, path := range files {
		if err := n.read(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // it has just gone
			errs = append(errs, fmt.Errorf("read configuration %s: %w", path, err))
		}
	}
	return errors.Join(errs...)
}

// look returns the configuration files in order, and when each was changed, with
// those that add plugins to a network, in a directory of its name.
func (n *networks) look() (files []string, state map[string]time.Time, err error) {
	if files, err = netconf.Files(n.dir); err != nil {
		return nil, nil, err
	}
	added, err := filepath.Glob(filepath.Join(n.dir, "*", "*.conf"))
	if err != nil {
		return nil, nil, fmt.Errorf("read configurations: %w", err)
	}
	state = map[string]time.Time{}
	for _, path := range slices.Concat(files, added) {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, nil, fmt.Errorf("read configurations: %w", err)
		default:
			state[path] = info.ModTime()
		}
	}
	return files, state, nil
}

// read takes the network of vmtap's that a file configures, if it does.
func (n *networks) read(path string) error {
	list, err := netconf.Load(path)
	if err != nil {
		return err
	}
	blocks, err := netconf.Blocks(list)
	if err != nil {
		return err
	}
	for _, block := range blocks {
		if _, double := n.all[list.Name]; double {
			continue
		}
		req, err := config.ParseNetwork(config.Input{Stdin: block, MachineID: func() (string, error) { return n.machineID, nil }})
		if err != nil {
			return err
		}
		n.all[list.Name] = settingsOf(&req)
		n.addVMIDs(list.Name, &req)
	}
	return nil
}
