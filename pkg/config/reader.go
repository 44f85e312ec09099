package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// problem keeps the first thing that was wrong with an input. All readers of
// an input share one, and read zero values once it is set: so a function that
// reads ten keys says what they are, not ten times what to do about errors.
type problem struct{ err error }

func (p *problem) fail(code Code, format string, args ...any) {
	if p.err == nil {
		p.err = Errorf(code, format, args...)
	}
}

// origin is where a node's value stands. It decides what a wrong one is
// called, and whether numbers are written as such.
type origin uint8

const (
	inConfig     origin = iota // JSON
	inVariable                 // CNI_*, all strings
	inAnnotation               // of the pod, all strings
)

// node is a value and the place where it stands, such as switch.rdomain.
type node struct {
	path   string
	value  value
	origin origin
	*problem
}

// refuse reports a value that is wrong: format says what is wanted instead.
func (n node) refuse(format string, args ...any) {
	code := CodeInvalidConfig
	if n.origin == inVariable {
		code = CodeEnvironment
	}
	n.fail(code, "read %s %s: %s", n.path, show(n.value), fmt.Sprintf(format, args...))
}

// notYet reports a valid value that only a later release can act on.
func (n node) notYet() {
	n.fail(CodeUnsupportedField, "use %s %s: not supported yet", n.path, show(n.value))
}

// is reports whether the value is of one of these kinds; another is an error.
func (n node) is(kinds ...kind) bool {
	if slices.Contains(kinds, n.value.kind) {
		return true
	}
	var want []string
	for _, k := range kinds {
		want = append(want, k.String())
	}
	have := n.value.kind.String()
	if n.value.kind == boolean {
		have = show(n.value)
	}
	n.fail(CodeDecoding, "read %s: want %s, have %s", n.path, strings.Join(want, " or "), have)
	return false
}

// written reports whether the value is of this kind, or is a string where
// there are only strings.
func (n node) written(k kind) bool {
	if n.origin == inConfig {
		return n.is(k)
	}
	return n.is(text)
}

// bool reads true or false.
func (n node) bool() bool {
	if !n.written(boolean) {
		return false
	}
	if n.origin != inConfig && n.value.text != "true" && n.value.text != "false" {
		n.refuse("want true or false")
	}
	return n.value.yes || n.value.text == "true"
}

// number reads a whole number from lo to hi, both included.
func (n node) number(lo, hi uint64) uint64 {
	if !n.written(number) {
		return 0
	}
	i, err := strconv.ParseUint(n.value.text, 10, 64)
	if err != nil || i < lo || i > hi {
		n.refuse("want a whole number from %d to %d", lo, hi)
		return 0
	}
	return i
}

// text reads any string.
func (n node) text() string {
	if !n.is(text) {
		return ""
	}
	return n.value.text
}

// items reads a list.
func (n node) items() []node {
	if !n.is(list) {
		return nil
	}
	var items []node
	for i, v := range n.value.items {
		items = append(items, n.at(fmt.Sprintf("%s[%d]", n.path, i), v))
	}
	return items
}

// itemsOrOne reads a list, or a string as the list of this one string; where
// there are only strings, a list with commas.
func (n node) itemsOrOne() []node {
	if n.origin == inConfig {
		if n.is(text, list) && n.value.kind == text {
			return []node{n}
		}
		return n.items()
	}
	if !n.is(text) {
		return nil
	}
	var items []node
	for _, s := range strings.Split(n.value.text, ",") {
		items = append(items, n.at(n.path, value{kind: text, text: strings.TrimSpace(s)}))
	}
	return items
}

// fields reads an object. What is none gives no fields and an error.
func (n node) fields() *fields {
	n.is(object)
	f := &fields{node: n, prefix: n.path + "."}
	if n.path == "" {
		f.prefix = ""
	}
	return f
}

// at returns the node of another value in the same input.
func (n node) at(path string, v value) node {
	n.path, n.value = path, v
	return n
}

// parsed reads a string that parse understands. The error of a parse says
// only what is wrong: node adds where, and the value.
func parsed[T any](n node, parse func(string) (T, error)) T {
	var zero T
	if !n.is(text) {
		return zero
	}
	v, err := parse(n.value.text)
	if err != nil {
		n.refuse("%v", err)
		return zero
	}
	return v
}

// parsedAll reads a list of strings that parse understands.
func parsedAll[T any](items []node, parse func(string) (T, error)) []T {
	var all []T
	for _, n := range items {
		all = append(all, parsed(n, parse))
	}
	return all
}

// fields are the members of an object. It remembers which keys it was asked
// for, so that done can refuse the others.
type fields struct {
	node
	prefix string // of a key, to make a path of it
	asked  []string
}

// get returns the member with this key, and reports whether there is one.
func (f *fields) get(key string) (node, bool) {
	f.asked = append(f.asked, key)
	if f.err != nil {
		return node{problem: f.problem}, false
	}
	for _, m := range f.value.members {
		if m.key == key {
			return f.at(f.prefix+key, m.value), true
		}
	}
	return node{problem: f.problem}, false
}

// injected is get for the keys that runtimes put there: to them null is the
// same as nothing. In a hand-written key null is a template's mistake.
func (f *fields) injected(key string) (node, bool) {
	n, ok := f.get(key)
	return n, ok && n.value.kind != null
}

// require is get for a key that must be there.
func (f *fields) require(key string) node {
	n, ok := f.get(key)
	if !ok {
		f.fail(CodeInvalidConfig, "read %s: missing, give one", f.prefix+key)
		return f.at(f.prefix+key, value{})
	}
	return n
}

// object reads the member with this key, an object; without one it is empty.
func (f *fields) object(key string) *fields {
	n, ok := f.get(key)
	return f.fieldsOf(n, ok)
}

// injectedObject is object for the keys that runtimes put there.
func (f *fields) injectedObject(key string) *fields {
	n, ok := f.injected(key)
	return f.fieldsOf(n, ok)
}

func (f *fields) fieldsOf(n node, ok bool) *fields {
	if !ok {
		return &fields{node: node{problem: f.problem}}
	}
	return n.fields()
}

// bool reads the member with this key; without one the answer is def.
func (f *fields) bool(key string, def bool) bool {
	if n, ok := f.get(key); ok {
		return n.bool()
	}
	return def
}

// number reads the member with this key, a whole number from lo to hi;
// without one the answer is def.
func (f *fields) number(key string, lo, hi, def uint64) uint64 {
	if n, ok := f.get(key); ok {
		return n.number(lo, hi)
	}
	return def
}

// optional reads the member with this key, a string that parse understands;
// without one the answer is the zero value.
func optional[T any](f *fields, key string, parse func(string) (T, error)) T {
	if n, ok := f.get(key); ok {
		return parsed(n, parse)
	}
	var zero T
	return zero
}

// optionalAll reads the member with this key, a list of strings that parse
// understands, or only one such string.
func optionalAll[T any](f *fields, key string, parse func(string) (T, error)) []T {
	n, ok := f.get(key)
	if !ok {
		return nil
	}
	return parsedAll(n.itemsOrOne(), parse)
}
