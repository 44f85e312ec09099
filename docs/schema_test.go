package docs

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The JSON schema. That it is of one mind with pkg/config is tested where it is
// made, in hack/confdoc.

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	s, err := jsonschema.NewCompiler().Compile("vmtap.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func validate(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

// TestSchemaLists: the examples in conf, and each list in a page, are valid.
func TestSchemaLists(t *testing.T) {
	s := schema(t)
	lists := map[string]string{}
	examples, err := filepath.Glob("../conf/*.conflist")
	if err != nil || len(examples) == 0 {
		t.Fatalf("%v, %d examples", err, len(examples))
	}
	for _, path := range examples {
		lists[read(t, path)] = path
	}
	for _, page := range pages(t) {
		for _, b := range blocks(read(t, page)) {
			v, _ := decode(b.text)
			if l, ok := v.(map[string]any); ok && b.language == "json" && l["plugins"] != nil {
				lists[b.text] = page
			}
		}
	}
	for text, path := range lists {
		if err := validate(t, s, text); err != nil {
			t.Errorf("%s: %v\n%s", path, err, text)
		}
	}
	if len(lists) < 15 {
		t.Errorf("only %d lists were found", len(lists))
	}
}

// TestSchemaInList: a list that names its schema is valid. TestListNamesSchema
// has the CNI library read one.
func TestSchemaInList(t *testing.T) {
	const list = `{"$schema": "vmtap.schema.json", "cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "vmtap"}]}`
	if err := validate(t, schema(t), list); err != nil {
		t.Error(err)
	}
}
