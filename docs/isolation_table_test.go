package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// attackRow is an attack as a test has it, and as the table is to have it.
type attackRow struct {
	cells []string // attack, configured, without the guard, with it
	test  string
}

// attackRows returns the attacks of test/e2e: the literals of type attack, and
// the test that each stands in.
func attackRows(t *testing.T) []attackRow {
	t.Helper()
	paths, err := filepath.Glob("../test/e2e/attack_*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var all []attackRow
	for _, path := range paths {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				list, ok := n.(*ast.CompositeLit)
				if !ok {
					return true
				}
				of, ok := list.Type.(*ast.ArrayType)
				if !ok {
					return true
				}
				if name, ok := of.Elt.(*ast.Ident); !ok || name.Name != "attack" {
					return true
				}
				for _, e := range list.Elts {
					all = append(all, attackRow{attackCells(t, path, e), fn.Name.Name})
				}
				return false
			})
		}
	}
	return all
}

// attackCells returns the texts of a literal: its first two and its last two
// values.
func attackCells(t *testing.T, path string, e ast.Expr) []string {
	t.Helper()
	lit, ok := e.(*ast.CompositeLit)
	if !ok || len(lit.Elts) != 6 {
		t.Fatalf("%s: an attack is not a literal of 6 values", path)
	}
	var cells []string
	for _, i := range []int{0, 1, 4, 5} {
		basic, ok := lit.Elts[i].(*ast.BasicLit)
		if !ok {
			t.Fatalf("%s: value %d of an attack is not a text", path, i)
		}
		text, err := strconv.Unquote(basic.Value)
		if err != nil {
			t.Fatal(err)
		}
		cells = append(cells, text)
	}
	return cells
}

// TestIsolationTable: the table has a row for each attack that a test makes,
// with the results that the test demands, and no row without a test.
func TestIsolationTable(t *testing.T) {
	page := rows(t, read(t, "isolation.md"), "attack")
	named := tests(t)
	attacks := attackRows(t)
	if len(attacks) < 50 {
		t.Fatalf("only %d attacks were found", len(attacks))
	}
	made := map[string]bool{}
	for _, a := range attacks {
		made[a.test] = true
		row := append(slices.Clone(a.cells), "`"+a.test+"`")
		if !slices.ContainsFunc(page, func(r []string) bool { return slices.Equal(r, row) }) {
			t.Errorf("isolation.md lacks the row\n| %s |", strings.Join(row, " | "))
		}
	}
	for _, r := range page {
		of := spans(r[len(r)-1])
		if len(of) != 1 || named[of[0]] == nil {
			t.Errorf("%s: %q is not one test", r[0], r[len(r)-1])
			continue
		}
		isMade := slices.ContainsFunc(attacks, func(a attackRow) bool {
			return a.test == of[0] && slices.Equal(a.cells, r[:len(r)-1])
		})
		if made[of[0]] && !isMade {
			t.Errorf("%s does not make this attack: %s", of[0], strings.Join(r, " | "))
		}
	}
}
