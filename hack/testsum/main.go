// Command testsum reads the events of go test -json, prints what a person wants
// to see of them, and counts tests.
//
//	go test -json ./... | testsum [-save FILE]
//	testsum -total LABEL FILE [LABEL FILE]...
//
// The first form prints a line for each package and the output of each test
// that failed, and saves the results. The second prints the closing lines for
// the results of several runs: one line for each run, what ran in none of them,
// and the total, "N passed, N failed, N skipped", where skipped are those that
// ran nowhere.
//
// Leaves are counted: a test that has subtests counts only through them, unless
// it failed and none of them did. A package that failed with no failed test
// (it did not build, or its process died) counts as one failed test.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	save := flag.String("save", "", "write the results to `FILE`")
	total := flag.Bool("total", false, "print the closing lines of saved results")
	flag.Parse()

	out := bufio.NewWriter(os.Stdout)
	ok, err := run(out, *save, *total, flag.Args())
	if err2 := out.Flush(); err == nil {
		err = err2
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "testsum:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// run does what main was asked for; it reports whether all tests passed.
func run(out *bufio.Writer, save string, total bool, args []string) (bool, error) {
	if total {
		return closing(out, args)
	}
	results, err := stream(os.Stdin, out)
	if err != nil {
		return false, err
	}
	if save != "" {
		if err := write(save, results); err != nil {
			return false, err
		}
	}
	return count(results).failed == 0, nil
}

// stream reads events to their end, printing as it goes, and returns the
// results of all tests. What is no event is printed as it is.
func stream(in io.Reader, out *bufio.Writer) ([]result, error) {
	p := newPrinter(out)
	r := bufio.NewReader(in)
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			p.line(line)
			if err := out.Flush(); err != nil {
				return nil, err
			}
		}
		if err == io.EOF {
			p.end()
			return p.results, out.Flush()
		}
		if err != nil {
			return nil, err
		}
	}
}
