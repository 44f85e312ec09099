package vmid_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// The package is a contract, so it says what it does: a comment for the
// package and for every exported name.
func TestDocumented(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, e.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	p, err := doc.NewFromFiles(fset, files, "github.com/vmtap/vmtap/pkg/vmid")
	if err != nil {
		t.Fatal(err)
	}

	documented := 0
	check := func(name, comment string) {
		if strings.TrimSpace(comment) == "" {
			t.Errorf("%s has no comment", name)
			return
		}
		documented++
	}
	funcs := func(list []*doc.Func) {
		for _, f := range list {
			check(f.Recv+"."+f.Name, f.Doc)
		}
	}
	values := func(list []*doc.Value) {
		for _, v := range list {
			check(strings.Join(v.Names, ", "), v.Doc)
		}
	}
	check("the package", p.Doc)
	funcs(p.Funcs)
	values(p.Consts)
	values(p.Vars)
	for _, typ := range p.Types {
		check(typ.Name, typ.Doc)
		funcs(typ.Funcs)
		funcs(typ.Methods)
		values(typ.Consts)
		values(typ.Vars)
	}
	if documented < 20 {
		t.Errorf("only %d comments were found: the check looks at the wrong files", documented)
	}
}
