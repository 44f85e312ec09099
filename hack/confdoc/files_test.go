package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFiles: the files in docs are what the description makes of them.
func TestFiles(t *testing.T) {
	for name, want := range files(describe()) {
		have, err := os.ReadFile(filepath.Join("../../docs", name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(have), string(want)); diff != "" {
			t.Errorf("docs/%s is out of date, run make docs (-have +want):\n%s", name, diff)
		}
	}
}

// TestAnchors: each heading of the page has a fragment of its own.
func TestAnchors(t *testing.T) {
	seen := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(string(page(describe())), -1) {
		a := anchor(m[1])
		if seen[a] != "" {
			t.Errorf("%q and %q have one fragment, %s", seen[a], m[1], a)
		}
		seen[a] = m[1]
	}
	if len(seen) < 100 {
		t.Errorf("only %d headings were found", len(seen))
	}
}

// TestCommons: what is refused wherever it stands.
func TestCommons(t *testing.T) {
	for _, c := range commons() {
		wantRefused(t, call{c.members, c.args}, c.code, c.message)
	}
}

// TestDescribed: each key is described in whole sentences, once.
func TestDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range describe().keys() {
		if seen[k.path()] {
			t.Errorf("%s is described twice", k.path())
		}
		seen[k.path()] = true
		for _, s := range append([]string{k.meaning}, k.notes...) {
			if !strings.HasSuffix(s, ".") || strings.ToUpper(s[:1]) != s[:1] {
				t.Errorf("%s: %q is no sentence", k.path(), s)
			}
		}
	}
}

// TestTextForms: the page explains each form of strings that a key has.
func TestTextForms(t *testing.T) {
	explained := map[string]bool{"": true}
	for _, f := range textForms() {
		explained[f.name] = true
	}
	for _, k := range describe().keys() {
		for _, f := range k.forms {
			if f.kind == list {
				f = *f.item
			}
			if f.text != nil && !explained[f.text.name] {
				t.Errorf("%s: the page does not explain a %s", k.path(), f.text.name)
			}
		}
	}
}
