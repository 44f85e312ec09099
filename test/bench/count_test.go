package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// counts are what strace counts: it slows a program down, and so is no part of
// what is timed.
type counts struct {
	calls     int // system calls of all processes
	processes int // programs that were executed
}

// count runs all verbs of a contestant once, and counts.
func (c *contestant) count(b *testing.B) map[string]counts {
	b.Helper()
	trace := filepath.Join(b.TempDir(), "trace")
	result := map[string]counts{}
	c.round(b, c.plugin.Wrap("strace", "-f", "-o", trace), func(verb string) {
		text, err := os.ReadFile(trace)
		if err != nil {
			b.Fatal(err)
		}
		result[verb] = countLines(string(text))
	})
	return result
}

// countLines counts calls, not their ends where those are lines of their own.
func countLines(trace string) (n counts) {
	for line := range strings.Lines(trace) {
		_, what, _ := strings.Cut(line, " ")
		what = strings.TrimSpace(what)
		if strings.HasPrefix(what, "<...") || strings.HasPrefix(what, "+++") || strings.HasPrefix(what, "---") {
			continue
		}
		n.calls++
		if strings.HasPrefix(what, "execve(") {
			n.processes++
		}
	}
	return n
}
