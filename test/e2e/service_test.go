package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// allowedCalls are the system calls that a unit's filter lets through.
func allowedCalls(t *testing.T, unit string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{}
	var set func(word string, allow bool)
	set = func(word string, allow bool) {
		if !strings.HasPrefix(word, "@") {
			if allow {
				allowed[word] = true
			} else {
				delete(allowed, word)
			}
			return
		}
		out, err := exec.Command("systemd-analyze", "syscall-filter", "--no-pager", word).Output()
		if err != nil {
			t.Fatalf("system calls of %s: %v", word, err)
		}
		for _, line := range strings.Split(string(out), "\n")[1:] {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				set(line, allow)
			}
		}
	}
	for _, line := range strings.Split(string(text), "\n") {
		value, ok := strings.CutPrefix(line, "SystemCallFilter=")
		if !ok {
			continue
		}
		value, forbid := strings.CutPrefix(value, "~")
		for _, word := range strings.Fields(value) {
			set(word, !forbid)
		}
	}
	set("@default", true)
	return allowed
}

// TestServiceSystemCalls: what both processes of vmtapd do at work, the unit lets them do.
func TestServiceSystemCalls(t *testing.T) {
	wantsNoVRF(t)
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("there is no systemd-analyze here")
	}
	allowed := allowedCalls(t, "../../conf/vmtapd.service")
	n := newNode(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(createConf))
	m := a.bareSystem(p)
	dead := n.newPod(t, "dead").add(t, "eth0", conf(inSets(createConf, "web")))
	n.Run(t, "ip", "link", "del", dead.hostLink())
	log, socket := filepath.Join(t.TempDir(), "trace"), filepath.Join(t.TempDir(), "s")
	cmd := n.tool("vmtapd", ",+net_raw,+net_admin", "-conf-dir", confDir(t, ""), "-sure-after", "100ms", "-look-every", "200ms", "-metrics", "unix:"+socket)
	cmd.Args = append([]string{"strace", "-D", "-f", "-qq", "-o", log, cmd.Args[0], "--no-new-privs"}, cmd.Args[1:]...)
	var err error
	if cmd.Path, err = exec.LookPath("strace"); err != nil {
		t.Fatal(err)
	}
	r := begin(t, cmd)
	a.askUdhcpc(m)
	r.await(t, "removed gateway")
	scrape(t, socket)
	r.end(t)
	trace, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	// From the first program on, since before it is setpriv's.
	_, rest, ok := strings.Cut(string(trace), "bin/vmtapd\"")
	seen := 0
	for _, call := range regexp.MustCompile(`(?m)^\d+ +([a-z0-9_]+)\(`).FindAllStringSubmatch(rest, -1) {
		if seen++; !allowed[call[1]] {
			t.Errorf("the unit forbids %s", call[1])
			allowed[call[1]] = true // said once
		}
	}
	if !ok || seen < 100 {
		t.Errorf("%d calls were seen", seen)
	}
}
