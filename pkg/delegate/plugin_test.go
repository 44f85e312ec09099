package delegate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"

	"github.com/vmtap/vmtap/pkg/config"
)

// The test binary is also the broker, which it executes as the plugin executes
// itself.
func TestMain(m *testing.M) {
	runtime.LockOSThread()
	if status, ok := Serve(os.Args); ok {
		os.Exit(status)
	}
	runtime.UnlockOSThread()
	os.Exit(m.Run())
}

// script writes a program into a directory of its own.
func script(t *testing.T, name, text string, mode os.FileMode) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+text+"\n"), mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

// plugin is a script as it is found.
func plugin(t *testing.T, stdin, text string) *Plugin {
	t.Helper()
	p, err := Find("fake", &skel.CmdArgs{Path: script(t, "fake", text, 0o755), StdinData: []byte(stdin)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// broker begins the broker of a script. The calling thread stays, since the
// broker ends with it.
func broker(t *testing.T, stdin, text string) *Broker {
	t.Helper()
	return begin(t, plugin(t, stdin, text))
}

func begin(t *testing.T, p *Plugin) *Broker {
	t.Helper()
	runtime.LockOSThread()
	b, err := p.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		runtime.UnlockOSThread()
	})
	return b
}

func wantError(t *testing.T, err error, code config.Code, words ...string) {
	t.Helper()
	var e *config.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got error %v, want code %d", err, code)
	}
	for _, w := range words {
		if !strings.Contains(e.Error(), w) {
			t.Errorf("got %q, want %q in it", e, w)
		}
	}
}

// The first directory counts that has a program: not a directory, nor what
// cannot be run.
func TestFind(t *testing.T) {
	none, first, second := t.TempDir(), script(t, "fake", "", 0o755), script(t, "fake", "", 0o755)
	directory, data := t.TempDir(), script(t, "fake", "", 0o644)
	if err := os.Mkdir(filepath.Join(directory, "fake"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path, want string
	}{
		{"one", first, first},
		{"two", first + ":" + second, first},
		{"not in the first", none + ":" + second, second},
		{"a directory", directory + ":" + second, second},
		{"no program", data + ":" + second, second},
		{"missing directory", "/nonexistent:" + first, first},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := Find("fake", &skel.CmdArgs{Path: c.path})
			if err != nil || p.path != filepath.Join(c.want, "fake") {
				t.Errorf("got %+v, %v, want one in %s", p, err, c.want)
			}
		})
	}
	for _, path := range []string{"", none, data, directory} {
		_, err := Find("fake", &skel.CmdArgs{Path: path})
		wantError(t, err, config.CodeInvalidConfig, `find IPAM plugin "fake"`, "install it")
	}
}

func TestRun(t *testing.T) {
	t.Setenv("CNI_COMMAND", "ADD")
	t.Setenv("CNI_IFNAME", "eth0")
	big := strings.Repeat("x", maxOutput)
	const count = "ls /proc/self/fd | wc -l"
	for _, c := range []struct {
		name, stdin, text, want string
	}{
		{"nothing", "", "", ""},
		{"stdin", "some words", "cat", "some words"},
		{"all of a large stdin", big, "cat", big},
		{"stdin that nobody reads", big, "echo done", "done\n"},
		{"environment", "", `echo $CNI_COMMAND $CNI_IFNAME`, "DEL eth0\n"},
		{"a command once", "", `env | grep -c CNI_COMMAND`, "1\n"},
		{"in pieces", "", "for i in 1 2 3; do echo $i; done", "1\n2\n3\n"},
		{"no file descriptors of ours", "", count, countedBy(t, count)},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := broker(t, c.stdin, c.text).Run("DEL")
			if err != nil || string(out) != c.want {
				t.Errorf("got %.100q, %v, want %.100q", out, err, c.want)
			}
		})
	}
	if got := os.Getenv("CNI_COMMAND"); got != "ADD" {
		t.Errorf("our own CNI_COMMAND is %s", got)
	}
}

// countedBy is what a shell prints that has nothing of ours.
func countedBy(t *testing.T, text string) string {
	t.Helper()
	out, err := exec.Command("sh", "-c", text).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestRunFails(t *testing.T) {
	long := strings.Repeat("ä", 2000)
	for _, c := range []struct {
		name, text string
		code       config.Code
		words      []string
	}{
		{"its own", `echo '{"code": 142, "msg": "no way"}'; exit 1`, 142, []string{"delegate ADD to fake: no way"}},
		{"with details", `echo '{"code": 142, "msg": "no way", "details": "at all"}'; exit 1`, 142, []string{"no way; at all"}},
		{"code only", `echo '{"code": 11}'; exit 1`, 11, []string{"delegate ADD to fake"}},
		{"without a code", `echo '{"msg": "no way"}'; exit 1`, config.CodeIO, []string{"no way"}},
		{"no error", `echo oops; exit 3`, config.CodeIO, []string{"status 3", "oops"}},
		{"another object", `echo '{}'; exit 3`, config.CodeIO, []string{"status 3"}},
		{"nothing", `exit 3`, config.CodeIO, []string{"status 3"}},
		{"killed", `kill -9 $$`, config.CodeIO, []string{"killed"}},
		{"too much", `yes`, config.CodeIO, []string{"prints more"}},
		{"much to say", fmt.Sprintf(`echo '{"code": 142, "msg": %q}'; exit 1`, long), 142, []string{strings.Repeat("ä", 1024)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := broker(t, "", c.text).Run("ADD")
			wantError(t, err, c.code, c.words...)
			if len(err.Error()) > 2*maxWords+100 || out != nil {
				t.Errorf("the message has %d bytes, the output %d", len(err.Error()), len(out))
			}
		})
	}
	p := plugin(t, "", "")
	if err := os.Remove(p.path); err != nil {
		t.Fatal(err)
	}
	_, err := begin(t, p).Run("ADD")
	wantError(t, err, config.CodeIO, "delegate ADD to fake", "no such file")
}

// TestBroker: one broker runs its plugin as often as it is asked to, and nothing
// else; one that was killed is an error.
func TestBroker(t *testing.T) {
	b := broker(t, "words", "cat; echo $CNI_COMMAND")
	for _, verb := range []string{"ADD", "DEL", "CHECK", "DEL", "GC", "STATUS"} {
		if out, err := b.Run(verb); err != nil || string(out) != "words"+verb+"\n" {
			t.Errorf("%s: %q, %v", verb, out, err)
		}
	}
	_, err := b.Run("VERSION")
	wantError(t, err, config.CodeIO, "delegate VERSION to fake", "no such verb")

	killed := broker(t, "", "kill -9 $PPID; exec sleep 100")
	for range 2 {
		_, err = killed.Run("ADD")
		wantError(t, err, config.CodeIO, "delegate ADD to fake", "the process that runs it is gone")
	}
	for _, args := range [][]string{{"vmtap"}, {"vmtap", "make-tap", "a", "b"}, {"vmtap", brokerArg}, {"vmtap", brokerArg, "a", "b", "c"}} {
		if _, ok := Serve(args); ok {
			t.Errorf("%v is a broker", args)
		}
	}
}
