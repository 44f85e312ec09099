package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/cmd/vmtapctl/command"
)

// TestMan: there is a page for each command, with its flags, and completion for
// each shell.
func TestMan(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1800000000")
	dir := t.TempDir()
	if err := run([]string{dir}); err != nil {
		t.Fatal(err)
	}
	read := func(path string, words ...string) {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, "share", path))
		if err != nil {
			t.Error(err)
		}
		for _, w := range words {
			if !strings.Contains(string(text), w) {
				t.Errorf("%s lacks %q", path, w)
			}
		}
	}
	commands := command.New("").Commands()
	if len(commands) < 6 {
		t.Errorf("%d commands", len(commands))
	}
	for _, c := range commands {
		read("man/man8/vmtapctl-"+c.Name()+".8", `"VMTAPCTL-`+strings.ToUpper(c.Name())+`" "8" "Jan 2027"`, c.Short)
		read("man/man8/vmtapctl.8", `vmtapctl-`+c.Name()+`(8)`)
	}
	read("man/man8/vmtapctl-gc.8", `--wait`, `--yes`)
	read("bash-completion/completions/vmtapctl", "complete -o default -F __start_vmtapctl vmtapctl")
	read("zsh/vendor-completions/_vmtapctl", "#compdef vmtapctl")
	read("fish/vendor_completions.d/vmtapctl.fish", "vmtapctl")
	if err := run(nil); err == nil {
		t.Error("no directory is fine")
	}
}
