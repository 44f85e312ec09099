package docs

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/kernel"
)

const privileges = "privileges.md"

// TestPrivileges: the status file that docs/isolation.md shows, and the table of
// files, are what the code asks for. That a running plugin has it, test/e2e shows.
func TestPrivileges(t *testing.T) {
	page, status := read(t, privileges), read(t, "isolation.md")
	for _, key := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
		_, rest, _ := strings.Cut(status, "\n"+key+":\t")
		value, _, _ := strings.Cut(rest, "\n")
		shown, err := strconv.ParseUint(value, 16, 64)
		want := confine.Capabilities(0)
		if key == "CapPrm" || key == "CapEff" {
			want = kernel.ToMake(false, "").Keep
		}
		if err != nil || confine.Capabilities(shown) != want {
			t.Errorf("%s is %q, want %s", key, value, want)
		}
	}
	words := map[string]confine.Access{
		"reading": confine.Read, "writing": confine.Write, "ioctl": confine.Control, "listing": confine.List,
	}
	shown := map[string][]confine.File{}
	for _, row := range rows(t, section(t, page, "## Files"), "path") {
		var access confine.Access
		for _, w := range strings.Split(row[1], ", ") {
			access |= words[w]
		}
		for _, path := range spans(row[0]) {
			shown[row[2]] = append(shown[row[2]], confine.File{Path: path, Access: access})
		}
	}
	for calls, want := range map[string]confine.Limits{
		"ADD, STATUS":                kernel.ToMake(false, ""),
		"CHECK, and a person's call": kernel.ToRead(""),
	} {
		if !slices.Equal(shown[calls], want.Files) {
			t.Errorf("%s: the page has %v, want %v", calls, shown[calls], want.Files)
		}
	}
	if files := kernel.ToDelete().Files; len(files) > 0 || len(shown) != 2 {
		t.Errorf("DEL and GC open %v, the page has %v", files, shown)
	}
	for _, f := range kernel.ToMake(true, "").Files {
		if !strings.Contains(page, "`"+f.Path+"`") && f.Path != "/proc/self/exe" {
			t.Errorf("the page lacks %s", f.Path)
		}
	}
	// What is open to Kata's files is that one directory, and all calls have it.
	kataFiles := map[string]confine.Access{}
	const dir = "/run/dans"
	for calls, l := range map[string]confine.Limits{"ADD": kernel.ToMake(false, dir), "CHECK": kernel.ToRead(dir), "DEL": kernel.ToDelete(dir)} {
		for _, f := range l.Files {
			if f.Path == dir+"/" {
				kataFiles[calls] = f.Access
			}
		}
	}
	edit := confine.Read | confine.Write | confine.List | confine.Change
	if want := map[string]confine.Access{"ADD": edit, "CHECK": confine.Read, "DEL": edit}; !maps.Equal(kataFiles, want) {
		t.Errorf("Kata's files: %v, want %v", kataFiles, want)
	}
}
