package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The description has the keys that pkg/config knows, and no others.

// literals returns the strings in the source of pkg/config that have a form.
// Among them are all its keys.
func literals(t *testing.T, form *regexp.Regexp) []string {
	t.Helper()
	paths, err := filepath.Glob("../../pkg/config/*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if s, err := strconv.Unquote(l.Value); err == nil && form.MatchString(s) {
					seen[s] = true
				}
			}
			return true
		})
	}
	if len(seen) == 0 {
		t.Fatalf("no string was found")
	}
	return slices.Sorted(maps.Keys(seen))
}

// names are strings that may be keys.
func names(t *testing.T) []string { return literals(t, regexp.MustCompile(`^\w+$`)) }

func unknown(err error) bool { return err != nil && strings.Contains(err.Error(), ": unknown") }

// wantSame fails unless the description has the keys that are known.
func wantSame(t *testing.T, where string, described []key, known []string) {
	t.Helper()
	var have []string
	for _, k := range described {
		have = append(have, k.name)
	}
	slices.Sort(have)
	slices.Sort(known)
	if !slices.Equal(have, known) {
		t.Errorf("%s:\ndescribed %q\nknown     %q", where, have, known)
	}
}

// TestKeysOfBlock tries each name in each object of the plugin block. A key is
// known there unless it is called unknown.
func TestKeysOfBlock(t *testing.T) {
	d := describe()
	tried := names(t)
	try := func(object, around string) {
		var known []string
		for _, name := range tried {
			c := call{strings.Replace(around, "%s", strconv.Quote(name)+": null", 1), ""}
			// A key that stands in the object already is known: it stands twice.
			if _, err := c.parse(); !unknown(err) {
				known = append(known, name)
			}
		}
		wantSame(t, "in "+object, d.of(object), known)
	}
	try("", "%s")
	try("args.cni.vmtap", `"args": {"cni": {"vmtap": {%s}}}`)
	for _, k := range d.keys() {
		if k.isObject() && k.around != "" && !k.open {
			try(k.path(), k.around)
		}
	}
}

// TestObjects: what has keys of its own is described with them, and what is
// open takes others'.
func TestObjects(t *testing.T) {
	d := describe()
	for _, k := range d.keys() {
		if k.origin != inBlock || !k.isObject() || k.path() == "groups" {
			continue
		}
		if k.open {
			c := call{d.with(k, `{"type": "x", "zzzzzzzz": null}`), ""}
			if _, err := c.parse(); unknown(err) {
				t.Errorf("%s is said to be open, but: %v", k.path(), err)
			}
			continue
		}
		if k.around == "" {
			t.Errorf("%s: none of its keys is described", k.path())
			continue
		}
		c := call{strings.Replace(k.around, "%s", `"zzzzzzzz": null`, 1), ""}
		wantRefused(t, c, codeKey, fmt.Sprintf("read key %q null: unknown", k.inItem()+".zzzzzzzz"))
	}
}

// inItem is the path of the object, or of the first one of a list.
func (k key) inItem() string {
	if _, ok := k.form(list); ok {
		return k.path() + "[0]"
	}
	return k.path()
}

// TestKeysOfVariable tries each name as a key of CNI_ARGS.
func TestKeysOfVariable(t *testing.T) {
	var known []string
	for _, name := range names(t) {
		if _, err := (call{"", name + "="}).parse(); err == nil || !strings.Contains(err.Error(), "is unknown") {
			known = append(known, name)
		}
	}
	wantSame(t, "in CNI_ARGS", ofOrigin(inVariable), known)
}

// TestKeysOfAnnotations tries each name as an annotation.
func TestKeysOfAnnotations(t *testing.T) {
	ours := func(k key) bool { return k.prefix != "annotation vmtap.dev/" }
	var known []string
	for _, name := range names(t) {
		c := call{strings.Replace(inAnnotations("vmtap.dev/"+name), "%s", `""`, 1), ""}
		if _, err := c.parse(); !unknown(err) {
			known = append(known, name)
		}
	}
	wantSame(t, "vmtap.dev/", slices.DeleteFunc(ofOrigin(inAnnotation), ours), known)

	known = nil
	for _, name := range literals(t, regexp.MustCompile(`^[\w.-]+/[\w.-]+$`)) {
		c := call{strings.Replace(inAnnotations(name), "%s", `5`, 1), ""}
		if _, err := c.parse(); err != nil && !unknown(err) {
			known = append(known, name)
		}
	}
	others := slices.DeleteFunc(ofOrigin(inAnnotation), func(k key) bool { return !ours(k) })
	wantSame(t, "other annotations", others, known)
}

// TestKeysOfRuntime tries each name as a key of runtimeConfig, declared.
func TestKeysOfRuntime(t *testing.T) {
	var known []string
	for _, name := range literals(t, regexp.MustCompile(`^[\w.-]+$`)) {
		c := call{fmt.Sprintf(`"capabilities": {%q: true}, "runtimeConfig": {%q: 5}`, name, name), ""}
		if _, err := c.parse(); err != nil {
			known = append(known, name)
		}
	}
	d := describe()
	wantSame(t, "in runtimeConfig", ofOrigin(inRuntime), slices.Clone(known))
	wantSame(t, "in capabilities", d.of("capabilities"), known)
}

func ofOrigin(o origin) []key {
	return slices.DeleteFunc(describe().keys(), func(k key) bool { return k.origin != o })
}

// TestMisspelt: who swaps two letters of a key is told the key.
func TestMisspelt(t *testing.T) {
	d := describe()
	for _, k := range d.keys() {
		outer, inner := d.key(k.parent())
		miss := misspelt(k.name)
		path := k.inMessage()
		at := path[:len(path)-len(k.name)]
		member := fmt.Sprintf("%q: null", miss)
		switch {
		case inner && (outer.open || outer.path() == "groups"), k.origin == inRuntime, k.name == "kubevirt.io/domain":
			continue // others' keys may stand there
		case k.origin == inVariable:
			wantRefused(t, call{"", miss + "="}, codeArgs, fmt.Sprintf(`read CNI_ARGS: %q is unknown, did you mean %s?`, miss, k.name))
			continue
		case k.origin == inAnnotation:
			member = strings.Replace(inAnnotations("vmtap.dev/"+miss), "%s", "null", 1)
		case inner:
			member = strings.Replace(outer.around, "%s", member, 1)
		case k.parent() == "args.cni.vmtap":
			member = `"args": {"cni": {"vmtap": {` + member + `}}}`
		}
		wantRefused(t, call{member, ""}, codeKey, fmt.Sprintf(`read key %q null: unknown, did you mean %s?`, at+miss, path))
	}
}

// TestOthers: what the page says about keys of others is what vmtap says, and
// it has all of which vmtap says something.
func TestOthers(t *testing.T) {
	described := map[string]bool{}
	for _, o := range others() {
		for _, name := range o.keys {
			described[name] = true
			wantRefused(t, call{fmt.Sprintf("%q: null", name), ""}, codeKey, fmt.Sprintf("read key %q null: unknown, %s", name, o.advice))
		}
	}
	for _, name := range names(t) {
		_, err := call{fmt.Sprintf("%q: null", name), ""}.parse()
		if unknown(err) && strings.Contains(err.Error(), "unknown, ") && !strings.Contains(err.Error(), "did you mean") && !described[name] {
			t.Errorf("the page lacks: %v", err)
		}
	}
}

// TestForeign: keys with a dot or slash are others', but for those that begin
// with one of vmtap's.
func TestForeign(t *testing.T) {
	for _, name := range []string{"cni.dev/valid-attachments", "cni.dev/attachments", "example.com/x", "a.b", "switch/x"} {
		if _, err := (call{fmt.Sprintf("%q: [5]", name), ""}).parse(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := describe()
	for _, k := range d.of("") {
		c := call{fmt.Sprintf("%q: 5", k.name+".x"), ""}
		if _, err := c.parse(); !unknown(err) {
			t.Errorf("%s: got %v, want that it is unknown", c.members, err)
		}
	}
	wantRefused(t, call{`"$schema": "x"`, ""}, codeKey, `read key "$schema" "x": unknown`)
}
