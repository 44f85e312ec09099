package snapshot

import (
	"slices"
	"strings"
)

// Allow says that a line may differ.
type Allow func(line string) bool

// Prefix allows lines that begin so, such as "sysctl net/ipv4/ip_forward:" or "link sw ".
func Prefix(prefix string) Allow {
	return func(line string) bool { return strings.HasPrefix(line, prefix) }
}

// Containing allows lines with this in them, such as a link's name.
func Containing(part string) Allow {
	return func(line string) bool { return strings.Contains(line, part) }
}

// Diff returns the lines in which two snapshots differ and may not: "- " and the line for one that is gone, "+ " and
// the line for one that is new.
func Diff(before, after string, allowed ...Allow) []string {
	count := map[string]int{}
	for line := range strings.Lines(after) {
		count[line]++
	}
	for line := range strings.Lines(before) {
		count[line]--
	}
	var diff []string
	for line, n := range count {
		sign := "+ "
		if n < 0 {
			sign, n = "- ", -n
		}
		line = strings.TrimSuffix(line, "\n")
		if n == 0 || slices.ContainsFunc(allowed, func(ok Allow) bool { return ok(line) }) {
			continue
		}
		for range n {
			diff = append(diff, sign+line)
		}
	}
	// By line and not by sign, so that a value that changed stands above or below what it was.
	slices.SortFunc(diff, func(a, b string) int { return strings.Compare(a[2:]+a[:1], b[2:]+b[:1]) })
	return diff
}
