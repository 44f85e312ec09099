package netconf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
)

// CacheDir is where runtimes keep what they know of attachments, unless they are
// told another place.
const CacheDir = "/var/lib/cni"

// Caches returns the cache directories of a node's runtimes: those that were named,
// else CacheDir and Multus's in it.
func Caches(named []string) []string {
	if len(named) > 0 {
		return named
	}
	return []string{CacheDir, filepath.Join(CacheDir, "multus")}
}

// Cached is an attachment as libcni noted it after its ADD: runtimes have it, as
// far as they know.
type Cached struct {
	libcni.NetworkAttachment
	Path   string          // of the file
	Result json.RawMessage // what its ADD returned
}

// Cache returns the attachments in a runtime's cache directory. Unlike libcni it
// has an error for each file that it cannot read or understand, with those that it
// can: what is in such a file may be any attachment. A directory that is not there
// is an error, too, of fs.ErrNotExist.
func Cache(dir string) (all []Cached, err error) {
	results := filepath.Join(dir, "results")
	files, err := os.ReadDir(results)
	if err != nil {
		return nil, fmt.Errorf("read the cache of attachments: %w", err)
	}
	var errs []error
	for _, f := range files {
		c, err := ReadCached(filepath.Join(results, f.Name()))
		switch {
		case errors.Is(err, fs.ErrNotExist): // its DEL came just now
		case err != nil:
			errs = append(errs, fmt.Errorf("read cached attachment %s: %w", filepath.Join(results, f.Name()), err))
		default:
			all = append(all, c)
		}
	}
	return all, errors.Join(errs...)
}

// ReadCached reads the file of one attachment.
func ReadCached(path string) (Cached, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Cached{}, err
	}
	c, err := ParseCached(text)
	c.Path = path
	return c, err
}

// ParseCached reads the text of such a file.
func ParseCached(text []byte) (Cached, error) {
	var c struct {
		Kind           string
		ContainerID    string
		Config         []byte
		IfName         string
		NetworkName    string
		NetNS          string
		CniArgs        [][2]string
		CapabilityArgs map[string]any
		Result         json.RawMessage
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return Cached{}, err
	}
	if c.Kind != libcni.CNICacheV1 || c.ContainerID == "" || c.IfName == "" || c.NetworkName == "" {
		return Cached{}, fmt.Errorf("it is no %s with a container, an interface and a network", libcni.CNICacheV1)
	}
	return Cached{NetworkAttachment: libcni.NetworkAttachment{
		ContainerID: c.ContainerID, Network: c.NetworkName, IfName: c.IfName, Config: c.Config, NetNS: c.NetNS,
		CniArgs: c.CniArgs, CapabilityArgs: c.CapabilityArgs,
	}, Result: c.Result}, nil
}
