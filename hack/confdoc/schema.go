package main

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// rule is a JSON schema, or a part of one. It is draft-07: what editors know.
type rule map[string]any

// Rules about objects.

func has(keys ...string) rule {
	properties := rule{}
	for _, key := range keys {
		properties[key] = true
	}
	return rule{"type": "object", "required": keys, "properties": properties} // strict validators want all three
}

func hasNot(key string) rule { return rule{"not": has(key)} }

// is says that a key is there with this value.
func is(key string, value any) rule {
	return rule{"required": []string{key}, "properties": rule{key: rule{"const": value}}}
}

// when says that what meets a condition meets another. It is about objects,
// unless the condition names a type: draft-07 lets other values meet any
// condition about keys.
func when(condition, then rule) rule {
	if condition["type"] == nil {
		condition["type"] = "object"
	}
	then["type"] = condition["type"]
	return rule{"if": condition, "then": then}
}

// notEmpty says that a list has an item.
func notEmpty() rule {
	return when(rule{"type": "array"}, rule{"type": "array", "minItems": 1})
}

// schema returns the JSON schema of a network configuration list.
func schema(t table) []byte {
	properties := rule{}
	for _, k := range listKeys() {
		s := rule{"description": plain(k.meaning)}
		for name, v := range k.schema {
			s[name] = v
		}
		properties[k.name] = s
	}
	properties["plugins"].(rule)["items"] = rule{
		"type":     "object",
		"required": []string{"type"},
		"properties": rule{"type": rule{
			"type": "string", "description": "The plugin's name.", "examples": []string{"vmtap"},
		}},
		// Before there is a type, an editor offers vmtap's keys.
		"if":   rule{"properties": rule{"type": rule{"const": "vmtap"}}},
		"then": blockSchema(t),
	}
	top := rule{
		"$schema":              "http://json-schema.org/draft-07/schema#",
		"$comment":             "Written by hack/confdoc. Change that, and run make docs.",
		"title":                "CNI network configuration list with vmtap",
		"type":                 "object",
		"required":             []string{"name", "plugins"},
		"anyOf":                []rule{has("cniVersion"), has("cniVersions")},
		"properties":           properties,
		"patternProperties":    rule{"[./]": rule{}},
		"additionalProperties": false,
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(top); err != nil {
		panic(err) // of maps, lists and strings
	}
	return b.Bytes()
}

// blockSchema is the schema of the plugin block.
func blockSchema(t table) rule {
	s := objectSchema(t, "", false)
	// Keys with a dot or a slash are others', unless they begin with one of ours.
	s["patternProperties"] = rule{"[./]": rule{}}
	var ours []string
	for _, k := range t.of("") {
		ours = append(ours, regexp.QuoteMeta(k.name))
	}
	s["propertyNames"] = rule{"not": rule{"pattern": `^(` + strings.Join(ours, "|") + `)\.[^/]*$`}}
	delete(s, "required") // name and cniVersion come from the list
	s["allOf"] = append(slices.Concat(placementRules(), ipamRules(), portRules(), kataRules()),
		when(is("local", false), rule{"anyOf": []rule{has("switch"), is("placement", "chained")}}),
		when(is("locked", false), rule{"properties": rule{"guard": rule{"const": false}}}),
	)
	return s
}

// objectSchema is the schema of an object; open says that others' keys may
// stand in it.
func objectSchema(t table, path string, open bool) rule {
	properties, required := rule{}, []string{}
	for _, k := range t.of(path) {
		if s, ok := keySchema(t, k); ok {
			properties[k.name] = s
		}
		if k.required && !open { // an open object may be empty
			required = append(required, k.name)
		}
	}
	s := rule{"type": "object", "properties": properties}
	if len(required) > 0 {
		s["required"] = required
	}
	if !open {
		s["additionalProperties"] = false
	}
	return s
}

// keySchema is the schema of a key's value; ok is false if no value is
// supported yet.
func keySchema(t table, k key) (s rule, ok bool) {
	s = rule{"description": k.description()}
	if k.def != "" {
		s["default"] = decoded(k.def)
	}
	if k.later != nil {
		s["enum"] = decodedAll(k.later.accepted)
		return s, len(k.later.accepted) > 0
	}
	s["examples"] = decodedAll(k.examples)
	if len(k.rules) > 0 {
		s["allOf"] = k.rules
	}
	var forms []rule
	for _, f := range k.forms {
		forms = append(forms, formSchema(t, k, f))
	}
	if k.nullable {
		forms = append(forms, rule{"type": "null"})
	}
	switch len(forms) {
	case 0:
	case 1:
		for name, v := range forms[0] {
			s[name] = v
		}
	default:
		s["anyOf"] = forms
	}
	return s, true
}

// formSchema is the schema of one form of a key's value, or of its items.
func formSchema(t table, k key, f form) rule {
	switch f.kind {
	case boolean:
		return rule{"type": "boolean"}
	case number:
		return rule{"type": "integer", "minimum": f.lo, "maximum": f.hi}
	case list:
		return rule{"type": "array", "items": formSchema(t, k, *f.item)}
	case text:
		s := rule{"type": "string"}
		if f.words != nil {
			s["enum"] = f.words
		}
		if f.text != nil {
			for name, v := range f.text.schema {
				s[name] = v
			}
		}
		return s
	}
	s := objectSchema(t, k.path(), k.open)
	switch k.path() {
	case "groups": // whose keys have any names
		number, _ := keySchema(t, t.of("groups")[0])
		s = rule{"type": "object", "additionalProperties": number, "propertyNames": rule(groupName().schema)}
	case "capabilities":
		s["additionalProperties"] = rule{"type": "boolean"}
	case "args": // of which only the inmost is vmtap's
		for _, inner := range []string{"vmtap", "cni"} {
			of := objectSchema(t, "args.cni.vmtap", false)
			if inner == "cni" {
				of = s
			}
			s = rule{"type": "object", "properties": rule{inner: rule{"anyOf": []rule{of, {"type": "null"}}}}}
		}
	}
	return s
}

// description is what an editor shows about a key.
func (k key) description() string {
	sentences := append([]string{k.meaning}, k.notes...)
	if k.unit != "" {
		sentences = append(sentences, "In "+k.unit+".")
	}
	if k.defWords != "" && k.defWords != "-" {
		sentences = append(sentences, "Default: "+k.defWords+".")
	}
	if k.later != nil {
		sentences = append(sentences, "Other values are not supported yet.")
	}
	return plain(strings.Join(sentences, " "))
}

// plain returns Markdown without links and code spans.
func plain(markdown string) string {
	link := regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	return strings.ReplaceAll(link.ReplaceAllString(markdown, "$1"), "`", "")
}

func decoded(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		panic(text + ": " + err.Error()) // a mistake in the table
	}
	return v
}

func decodedAll(texts []string) []any {
	all := []any{}
	for _, s := range slices.Compact(slices.Clone(texts)) {
		all = append(all, decoded(s))
	}
	return all
}
