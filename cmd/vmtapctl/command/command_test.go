package command

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run runs vmtapctl with a standard input, on no node.
func run(stdin string, args ...string) (status int, stdout, stderr string) {
	var out, errs strings.Builder
	status = Run("v1", args, strings.NewReader(stdin), &out, &errs)
	return status, out.String(), errs.String()
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStatus: 0, or 1 for what was not found, or 2 for a wrong command line; the
// answer on one stream, and what was wrong in one line on the other.
func TestStatus(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		words  string // of what is printed, an error last
	}{
		{"--version", 0, "v1"},
		{"--help", 0, "validate"},
		{"help addr", 0, "vmtapctl addr"},
		{"", statusUsage, "choose a command"},
		{"nosuch", statusUsage, `"nosuch"`},
		{"--nosuch", statusUsage, "--nosuch"},
		{"addr", statusUsage, "1 arg"},
		{"addr 1 2", statusUsage, "1 arg"},
		{"addr 1 --bits x", statusUsage, "--bits"},
		{"addr 1 --prefix x", statusUsage, "--prefix"},
		{"addr 1", 0, "100.64.1.3"},
		{"addr 0", statusFault, "vmid 0"},
		{"addr 192.0.2.1", statusFault, "no interface"},
		{"addr 1 --prefix 100.64.0.0/32", statusFault, "no VM fits"},
		{"show a b", statusUsage, "1 arg"},
		{"show -o xml", statusUsage, "want table or json"},
		{"validate", statusUsage, "1 arg"},
		{"validate /no/such/file", statusFault, "there is 1 fault"},
	} {
		status, stdout, stderr := run("", strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(stdout+stderr, c.words) {
			t.Errorf("%s: status %d, want %d with %q: %s%s", c.args, status, c.status, c.words, stdout, stderr)
		}
		if (status == 0) != (stderr == "") || stderr != "" && (strings.Count(stderr, "\n") != 1 || !strings.HasPrefix(stderr, "vmtapctl: ")) {
			t.Errorf("%s: error %q", c.args, stderr)
		}
	}
}

// TestValidate: a line for each network, and the exit status.
func TestValidate(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "10-a.conflist", `{"cniVersion": "1.0.0", "name": "a", "plugins": [{"type": "vmtap"}]}`)
	put(t, dir, "20-b.conf", `{"cniVersion": "1.0.0", "name": "b", "type": "bridge"}`)
	file := func(name string) string { return filepath.Join(dir, name) }
	check := func(wantStatus int, want, wantError string, args ...string) {
		t.Helper()
		status, stdout, stderr := run(`{"cniVersion": "1.0.0", "name": "in", "type": "vmtap", "rdomian": 1}`, append([]string{"validate"}, args...)...)
		stdout = strings.ReplaceAll(stdout, dir+"/", "")
		if status != wantStatus || stdout != want || stderr != wantError {
			t.Errorf("%q: status %d\n%s%s\nwant %d\n%s%s", args, status, stdout, stderr, wantStatus, want, wantError)
		}
	}
	check(0, "10-a.conflist: network a: ok\n20-b.conf: network b: does not use vmtap\n", "", dir)
	check(1, "20-b.conf: network b: does not use vmtap\n", "vmtapctl: validate: no network uses vmtap\n", file("20-b.conf"))
	check(1, "-: network in: read key \"rdomian\" 1: unknown, did you mean rdomain?\n10-a.conflist: network a: ok\n",
		"vmtapctl: validate: there is 1 fault\n", "-", file("10-a.conflist"))

	put(t, dir, "30-a.conflist", `{"cniVersion": "1.0.0", "name": "a", "plugins": [{"type": "vmtap", "mtu": 1}]}`)
	put(t, dir, "40-x.conflist", `{`)
	status, stdout, stderr := run("", "validate", dir)
	for _, line := range []string{
		"10-a.conflist: network a: ok\n",
		"30-a.conflist: network a: read mtu",
		"30-a.conflist: network a: " + file("10-a.conflist") + " configures a network of this name, too",
		"40-x.conflist: error parsing configuration list",
	} {
		if !strings.Contains(stdout, line) {
			t.Errorf("%q lacks %q", stdout, line)
		}
	}
	if status != 1 || stderr != "vmtapctl: validate: there are 3 faults\n" {
		t.Errorf("status %d, %q", status, stderr)
	}
}

// TestValidateExamples: the examples are fine.
func TestValidateExamples(t *testing.T) {
	status, stdout, stderr := run("", "validate", "../../../conf")
	if status != 0 || strings.Count(stdout, ": ok\n") < 10 || strings.Count(stdout, "\n") != strings.Count(stdout, ": ok\n") {
		t.Errorf("status %d: %s%s", status, stdout, stderr)
	}
}

// TestNodeCommands: what commands about the node make of a command line, with no
// look at it.
func TestNodeCommands(t *testing.T) {
	for args, words := range map[string]string{
		"check x":          "unknown command",
		"check --nosuch":   "--nosuch",
		"gc x":             "unknown command",
		"gc --wait x":      "--wait",
		"gc --yes --yes=x": "--yes",
		"plan":             "1 arg",
		"plan a b":         "1 arg",
	} {
		status, stdout, stderr := run("", strings.Fields(args)...)
		if status != statusUsage || stdout != "" || !strings.Contains(stderr, words) {
			t.Errorf("%s: status %d, %s%s", args, status, stdout, stderr)
		}
	}
}
