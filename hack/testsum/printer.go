package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// maxLines is how much of a failed test's output is printed: enough for the
// part of a panic that says something.
const maxLines = 100

// event is one line of go test -json; see go doc test2json.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output and build-fail
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string // ImportPath of the build that failed a package
}

// printer prints events as they come and collects results.
type printer struct {
	out     io.Writer
	running map[string]*pkg
	done    map[string]bool
	builds  map[string][]string // output of builds by ImportPath
	results []result
}

// pkg is a package whose tests run.
type pkg struct {
	output map[string][]string // by test; "" is the package's own
	status map[string]string   // by test: run, pass, fail or skip
}

func newPrinter(out io.Writer) *printer {
	return &printer{out: out, running: map[string]*pkg{}, done: map[string]bool{}, builds: map[string][]string{}}
}

// line takes one line of input.
func (p *printer) line(line []byte) {
	var e event
	if line[0] != '{' || json.Unmarshal(line, &e) != nil || e.Action == "" {
		fmt.Fprintf(p.out, "%s", line)
		return
	}
	switch e.Action {
	case "build-output":
		p.builds[e.ImportPath] = append(p.builds[e.ImportPath], e.Output)
		return
	case "build-fail":
		return
	}
	if e.Package == "" || p.done[e.Package] {
		return
	}
	k := p.running[e.Package]
	if k == nil {
		k = &pkg{output: map[string][]string{}, status: map[string]string{}}
		p.running[e.Package] = k
	}
	switch e.Action {
	case "run":
		k.status[e.Test] = "run"
	case "output":
		if !frame(e.Output) {
			k.output[e.Test] = append(k.output[e.Test], e.Output)
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			p.finish(e, k)
			return
		}
		k.status[e.Test] = e.Action
		if e.Action == "fail" {
			p.failed(e.Package, e.Test, k)
		}
	}
}

// frame reports whether a line of output is one of package testing's own, which
// the events say already.
func frame(line string) bool {
	line = strings.TrimLeft(line, " ")
	for _, prefix := range []string{
		"=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME ",
		"--- PASS: ", "--- FAIL: ", "--- SKIP: ", "ok  \t", "FAIL\t", "?   \t", "coverage: ",
	} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return line == "PASS\n" || line == "FAIL\n"
}

// failed prints what a failed test said; nothing if only its
// subtests did.
func (p *printer) failed(name, test string, k *pkg) {
	if len(k.output[test]) == 0 {
		for other, status := range k.status {
			if status == "fail" && strings.HasPrefix(other, test+"/") {
				return
			}
		}
	}
	fmt.Fprintf(p.out, "--- FAIL: %s %s\n", short(name), test)
	for i, line := range k.output[test] {
		if i == maxLines {
			fmt.Fprintf(p.out, "    ... and %d lines more\n", len(k.output[test])-i)
			break
		}
		fmt.Fprint(p.out, "    ", strings.TrimPrefix(line, "    "))
	}
}

// finish takes the event that ends a package.
func (p *printer) finish(e event, k *pkg) {
	delete(p.running, e.Package)
	p.done[e.Package] = true
	var results []result
	for _, test := range slices.Sorted(maps.Keys(k.status)) {
		r := result{Package: e.Package, Test: test, Status: k.status[test]}
		switch r.Status {
		case "run":
			r.Status = "fail"
			k.output[test] = append(k.output[test], "did not finish\n")
			p.failed(e.Package, test, k)
		case "skip":
			r.Reason = reason(k.output[test])
		}
		results = append(results, r)
	}
	results = leaves(results)
	c := count(results)
	if e.Action == "fail" && c.failed == 0 {
		fmt.Fprintf(p.out, "--- FAIL: %s\n    %s%s", short(e.Package),
			strings.Join(p.builds[e.FailedBuild], "    "), strings.Join(k.output[""], "    "))
		results = append(results, result{Package: e.Package, Status: "fail"})
		c.failed++
	}
	p.results = append(p.results, results...)
	if len(results) == 0 {
		return // no tests
	}
	word := "ok  "
	if c.failed > 0 {
		word = "FAIL"
	}
	fmt.Fprintf(p.out, "%s %-28s %6.1fs  %s\n", word, short(e.Package), e.Elapsed, c)
	for _, test := range slices.Sorted(maps.Keys(k.status)) {
		if strings.HasSuffix(test, totals) && k.status[test] == "pass" {
			for _, line := range k.output[test] {
				fmt.Fprintf(p.out, "     %s\n", said(line))
			}
		}
	}
}

// totals is how the names of tests end that sum up a package's others: what they
// say is printed.
const totals = "Total"

// end takes the end of input: packages that still run did not finish.
func (p *printer) end() {
	for _, name := range slices.Sorted(maps.Keys(p.running)) {
		k := p.running[name]
		k.output[""] = append(k.output[""], "did not finish\n")
		p.finish(event{Action: "fail", Package: name}, k)
	}
}

// short is a package's path within this module.
func short(name string) string {
	return strings.TrimPrefix(name, "github.com/vmtap/vmtap/")
}

// reason is what a skipped test gave as its reason: its last line of output.
func reason(output []string) string {
	if len(output) == 0 {
		return ""
	}
	return said(output[len(output)-1])
}

// said is a line of output without file and line number.
func said(line string) string {
	s := strings.TrimSpace(line)
	if place, rest, ok := strings.Cut(s, ": "); ok && strings.Contains(place, ".go:") {
		return rest
	}
	return s
}
