package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/pkg/netconf"
)

// TestOptions: the page has each option, with its default.
func TestOptions(t *testing.T) {
	page, err := os.ReadFile("../../docs/vmtapd.md")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	new(options).flags().VisitAll(func(f *flag.Flag) {
		count++
		value := f.DefValue
		switch {
		case f.Name == "cache-dir":
			value = netconf.CacheDir + ", and multus in it"
		case value == "":
			value = "nowhere"
		case strings.HasSuffix(value, "m0s"):
			value = strings.TrimSuffix(value, "0s")
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
	o, err := parse([]string{"-observe", "-sure-after", "1s", "-metrics", "unix:/s"})
	if err != nil || !o.observe || o.sureAfter != time.Second || o.lookEvery != 5*time.Minute || o.metrics != "unix:/s" {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{{"x"}, {"-sure-after", "0"}, {"-look-every", "-1s"}} {
		if o, err := parse(args); err == nil {
			t.Errorf("%q: %+v", args, o)
		}
	}
}
