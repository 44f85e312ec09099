package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/test/cni"
)

// TestIPAMPluginMisbehaves: what is not one result with addresses that a guest
// can have is an error that says so, in one line. The plugin's DEL follows, and
// nothing is left.
func TestIPAMPluginMisbehaves(t *testing.T) {
	wantsNoVRF(t)
	address := func(s string) string { return `echo '{"ips": [{"address": ` + s + `}]}'` }
	const good = `"10.1.0.5/24"`
	for _, c := range []struct {
		name, add string
		code      uint
		words     []string
	}{
		{"garbage", "echo hello", 6, []string{"result of fake", "hello"}},
		{"nothing", "", 6, []string{"result of fake"}},
		{"a list", "echo '[]'", 6, []string{"result of fake"}},
		{"null", "echo null", 6, []string{"want an object"}},
		{"two documents", address(good) + ";" + address(good), 6, []string{"after top-level value"}},
		{"half a document", `printf '{"ips": ['`, 6, []string{"unexpected end"}},
		{"another program's words", `printf 'a\nb\033[1m\000c'`, 6, []string{"result of fake"}},
		{"no addresses", `echo '{"cniVersion": "1.0.0", "ips": []}'`, 6, []string{"no addresses"}},
		{"ips missing", `echo '{"cniVersion": "1.0.0"}'`, 6, []string{"no addresses"}},
		{"ips null", `echo '{"ips": null}'`, 6, []string{"no addresses"}},
		{"null in ips", `echo '{"ips": [null]}'`, 6, []string{"holds null"}},
		{"unknown version", `echo '{"cniVersion": "9.9.9", "ips": [{"address": "10.1.0.5/24"}]}'`, 6, []string{"9.9.9"}},
		{"no address", address(`"x"`), 6, []string{"invalid CIDR"}},
		{"no prefix length", address(`"10.1.0.5"`), 6, []string{"invalid CIDR"}},
		{"empty entry", `echo '{"ips": [{}]}'`, 6, []string{"ips[0]"}},
		{"no guest's address", address(`"0.0.0.0/24"`), 6, []string{"0.0.0.0", "no guest can have it"}},
		{"multicast", address(`"ff02::1/64"`), 6, []string{"ff02::1", "no guest can have it"}},
		{"loopback", address(`"127.0.0.1/8"`), 6, []string{"127.0.0.1", "no guest can have it"}},
		{"length 0", address(`"10.1.0.5/0"`), 6, []string{"prefix length is 0"}},
		{"its own gateway", address(good + `, "gateway": "10.1.0.5"`), 6, []string{"its own gateway"}},
		{"the other family's gateway", address(good + `, "gateway": "2001:db8::1"`), 6, []string{"other family"}},
		{"twice", address(good + `}, {"address": "10.1.0.5/25"`), 6, []string{"stands twice"}},
		{"route of a table", `echo '{"cniVersion": "1.1.0", "ips": [{"address": "10.1.0.5/24"}], "routes": [{"dst": "0.0.0.0/0", "table": 5}]}'`, 6, []string{"0.0.0.0/0", "a table"}},
		{"route by the other family", `echo '{"ips": [{"address": "10.1.0.5/24"}], "routes": [{"dst": "0.0.0.0/0", "gw": "2001:db8::1"}]}'`, 6, []string{"0.0.0.0/0", "other family"}},
		{"its own error", `printf '%s' '{"code": 142, "msg": "no\nway", "details": "not here"}'; exit 1`, 142, []string{"delegate ADD to fake", "way; not here"}},
		{"an error without a code", `echo '{"msg": "no way"}'; exit 1`, 5, []string{"no way"}},
		{"an error that is none", "echo oops; exit 3", 5, []string{"status 3", "oops"}},
		{"no words", "exit 4", 5, []string{"status 4"}},
		{"killed", "kill -9 $$", 5, []string{"killed"}},
		{"endless", "yes", 5, []string{"prints more"}},
		{"no program", "", 5, []string{"exec format error"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNode(t)
			f := n.newFake(t, "[ $CNI_COMMAND = ADD ] || exit 0\n"+c.add)
			p := n.newPod(t, "p")
			n.Run(t, "ip", "link", "add", "br0", "type", "bridge")
			block := conf(`"switch": {"interface": "br0", "up": false}, "ipam": {"type": "fake"}`)
			n.Run(t, "ip", "link", "set", "br0", "alias", "switch0-br0")
			if c.name == "no program" {
				if err := os.WriteFile(filepath.Join(f.dir, "fake"), []byte("\x7fELF"), 0o755); err != nil { //nolint:gosec // a program
					t.Fatal(err)
				}
			}
			before := takeAll(t, p.NS)
			_, fault := n.Add(t, p.call("eth0", block))
			wantFault(t, fault, c.code, c.words...)
			if strings.ContainsRune(fault.Msg, '\033') {
				t.Errorf("control characters in %q", fault.Msg)
			}
			n.noVMLinks(t)
			before.wantSame(t)
			if c.name != "no program" {
				expect(t, "verbs", f.verbs(t), "ADD DEL")
			}
		})
	}
}

// TestIPAMPluginGets: the plugin gets all of the configuration as it came, and
// all of the environment.
func TestIPAMPluginGets(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	f := n.newFake(t, `cat >$dir/$CNI_COMMAND.stdin; env >$dir/$CNI_COMMAND.env; `+give)
	t.Setenv("SOMETHING", "else = more")
	pad := strings.Repeat("x", 300_000) // more than a pipe holds by itself
	block := conf(fakeBlock + `,   "example.com/pad": "` + pad + `", "args": {"cni": {"ips": ["10.1.0.5"], "x": 1}}, "capabilities": {"ips": true, "x": true}, "runtimeConfig": {"ips": ["10.1.0.5/24"], "x": [1]}`)
	p := n.newPod(t, "p")
	call := p.call("eth0", block)
	call.Args = "IgnoreUnknown=1;VMNAME=web;IP=10.1.0.5"
	n.add(t, call).del()
	for _, verb := range []string{"ADD", "CHECK", "DEL"} {
		if stdin := f.said(t, verb+".stdin"); verb == "ADD" && stdin != block {
			t.Errorf("%s: got %.200s..., want %.200s...", verb, stdin, block)
		} else if !strings.Contains(stdin, pad) || (verb != "ADD") != strings.Contains(stdin, `"prevResult"`) {
			t.Errorf("%s: got %.200s...", verb, stdin)
		}
		env := "\n" + f.said(t, verb+".env") + "\n"
		for _, want := range []string{"SOMETHING=else = more", "CNI_COMMAND=" + verb, "CNI_ARGS=" + call.Args, "CNI_IFNAME=eth0", "CNI_CONTAINERID=p", "CNI_NETNS=" + p.Path(), "CNI_PATH=" + n.Plugin.Path} {
			if !strings.Contains(env, "\n"+want+"\n") {
				t.Errorf("%s: the environment lacks %s", verb, want)
			}
		}
	}
}

// TestIPAMPluginIgnoresRequest: addresses that were asked for and not given,
// and a route without any gateway, fail ADD.
func TestIPAMPluginIgnoresRequest(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	f := n.newFake(t, give)
	for members, words := range map[string][]string{
		`"capabilities": {"ips": true}, "runtimeConfig": {"ips": ["10.1.0.6/24"]}`: {"10.1.0.6", "fake gave others"},
		`"routes": [{"dst": "2001:db8::/32"}]`:                                     {"2001:db8::/32", "no gateway"},
	} {
		p := n.newPod(t, "p")
		_, fault := n.Add(t, p.call("eth0", conf(fakeBlock+", "+members)))
		wantFault(t, fault, 7, words...)
		expect(t, "verbs", f.verbs(t), "ADD DEL")
		p.onlyLoopback(t)
		closeNS(t, p)
	}
}

// TestIPAMPluginStderr goes to the plugin's own.
func TestIPAMPluginStderr(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	f := n.newFake(t, "echo words of $CNI_COMMAND >&2; "+give)
	log := filepath.Join(f.dir, "log")
	n.Plugin = n.Wrap("sh", "-c", fmt.Sprintf(`exec "$0" 2>>%q`, log))
	n.newPod(t, "p").add(t, "eth0", conf(fakeBlock)).del()
	expect(t, "stderr", f.said(t, "log"), "words of ADD\nwords of CHECK\nwords of DEL")
}

// TestIPAMPluginHangs: as long as the runtime waits. When it kills ADD, the
// plugin dies too; a DEL then cleans up and lets the plugin give back.
func TestIPAMPluginHangs(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	f := n.newFake(t, `[ $CNI_COMMAND = ADD ] || exit 0; echo $PPID $$ >$dir/new; mv $dir/new $dir/pids; exec sleep 1000`)
	p := n.newPod(t, "p")
	call := p.call("eth0", conf(fakeBlock))
	done := n.beside(cni.ADD, call)
	waitFor(t, "the plugin to hang", func() bool { return f.said(t, "pids") != "" })
	pids := strings.Fields(f.said(t, "pids"))
	broker, _ := strconv.Atoi(pids[0])
	its, _ := strconv.Atoi(pids[1])
	ours := parentOf(t, broker)
	if err := unix.Kill(its, 0); err != nil {
		t.Fatalf("the plugin does not hang: %v", err)
	}
	if err := unix.Kill(ours, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if fault := <-done; !fault.Killed() {
		t.Fatalf("ADD ended with %s", fault)
	}
	waitFor(t, "the plugin's death", func() bool {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", its))
		return err != nil || strings.Contains(string(state), ") Z ") // nobody's child may wait for init
	})
	expect(t, "verbs", f.verbs(t), "ADD")
	call.Netns = ""
	if fault := n.Del(t, call); fault != nil {
		t.Errorf("DEL: %s", fault)
	}
	expect(t, "verbs", f.verbs(t), "DEL")
	n.noVMLinks(t)
	p.onlyLoopback(t)
}

// parentOf is the process that a process is a child of.
func parentOf(t *testing.T, pid int) int {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // after the name, which may hold anything
	parent, err := strconv.Atoi(strings.Fields(rest)[1])
	if err != nil {
		t.Fatal(err)
	}
	return parent
}

// TestIPAMPluginMissing: nothing is changed. DEL deletes the links all the
// same, and then says what it could not do.
func TestIPAMPluginMissing(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	p := n.newPod(t, "p")
	before := takeAll(t, n.NS, p.NS)
	_, fault := n.Add(t, p.call("eth0", conf(fakeBlock)))
	wantFault(t, fault, 7, "IPAM plugin", "fake", "CNI_PATH", "install it")
	before.wantSame(t)
	wantFault(t, n.Status(t, statusConf(fakeBlock)), 50, "fake")

	f := n.newFake(t, give)
	a := p.add(t, "eth0", conf(fakeBlock))
	if err := os.Chmod(filepath.Join(f.dir, "fake"), 0o644); err != nil {
		t.Fatal(err)
	}
	wantFault(t, n.Check(t, a.call), 7, "fake")
	wantFault(t, n.Del(t, a.call), 7, "IPAM plugin", "fake")
	n.noVMLinks(t)
	if err := os.Chmod(filepath.Join(f.dir, "fake"), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	a.del()
	expect(t, "verbs", f.verbs(t), "ADD CHECK DEL")
}
