package main

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// TestSBOM: the bill of this very program has each module that it was built of, and says the same each time.
func TestSBOM(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	args := []string{"vmtap", "v0.1.0", self}
	if err := run(args, &first); err != nil {
		t.Fatal(err)
	}
	if err := run(args, &second); err != nil || first.String() != second.String() {
		t.Errorf("the second time it differs, %v", err)
	}
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(&first, cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if c := bom.Metadata.Component; c.PackageURL != "pkg:golang/github.com/vmtap/vmtap@v0.1.0" || c.Name != "vmtap" {
		t.Errorf("it is of %+v", c)
	}
	have := map[string]bool{}
	for _, c := range *bom.Components {
		if have[c.BOMRef] {
			t.Errorf("%s is there twice", c.BOMRef)
		}
		have[c.BOMRef] = true
	}
	info, err := buildinfo.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	wanted := []string{"pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go")}
	for _, m := range info.Deps {
		wanted = append(wanted, "pkg:golang/"+m.Path+"@"+m.Version)
	}
	for _, want := range wanted {
		if !have[want] {
			t.Errorf("it lacks %s", want)
		}
	}
	if len(wanted) < 2 {
		t.Error("the test was built of nothing")
	}
	refs := *(*bom.Dependencies)[0].Dependencies
	if len(refs) != len(wanted) {
		t.Errorf("%d dependencies, want %d", len(refs), len(wanted))
	}
	for _, args := range [][]string{{"vmtap", "v0.1.0"}, {"vmtap", "v0.1.0", "main.go"}, {"vmtap", "v0.1.0", "none"}} {
		if err := run(args, &second); err == nil {
			t.Errorf("%q is no error", args)
		}
	}
}
