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
	skipUnlessAll(t, "spec_*_test.go", "TestSpec", ran)
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

// skipUnlessAll skips a test that sums up others unless all ran: those that
// files have whose names begin so.
func skipUnlessAll(t *testing.T, pattern, prefix string, ran []string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Skipf("the source is not here: %v", err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && strings.HasPrefix(f.Name.Name, prefix) && f.Name.Name != t.Name() && !slices.Contains(ran, f.Name.Name) {
				t.Skipf("%s did not run: the total is of all", f.Name.Name)
			}
		}
	}
}
