package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// machine says when and where something was measured, and how busy the machine
// was: that is in all the numbers.
func machine() string {
	var u unix.Utsname
	_ = unix.Uname(&u) // cannot fail
	load, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("Measured on %s, Linux %s, %d processors, load %s at the end",
		time.Now().Format(time.DateOnly), unix.ByteSliceToString(u.Release[:]), processors(), one)
}

func processors() int {
	var set unix.CPUSet
	_ = unix.SchedGetaffinity(0, &set) // cannot fail
	return set.Count()
}

// report prints what was measured. If VMTAP_BENCH_DOCS names a directory, it
// replaces the part of this name in performance.md there, and its picture.
func report(b *testing.B, part, text string, charts []chart) {
	b.Helper()
	fmt.Println(text)
	docs := os.Getenv("VMTAP_BENCH_DOCS")
	if docs == "" {
		return
	}
	picture := fmt.Sprintf("performance-%s.svg", part)
	if err := os.WriteFile(filepath.Join(docs, picture), draw(charts), 0o644); err != nil {
		b.Fatal(err)
	}
	page := filepath.Join(docs, "performance.md")
	old, err := os.ReadFile(page)
	if err != nil {
		b.Fatal(err)
	}
	changed, err := replacePart(old, part, fmt.Sprintf("%s\n![the same as bars](%s)\n", text, picture))
	if err != nil {
		b.Fatalf("%s: %v", page, err)
	}
	if err := os.WriteFile(page, changed, 0o644); err != nil {
		b.Fatal(err)
	}
}

// replacePart replaces what stands between the comments that begin and end a part.
func replacePart(page []byte, part, text string) ([]byte, error) {
	begin, end := fmt.Appendf(nil, "<!-- %s: make bench writes this -->\n", part), fmt.Appendf(nil, "<!-- end of %s -->\n", part)
	before, rest, ok := bytes.Cut(page, begin)
	_, after, ok2 := bytes.Cut(rest, end)
	if !ok || !ok2 {
		return nil, fmt.Errorf("no part %s", part)
	}
	return bytes.Join([][]byte{before, begin, []byte(text), end, after}, nil), nil
}
