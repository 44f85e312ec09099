package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// result is what became of one test.
type result struct {
	Package string
	Test    string // "" if the package itself failed
	Status  string // pass, fail or skip
	Reason  string // of a skip
}

// counts is how many tests had which status.
type counts struct{ passed, failed, skipped int }

func (c counts) String() string {
	return fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, c.skipped)
}

func count(results []result) counts {
	var c counts
	for _, r := range results {
		switch r.Status {
		case "pass":
			c.passed++
		case "skip":
			c.skipped++
		default:
			c.failed++
		}
	}
	return c
}

// leaves returns the results, of one package, that are counted: all but those
// of tests with subtests, which are kept only if they failed on their own.
func leaves(results []result) []result {
	children, failures := map[string]bool{}, map[string]bool{}
	for _, r := range results {
		for name := r.Test; ; {
			i := strings.LastIndexByte(name, '/')
			if i < 0 {
				break
			}
			name = name[:i]
			children[name] = true
			failures[name] = failures[name] || r.Status == "fail"
		}
	}
	var kept []result
	for _, r := range results {
		if !children[r.Test] || r.Status == "fail" && !failures[r.Test] {
			kept = append(kept, r)
		}
	}
	return kept
}

func write(file string, results []result) error {
	data, err := json.Marshal(results)
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

func read(file string) ([]result, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var results []result
	return results, json.Unmarshal(data, &results)
}

// closing prints the closing lines of the runs that args names, pairs of a label
// and a file of results. It reports whether tests ran and all passed. A run
// without results counts as one failed test.
func closing(out io.Writer, args []string) (bool, error) {
	if len(args) == 0 || len(args)%2 != 0 {
		return false, errors.New("-total wants pairs of a label and a file")
	}
	var total counts
	var lines, failed []string
	var skipped []result
	ran := map[string]bool{}
	for i := 0; i < len(args); i += 2 {
		results, err := read(args[i+1])
		c := count(results)
		note := ""
		if err != nil {
			c, note = counts{failed: 1}, ", it did not come to its end"
		}
		lines = append(lines, fmt.Sprintf("%s: %s%s", args[i], c, note))
		total.passed, total.failed = total.passed+c.passed, total.failed+c.failed
		for _, r := range results {
			name := strings.TrimSpace(short(r.Package) + " " + r.Test)
			switch r.Status {
			case "fail":
				failed = append(failed, fmt.Sprintf("  %s, %s", name, args[i]))
			case "skip":
				skipped = append(skipped, r)
				continue
			}
			markRan(ran, r)
		}
	}
	everywhere := nowhere(skipped, ran)
	total.skipped = len(everywhere)
	list(out, "failed:", failed)
	list(out, "skipped everywhere:", everywhere)
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintln(out, total)
	return total.failed == 0 && total.passed > 0, nil
}

// key names a test over all runs. What stands behind a comma in a package's
// name tells runs of it apart.
func (r result) key() string {
	name, _, _ := strings.Cut(r.Package, ",")
	return name + " " + r.Test
}

// markRan notes that a test ran, and with it those that it is a subtest of.
func markRan(ran map[string]bool, r result) {
	for {
		ran[r.key()] = true
		i := strings.LastIndexByte(r.Test, '/')
		if i < 0 {
			return
		}
		r.Test = r.Test[:i]
	}
}

// nowhere returns a line for each skipped test that ran in no run.
func nowhere(skipped []result, ran map[string]bool) []string {
	var lines []string
	for _, r := range skipped {
		if ran[r.key()] {
			continue
		}
		ran[r.key()] = true // names it once
		lines = append(lines, fmt.Sprintf("  %s %s: %s", short(r.Package), r.Test, r.Reason))
	}
	return lines
}

func list(out io.Writer, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintln(out, title)
	for _, line := range lines {
		fmt.Fprintln(out, line)
	}
}
