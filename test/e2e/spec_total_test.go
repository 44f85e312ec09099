package e2e

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestSpecTotal runs after all others of the suite, since its file is the last
// by name. It says how many sentences of the specification were tested in each
// spec version, and fails for one that demands something and is neither quoted
// by a test nor listed among what is demanded of others.
func TestSpecTotal(t *testing.T) {
	var quotes []string
	var ran []string
	for _, done := range conformance.ran {
		quotes, ran = append(quotes, done.quotes...), append(ran, done.test)
	}
	for _, name := range suite(t) {
		if !slices.Contains(ran, name) {
			t.Skipf("%s did not run: the total is of the whole suite", name)
		}
	}
	demands, strange := unquoted(specification(t), append(quotes, quotesOfOthers()...))
	for _, demand := range demands {
		t.Errorf("no test quotes: ...%s...", demand)
	}
	for _, quote := range strange {
		t.Errorf("the specification does not say, or demands nothing with: %s", quote)
	}
	for _, version := range specVersions() {
		c := conformance.counts[version]
		t.Logf("spec version %s: %d sentences, held by %d tests", version, len(c.sentences), len(c.tests))
		for _, done := range conformance.ran {
			if since(version, done.from) && !c.tests[done.test] {
				t.Errorf("spec version %s: %s did not pass", version, done.test)
			}
		}
	}
	t.Logf("%d sentences demand something of others", len(quotesOfOthers()))
}

// suite are the names of the suite's tests, as the source has them.
func suite(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("spec_*_test.go")
	if err != nil || len(files) == 0 {
		t.Skipf("the source is not here: %v", err)
	}
	var names []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "TestSpec") && f.Name.Name != t.Name() {
				names = append(names, f.Name.Name)
			}
		}
	}
	return names
}
