// Command sbom says what programs were built of, as a CycloneDX bill of materials
// in JSON: the Go modules and the standard library that the programs themselves name.
// The same programs give the same text.
//
//	sbom NAME VERSION PROGRAM [PROGRAM ...]
package main

import (
	"crypto/sha256"
	"crypto/sha512"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) < 3 {
		return errors.New("usage: sbom NAME VERSION PROGRAM [PROGRAM ...]")
	}
	bom, err := bill(args[0], args[1], args[2:])
	if err != nil {
		return err
	}
	return cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6) // which most tools read
}

// bill is the bill of materials of some programs that make one product.
func bill(name, version string, programs []string) (*cdx.BOM, error) {
	parts := map[string]cdx.Component{} // by reference
	var product cdx.Component
	var files []cdx.Component
	for _, path := range programs {
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		product = module(cdx.ComponentTypeApplication, info.Main.Path, version)
		product.Name = name
		std := module(cdx.ComponentTypeLibrary, "std", strings.TrimPrefix(info.GoVersion, "go"))
		parts[std.BOMRef] = std
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			part := module(cdx.ComponentTypeLibrary, m.Path, m.Version)
			parts[part.BOMRef] = part
		}
		file, err := fileOf(path, info)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	refs := slices.Sorted(maps.Keys(parts))
	components := files
	for _, ref := range refs {
		components = append(components, parts[ref])
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &product}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: product.BOMRef, Dependencies: &refs}}
	return bom, nil
}

// module is a Go module, which its package URL names.
func module(kind cdx.ComponentType, path, version string) cdx.Component {
	purl := "pkg:golang/" + path + "@" + version
	return cdx.Component{Type: kind, BOMRef: purl, Name: path, Version: version, PackageURL: purl}
}

// fileOf is a program, with its checksums and what it was built for.
func fileOf(path string, info *debug.BuildInfo) (cdx.Component, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return cdx.Component{}, err
	}
	var settings []cdx.Property
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "GO") || s.Key == "CGO_ENABLED" {
			settings = append(settings, cdx.Property{Name: "go:" + s.Key, Value: s.Value})
		}
	}
	name := filepath.Base(path)
	return cdx.Component{
		Type: cdx.ComponentTypeFile, BOMRef: "file:" + name, Name: name,
		Hashes: &[]cdx.Hash{
			{Algorithm: cdx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sha256.Sum256(content))},
			{Algorithm: cdx.HashAlgoSHA512, Value: fmt.Sprintf("%x", sha512.Sum512(content))},
		},
		Properties: &settings,
	}, nil
}
