package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
)

// DefaultDANDir is where Kata's runtime looks for its directly attachable networks
// if nothing else is configured there (dan_conf).
const DefaultDANDir = "/run/kata-containers/dans"

// maxDANDir is the longest such directory that fits into the altname that records it.
const maxDANDir = 96

// readKata reads what Kata Containers is told. It returns the directory in which each
// sandbox's file lists its interfaces, "" if this one is not to be listed.
func readKata(f *fields) (danDir string) {
	dan := f.bool("dan", false)
	if dan {
		danDir = DefaultDANDir
	}
	if n, ok := f.get("dir"); ok {
		danDir = parsed(n, parseDANDir)
		if !dan {
			n.refuse("nothing is written there unless kata.dan is true, set it or drop dir")
		}
	}
	f.done()
	return danDir
}

func parseDANDir(s string) (string, error) {
	switch {
	case s == "" || len(s) > maxDANDir:
		return "", fmt.Errorf("want 1 to %d characters, have %d", maxDANDir, len(s))
	case !only(s, "_./-"):
		return "", errors.New("want letters, digits, '_', '.', '/' and '-' only")
	case s[0] != '/' || s == "/" || path.Clean(s) != s:
		return "", errors.New("want a directory's absolute path, without a slash at its end and without . and .. in it")
	}
	return s, nil
}

// checkKata refuses a file that Kata would find nothing by, or that has no place for
// what the interface is to have.
func (d *draft) checkKata() {
	if d.DANDir == "" {
		return
	}
	if d.Placement != PlacementHost {
		d.fail(CodeInvalidConfig, "read kata.dan true: only for placement host, in placement %s Kata cannot use what the file would name, drop it; device veth needs no file", d.Placement)
	}
	for i, r := range d.Routes {
		if r.AdvMSS != 0 || r.Priority != 0 {
			d.fail(CodeInvalidConfig, "read routes[%d] to %s: Kata's file has no place for advmss and priority, drop them or kata.dan", i, r.Dst)
		}
	}
}

// danDirOf returns the directory of a configuration that only its keys are known of.
// One that no ADD accepts is none.
func danDirOf(top map[string]json.RawMessage) string {
	var kata struct {
		DAN bool    `json:"dan"`
		Dir *string `json:"dir"`
	}
	if json.Unmarshal(top["kata"], &kata) != nil || !kata.DAN {
		return ""
	}
	if kata.Dir == nil {
		return DefaultDANDir
	}
	dir, err := parseDANDir(*kata.Dir)
	if err != nil {
		return ""
	}
	return dir
}
