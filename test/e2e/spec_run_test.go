package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/test/cni"
)

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
	return s.runBy(t, stdin, env, s.Bin)
}

// runBy is run by a command.
func (s spec) runBy(t *testing.T, stdin string, env map[string]string, command string, args ...string) said {
	t.Helper()
	cmd := s.Command(command, args...)
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
