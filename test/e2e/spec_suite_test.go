package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
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
	for _, version := range config.Versions() {
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

// switched is a block that makes everything that a result can list.
func (s spec) switched() string {
	return s.block(createConf + `, "groups": {"web": 101}, "group": "web"`)
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

// variables are those of a call, by name.
func variables(command string, c cni.Call, bin string) map[string]string {
	return map[string]string{
		"CNI_COMMAND": command, "CNI_CONTAINERID": c.ContainerID, "CNI_NETNS": c.Netns,
		"CNI_IFNAME": c.IfName, "CNI_ARGS": c.Args, "CNI_PATH": filepath.Dir(bin),
	}
}

// said is what one run of the binary left.
type said struct {
	stdout, stderr string
	code           int
}

// run runs the binary with these variables and no others.
func (s spec) run(t *testing.T, stdin string, env map[string]string) said {
	t.Helper()
	cmd := s.Command(s.Bin)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return said{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// withPrevResult is what a call has on stdin.
func withPrevResult(t *testing.T, c cni.Call) string {
	t.Helper()
	if len(c.PrevResult) == 0 {
		return c.Conf
	}
	return with(t, c.Conf, "prevResult", c.PrevResult)
}

// with is a JSON object with one more member.
func with(t *testing.T, object, key string, value []byte) string {
	t.Helper()
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &members); err != nil {
		t.Fatal(err)
	}
	members[key] = value
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// fault demands a failure as the specification has it, and returns its error
// object.
func (o said) fault(t *testing.T) *cni.Error {
	t.Helper()
	if o.code != 1 {
		t.Errorf("exit status %d, want 1", o.code)
	}
	var keys map[string]any
	one(t, o.stdout, &keys)
	fault := new(cni.Error)
	one(t, o.stdout, fault)
	for _, key := range []string{"cniVersion", "code", "msg", "details"} {
		if _, ok := keys[key]; !ok {
			t.Errorf("the error object has no %s: %s", key, o.stdout)
		}
	}
	if fault.Msg == "" {
		t.Errorf("the error object's msg is empty")
	}
	if !slices.Contains(config.Versions(), fault.CNIVersion) {
		t.Errorf("the error's cniVersion is %q", fault.CNIVersion)
	}
	return fault
}

// success demands exit status 0 and no word on stderr.
func (o said) success(t *testing.T) {
	t.Helper()
	if o.code != 0 || o.stderr != "" {
		t.Fatalf("exit status %d, stderr %q, stdout %q", o.code, o.stderr, o.stdout)
	}
}

// one demands that a text is one JSON document and nothing else.
func one(t *testing.T, text string, into any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(into); err != nil {
		t.Fatalf("not a JSON document: %v: %q", err, text)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Errorf("more than one JSON document: %q", text)
	}
}
