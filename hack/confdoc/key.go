package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/vmtap/vmtap/pkg/config"
)

// group is some keys that stand together on the page.
type group struct {
	heading string
	intro   string // Markdown, "" for none
	keys    []key
}

// key describes one key of the configuration.
type key struct {
	name     string // as it is written; <group> stands for what varies
	forms    []form // what its value may be, in the order of pkg/config's messages; none: it is not read
	required bool
	unit     string
	typed    string   // the type in words, of a key that has no forms
	meaning  string   // one sentence, Markdown
	notes    []string // sentences more, Markdown
	node     string   // what only the node can tell: which ADD is refused because of it

	def      string    // the value that is meant if the key is not given, as JSON; "" if there is none
	defWords string    // the same in words, where it follows from something else
	same     []members // what that means: each pair of members is one request

	examples []string // values, as JSON; of an annotation or a variable as they are written
	refused  []refusal

	// later says that only some values are supported yet. A key that becomes
	// supported loses this line, and nothing else.
	later *later

	in       string // members of the plugin block, or CNI_ARGS, with %s for the value; "" for the key in its object
	beside   string // members of the plugin block with which all of its values are fine
	around   string // of an object: members of the plugin block with %s for a key in it
	open     bool   // of an object: keys that are not described may stand in it
	rules    []rule // what else a schema can tell about the value
	nullable bool   // null is the same as nothing, since runtimes write it
	origin   origin

	prefix string // of the name, to make the path that messages have
}

// origin is where a key stands.
type origin int

const (
	inBlock      origin = iota // the plugin block
	inVariable                 // CNI_ARGS
	inAnnotation               // an annotation of the pod
	inRuntime                  // runtimeConfig, which no person writes
)

// members are two texts that are to be the same request.
type members struct{ without, with string }

// refusal is what is refused, and the message.
type refusal struct {
	value   string // at the key's place
	members string // or these members of the plugin block
	args    string // with these CNI_ARGS
	code    config.Code
	message string
	beyond  bool   // a schema cannot tell
	words   string // what is refused, if it is too long to show
}

// later are the values that are accepted already.
type later struct{ accepted []string }

// only says that only these values of a key are supported yet.
func only(accepted ...string) *later { return &later{accepted} }

// path is the key's full name on the page.
func (k key) path() string { return k.prefix + k.name }

// parent is the path of the object that the key stands in, "" for the block.
func (k key) parent() string { return strings.TrimSuffix(strings.TrimSuffix(k.prefix, "."), "[]") }

// form returns the key's form of a kind.
func (k key) form(kind kind) (form, bool) {
	for _, f := range k.forms {
		if f.kind == kind {
			return f, true
		}
	}
	return form{}, false
}

// isObject reports whether the value, or each item of it, is an object.
func (k key) isObject() bool {
	_, ok := k.form(object)
	l, isList := k.form(list)
	return ok || isList && l.item.kind == object
}

// table is all that is known about the keys.
type table []group

// keys returns the keys of all groups, in order.
func (d table) keys() []key {
	var all []key
	for _, g := range d {
		all = append(all, g.keys...)
	}
	return all
}

// key returns the key with this path, and reports whether there is one.
func (d table) key(path string) (key, bool) {
	all := d.keys()
	i := slices.IndexFunc(all, func(k key) bool { return k.path() == path })
	if i < 0 {
		return key{}, false
	}
	return all[i], true
}

// of returns the keys in an object of the plugin block; "" is the block.
func (d table) of(object string) []key {
	var all []key
	for _, k := range d.keys() {
		if k.parent() == object && k.origin == inBlock {
			all = append(all, k)
		}
	}
	return all
}

// postponed returns the key because of which this one is not supported yet:
// itself, or one that it stands in.
func (d table) postponed(k key) (key, bool) {
	for {
		if k.later != nil {
			return k, true
		}
		outer, ok := d.key(k.parent())
		if !ok {
			return key{}, false
		}
		k = outer
	}
}

// template returns members of the plugin block, or CNI_ARGS, with %s for the
// key's value.
func (d table) template(k key) string {
	if k.in != "" {
		return k.in
	}
	if k.origin == inVariable {
		return k.name + "=%s"
	}
	member := `"` + k.name + `": %s`
	if outer, ok := d.key(k.parent()); ok {
		return strings.Replace(outer.around, "%s", member, 1)
	}
	return member
}

// with returns the template with a value.
func (d table) with(k key, value string) string {
	return strings.Replace(d.template(k), "%s", value, 1)
}

// without returns the template without the key.
func (d table) without(k key) string {
	name := regexp.QuoteMeta(`"` + k.name + `": %s`)
	member := regexp.MustCompile(`, ` + name + `|` + name + `, |` + name)
	return member.ReplaceAllString(d.template(k), "")
}

// under puts keys into an object: prefix is the object's path and a dot.
func under(prefix string, keys ...key) []key {
	for i := range keys {
		keys[i].prefix = prefix
	}
	return keys
}

// from says where keys stand.
func from(o origin, keys []key) []key {
	for i := range keys {
		keys[i].origin = o
	}
	return keys
}
