// Command confdoc writes docs/configuration.md and docs/vmtap.schema.json, the
// page and the JSON schema of the configuration, from one description of its
// keys.
//
//	confdoc [DIR]
//
// DIR is where the two files go, docs by default. The tests hold the
// description to pkg/config, and the files to the description.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := "docs"
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	for name, text := range files(describe()) {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "confdoc:", err)
			os.Exit(1)
		}
	}
}

// files returns what is written, by file name.
func files(t table) map[string][]byte {
	return map[string][]byte{
		"configuration.md":  page(t),
		"vmtap.schema.json": schema(t),
	}
}
