package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vmtap/vmtap/pkg/netconf"
)

// confMode lets others read a configuration, as runtimes' own are.
const confMode = 0o644

// ReadConf returns what a file configures as the file of the same name in another
// directory. A configuration with which ADD could not work, or without vmtap, is
// refused.
func ReadConf(source, dir string) (*File, error) {
	content, err := os.ReadFile(source)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if err := check(source); err != nil {
		return nil, fmt.Errorf("read the configuration %s: %w", source, err)
	}
	return &File{Path: filepath.Join(dir, filepath.Base(source)), Content: content, Mode: confMode}, nil
}

func check(path string) error {
	switch filepath.Ext(path) {
	case ".conflist", ".conf", ".json":
	default:
		return errors.New("runtimes do not read a file of this name, end it with .conflist")
	}
	list, err := netconf.Load(path)
	if err != nil {
		return err
	}
	blocks, faults := netconf.Faults(list)
	if blocks == 0 && len(faults) == 0 {
		return errors.New("no plugin of it is vmtap")
	}
	return errors.Join(faults...)
}

// before returns the file of a directory that runtimes use in place of another,
// since its name comes first; empty if they use that one.
func before(path string) (string, error) {
	files, err := netconf.Files(filepath.Dir(path))
	if err != nil || len(files) == 0 || files[0] == path {
		return "", err
	}
	return files[0], nil
}

// RemoveConf removes a configuration of vmtap's that was put in place. One that is
// not vmtap's stays, and is an error.
func RemoveConf(path string) error {
	list, err := netconf.Load(path)
	if err == nil {
		var blocks [][]byte
		if blocks, err = netconf.Blocks(list); err == nil && len(blocks) == 0 {
			return fmt.Errorf("remove %s: no plugin of it is vmtap, so it is somebody else's", path)
		}
	}
	// What cannot be read, or is gone, is nobody else's.
	return (&File{Path: path}).Remove()
}
