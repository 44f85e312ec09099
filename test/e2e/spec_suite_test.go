package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/snapshot"
)

// The conformance suite, spec_*_test.go: what the CNI specification, 1.1.0,
// and its conventions say that a plugin must or should do. Each test quotes
// the sentences that it holds vmtap to, and runs in every spec version that has
// them. TestSpecTotal counts, and finds sentences that no test quotes.

// The spec versions that brought something to plugins.
const (
	fromFirst  = "0.3.0" // the first one that vmtap supports
	fromCheck  = "0.4.0" // CHECK, and prevResult at DEL
	fromStatus = "1.1.0" // GC and STATUS
)

// since reports whether a spec version has what came with another.
func since(version, first string) bool {
	return slices.Index(config.Versions(), version) >= slices.Index(config.Versions(), first)
}

// specVersions are the spec versions that are tested: where tests are to be
// short the newest.
func specVersions() []string {
	all := config.Versions()
	if testing.Short() {
		return all[len(all)-1:]
	}
	return all
}

// spec is a node for a test of one spec version.
type spec struct {
	*node
	version string
}

// fulfil runs a test in each spec version from one on. quotes are the sentences
// that it is about, as the specification has them, one a line.
func fulfil(t *testing.T, from, quotes string, test func(t *testing.T, s spec)) {
	t.Helper()
	done := tested{test: t.Name(), from: from, quotes: lines(quotes)}
	for _, version := range specVersions() {
		if !since(version, from) {
			continue
		}
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() {
				if !t.Failed() {
					conformance.passed(version, done)
				}
			})
			test(t, spec{newNode(t), version})
		})
	}
	conformance.add(done)
}

func lines(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

// tested is a test of the suite that ran.
type tested struct {
	test, from string
	quotes     []string
}

// record is what ran of the suite.
type record struct {
	mu     sync.Mutex
	ran    []tested
	counts map[string]count // by spec version
}

// count is what passed: sentences, and tests.
type count struct{ sentences, tests map[string]bool }

var conformance = record{counts: map[string]count{}}

func (r *record) add(done tested) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ran = append(r.ran, done)
}

func (r *record) passed(version string, done tested) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c, ok := r.counts[version]
	if !ok {
		c = count{map[string]bool{}, map[string]bool{}}
		r.counts[version] = c
	}
	c.tests[done.test] = true
	for _, quote := range done.quotes {
		c.sentences[quote] = true
	}
}

// block is the plugin's block in this spec version.
func (s spec) block(members string) string { return s.blockOf("vmnet", members) }

func (s spec) blockOf(network, members string) string {
	return strings.Replace(confOf(network, members), `"1.0.0"`, fmt.Sprintf("%q", s.version), 1)
}

// switched is a block that makes everything that a result can list, with more
// members.
func (s spec) switched(more ...string) string {
	return s.block(createConf + `, "groups": {"web": 101}, "group": "web"` + strings.Join(more, ""))
}

func (s spec) has(first string) bool { return since(s.version, first) }

// attach adds an interface of a pod. Unlike add it works in spec versions
// without CHECK.
func (s spec) attach(t *testing.T, p *pod, ifName, block string) *attachment {
	t.Helper()
	return s.attachBy(t, p.call(ifName, block))
}

func (s spec) attachBy(t *testing.T, call cni.Call) *attachment {
	t.Helper()
	stdout, fault := s.Add(t, call)
	if fault != nil {
		t.Fatalf("ADD %s: %s", call.IfName, fault)
	}
	return &attachment{t, s.node, call.With(stdout), cni.ParseResult(t, stdout)}
}

// wantCheck demands that CHECK, if this spec version has it, passes.
func (s spec) wantCheck(t *testing.T, a *attachment) {
	t.Helper()
	if !s.has(fromCheck) {
		return
	}
	if fault := s.Check(t, a.call); fault != nil {
		t.Errorf("CHECK: %s", fault)
	}
}

// settled waits until the kernel has taken in the IPv6 addresses of
// attachments on a switch, which it does in its own time.
func (s spec) settled(t *testing.T, all ...*attachment) {
	t.Helper()
	for _, a := range all {
		gw := a.gateway()
		waitFor(t, "the local routes of "+gw, func() bool {
			routes := s.Run(t, "ip", "-6", "route", "show", "table", "local", "dev", gw)
			return strings.Contains(routes, "anycast ") && strings.Contains(routes, "local "+a.IPs[1].Gateway.String()+" ")
		})
	}
}

// wantUnchanged is wantSame but for the multicast and anycast addresses that
// links join in their own time, which attachments that are there may still do.
func (s snapshots) wantUnchanged(t *testing.T) {
	t.Helper()
	for _, before := range s {
		diff := snapshot.Diff(before.text, take(t, before.ns), snapshot.Prefix("anycast "), snapshot.Prefix("mcast "))
		if len(diff) > 0 {
			t.Errorf("the kernel is not what it was:\n%s", strings.Join(diff, "\n"))
		}
	}
}
