package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestOptions: the page has each option, with its default.
func TestOptions(t *testing.T) {
	page, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	new(options).flags().VisitAll(func(f *flag.Flag) {
		count++
		value := f.DefValue
		switch {
		case f.Name == "plugin" || f.Name == "vmtapd":
			if filepath.Dir(value) != filepath.Dir(beside("x")) {
				t.Errorf("-%s is %s by default, which is not beside this program", f.Name, value)
			}
			value = filepath.Base(value) + ", beside vmtap-install"
		case value == "":
			value = "none"
		}
		begin, end := fmt.Sprintf("\n| `-%s` | ", f.Name), fmt.Sprintf(" | %s |\n", value)
		_, row, ok := strings.Cut(string(page), begin)
		if row, _, _ = strings.Cut(row, "\n"); !ok || !strings.HasSuffix(row+"\n", end) {
			t.Errorf("the page's row of -%s is %q, want the default %q", f.Name, row, value)
		}
	})
	if shown := strings.Count(string(page), "\n| `-"); shown != count {
		t.Errorf("the page has %d options, there are %d", shown, count)
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-conf", "/a/10-b.conflist", "-remove-conf", "--", "-metrics", "unix:/s"})
	if err != nil || o.conf != "/a/10-b.conflist" || !o.removeConf || !slices.Equal(o.rest, []string{"-metrics", "unix:/s"}) {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{
		{"x"}, {"-once", "x"}, {"-once", "--", "-metrics", "unix:/s"}, {"-vmtapd", "", "--", "x"}, {"-once", "-remove-conf"}, {"-bin-dir", "bin"}, {"-conf-dir", ""},
	} {
		if o, err := parse(args); err == nil {
			t.Errorf("%q: %+v", args, o)
		}
	}
}

// TestRemoveNothing: without a name nothing is removed.
func TestRemoveNothing(t *testing.T) {
	if err := run([]string{"remove", "-conf-dir", t.TempDir()}, nil); err == nil || !strings.Contains(err.Error(), "-conf") {
		t.Errorf("%v", err)
	}
}
