package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The schema accepts what pkg/config accepts, and refuses what it refuses, as
// far as a schema can tell.

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	return compile(t, describe())
}

func compile(t *testing.T, d table) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema(d)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("vmtap.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("vmtap.schema.json") // which holds it to the schema of schemas
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate validates a list with one block that has these members. What is no
// JSON is an error too.
func validate(s *jsonschema.Schema, members string) error {
	block := `{"type": "vmtap"}`
	switch {
	case strings.Contains(members, `"type": "vmtap"`):
		block = "{" + members + "}"
	case members != "":
		block = `{"type": "vmtap", ` + members + "}"
	}
	return validateText(s, `{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [`+block+`]}`)
}

func validateText(s *jsonschema.Schema, text string) error {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// inSchema reports whether a key is one that people write into a list.
func (k key) inSchema() bool { return k.origin == inBlock }

// both fails unless pkg/config and the schema are of one mind about a key's
// value; beyond says that only pkg/config can tell that it is wrong.
func (d table) both(t *testing.T, s *jsonschema.Schema, members string, beyond bool) {
	t.Helper()
	_, err := call{members, ""}.parse()
	invalid := validate(s, members)
	switch {
	case err == nil && invalid != nil:
		t.Errorf("%s is accepted, but not valid: %v", members, invalid)
	case err != nil && beyond && invalid != nil:
		t.Errorf("%s is not valid: drop the word that a schema cannot tell: %v", members, invalid)
	case err != nil && !beyond && invalid == nil:
		t.Errorf("%s is valid, but refused: %v", members, err)
	}
}

func TestSchemaExamples(t *testing.T) {
	d, s := describe(), compiled(t)
	for _, k := range d.keys() {
		if !k.inSchema() {
			continue
		}
		values := k.examples
		if k.later != nil {
			values = append(values, k.later.accepted...)
		}
		if k.def != "" {
			values = append(values, k.def)
		}
		for _, e := range values {
			d.both(t, s, d.call(k, e).members, false)
		}
		for _, p := range k.same {
			d.both(t, s, p.without, false)
			d.both(t, s, p.with, false)
		}
	}
}

func TestSchemaRefusals(t *testing.T) {
	d, s := describe(), compiled(t)
	for _, k := range d.keys() {
		if !k.inSchema() {
			continue
		}
		for _, r := range k.refused {
			_, late := d.postponed(k) // then the schema knows no more than that
			if r.args == "" {         // of which a list says nothing
				d.both(t, s, d.refusal(k, r).members, r.beyond && !late)
			}
		}
	}
}

// TestSchemaKinds: the schema knows which kinds of values a key has.
func TestSchemaKinds(t *testing.T) {
	d, s := describe(), compiled(t)
	for _, k := range d.keys() {
		if !k.inSchema() || len(k.forms) == 0 || k.name == "name" || k.name == "cniVersion" {
			continue
		}
		for _, v := range []string{`null`, `true`, `5`, `"x"`, `["x"]`, `{}`, `[5]`, `[{}]`, `[null]`} {
			d.both(t, s, d.call(k, v).members, false)
		}
	}
}

func TestSchemaBounds(t *testing.T) {
	d, s := describe(), compiled(t)
	for _, k := range d.keys() {
		f, ok := k.form(number)
		if l, isList := k.form(list); isList && l.item.kind == number {
			f, ok = *l.item, true
		}
		if !ok || !k.inSchema() {
			continue
		}
		around := `%s`
		if _, isList := k.form(list); isList {
			around = `[%s]`
		}
		for _, n := range []string{fmt.Sprint(f.lo), fmt.Sprint(f.hi), fmt.Sprint(int64(f.lo) - 1), fmt.Sprint(f.hi + 1), "1.5"} {
			d.both(t, s, d.call(k, fmt.Sprintf(around, n)).members, false)
		}
	}
}

func TestSchemaTexts(t *testing.T) {
	d, s := describe(), compiled(t)
	check := func(k key, f *textForm, around string) {
		for _, g := range f.good {
			d.both(t, s, d.call(k, fmt.Sprintf(around, quoted(g))).members, false)
		}
		for _, b := range f.bad {
			_, late := d.postponed(k) // then the schema may not know the key
			if !b.beyond || !late {
				d.both(t, s, d.call(k, fmt.Sprintf(around, quoted(b.text))).members, b.beyond)
			}
		}
	}
	for _, k := range d.keys() {
		if !k.inSchema() {
			continue
		}
		if f, ok := k.form(text); ok && f.text != nil {
			check(k, f.text, `%s`)
		}
		if l, ok := k.form(list); ok && l.item.text != nil {
			check(k, l.item.text, `[%s]`)
		}
		if f, ok := k.form(text); ok && f.words != nil {
			for _, w := range f.words {
				d.both(t, s, d.call(k, quoted(w)).members, false)
				d.both(t, s, d.call(k, quoted(misspelt(w))).members, false)
			}
		}
	}
}

// TestSchemaMisspelt: a misspelt key is not valid, and others' keys are.
func TestSchemaMisspelt(t *testing.T) {
	d, s := describe(), compiled(t)
	for _, k := range d.keys() {
		if outer, ok := d.key(k.parent()); !k.inSchema() || ok && outer.open {
			continue
		}
		misspeltKey := strings.Replace(d.template(k), `"`+k.name+`"`, `"`+misspelt(k.name)+`"`, 1)
		if misspeltKey != d.template(k) {
			d.both(t, s, strings.Replace(misspeltKey, "%s", k.examples[0], 1), false)
		}
		if k.parent() == "" {
			d.both(t, s, fmt.Sprintf("%q: 5", k.name+".x"), false)
		}
	}
	for _, o := range others() {
		for _, name := range o.keys {
			d.both(t, s, fmt.Sprintf("%q: 5", name), false)
		}
	}
	for _, members := range []string{`"cni.dev/x": 5`, `"a.b": 5`, `"switch/x": 5`, `"switch.x/y": 5`, `"$schema": "x"`} {
		d.both(t, s, members, false)
	}
}
