package snapshot

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/netns"
)

// Take writes down what the namespace holds.
func Take(t testing.TB, ns *netns.NS) string {
	t.Helper()
	text, err := take(ns)
	if err != nil {
		t.Fatalf("take a snapshot of %s: %v", ns.Path(), err)
	}
	return text
}

// sources are what snapshots are made of. Each yields lines.
var sources = []func(*netns.NS) ([]string, error){
	ipLines, rule6Lines, fdbLines, mdbLines, vlanLines, tcLines, nftLines, sysctlLines, multicastLines,
}

func take(ns *netns.NS) (string, error) {
	results := make([][]string, len(sources))
	errs := make([]error, len(sources))
	var wg sync.WaitGroup
	for i, source := range sources {
		wg.Add(1)
		go func() {
			defer wg.Done()
			results[i], errs[i] = source(ns)
		}()
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return "", err
	}
	lines := slices.Concat(results...)
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n", nil
}

// Settled takes snapshots until one differs from before in nothing but what is allowed, or the time is over, and
// returns the differences of the last. It is for what the kernel takes down in the background.
func Settled(t testing.TB, ns *netns.NS, before string, timeout time.Duration, allowed ...Allow) []string {
	t.Helper()
	for deadline := time.Now().Add(timeout); ; {
		diff := Diff(before, Take(t, ns), allowed...)
		if len(diff) == 0 || time.Now().After(deadline) {
			return diff
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// errUnsupported is the error of a command that asks for what this kernel does not have.
var errUnsupported = errors.New("not supported by this kernel")

// run runs a command inside the namespace and returns what it printed.
func run(ns *netns.NS, stdin, name string, args ...string) ([]byte, error) {
	cmd := ns.Command(name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if strings.Contains(errs.String(), "Operation not supported") {
			err = errUnsupported
		}
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, errs.Bytes())
	}
	return out.Bytes(), nil
}
