package conf_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/vmtap/vmtap/test/golden"
)

// TestDefinitions: each NetworkAttachmentDefinition of the examples holds a list that vmtap accepts, under the same name,
// and testdata shows the links that it leads to.
func TestDefinitions(t *testing.T) {
	files, err := filepath.Glob("*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := yaml.NewDecoder(bytes.NewReader(text))
		for {
			var n struct {
				Kind     string
				Metadata struct{ Name string }
				Spec     struct{ Config string }
			}
			err := d.Decode(&n)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if n.Kind != "NetworkAttachmentDefinition" {
				continue
			}
			found++
			if !strings.Contains(n.Spec.Config, `"name": "`+n.Metadata.Name+`"`) {
				t.Errorf("%s: %s has a network of another name", file, n.Metadata.Name)
			}
			all := stdins(t, []byte(n.Spec.Config))
			if len(all) != 1 {
				t.Fatalf("%s: %d blocks of vmtap in %s", file, len(all), n.Metadata.Name)
			}
			s := state(t, all[0])
			golden.Compare(t, filepath.Dir(file)+"-"+n.Metadata.Name, s.String())
		}
	}
	if found != 4 {
		t.Errorf("%d definitions in %q", found, files)
	}
}
