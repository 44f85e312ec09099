package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tests returns where each test of the repository is, by its name.
func tests(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				all[fn.Name.Name] = append(all[fn.Name.Name], path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestVMD: the page has each operation and each function of vmd's priv.c, and
// no other; the tests that it names are there, and it names each that is
// written for it.
func TestVMD(t *testing.T) {
	page := read(t, "vmd.md")
	all := tests(t)
	named := map[string]bool{}
	for header, want := range map[string][]string{
		"operation": {
			"IMSG_VMDOP_PRIV_IFADD", "IMSG_VMDOP_PRIV_IFADDR", "IMSG_VMDOP_PRIV_IFADDR6",
			"IMSG_VMDOP_PRIV_IFDESCR", "IMSG_VMDOP_PRIV_IFDOWN", "IMSG_VMDOP_PRIV_IFEXISTS",
			"IMSG_VMDOP_PRIV_IFGROUP", "IMSG_VMDOP_PRIV_IFRDOMAIN", "IMSG_VMDOP_PRIV_IFUP",
		},
		"function": {
			"getrtable", "priv", "priv_dispatch_parent", "priv_findname", "priv_getiftype", "priv_run",
			"priv_validgroup", "vm_priv_addr", "vm_priv_addr6", "vm_priv_brconfig", "vm_priv_ifconfig",
		},
	} {
		var have []string
		for _, r := range rows(t, page, header) {
			have = append(have, spans(r[0])...)
			of := spans(r[len(r)-1])
			// What vmtap has no counterpart of, no test can show.
			if len(of) == 0 && r[0] != "`priv`" && r[0] != "`priv_run`" {
				t.Errorf("%s: no test is named", r[0])
			}
			for _, name := range of {
				named[name] = true
				if all[name] == nil {
					t.Errorf("%s: there is no test %s", r[0], name)
				}
			}
		}
		slices.Sort(have)
		if !slices.Equal(have, want) {
			t.Errorf("the page has the %ss\n%q, priv.c\n%q", header, have, want)
		}
	}
	for _, other := range []string{"IMSG_VMDOP_CONFIG", "IMSG_CTL_RESET", "desct"} {
		if !strings.Contains(page, "`"+other+"`") {
			t.Errorf("the page lacks %s", other)
		}
	}
	file := regexp.MustCompile(`^\.\./test/e2e/vmd_.*test\.go$`)
	written := 0
	for name, paths := range all {
		if !file.MatchString(paths[0]) {
			continue
		}
		written++
		if !named[name] {
			t.Errorf("%s in %s is not named", name, paths[0])
		}
	}
	if written < 14 {
		t.Errorf("only %d tests were found", written)
	}
}
