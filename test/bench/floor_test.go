package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/netns"
)

// floor is the contestant that makes the kernel calls of the main one's ADD and
// nothing else.
func (t *tools) floor(b *testing.B) *contestant {
	b.Helper()
	return t.replay(b, t.vmtap(b, floorName, vmtapConf(onSwitch)))
}

// replay is the contestant that makes the kernel calls of another's ADD, on the
// same node, and nothing else. An ADD is recorded and taken back; what is replayed
// then is the same ADD, to the ifindexes.
func (t *tools) replay(b *testing.B, of *contestant) *contestant {
	b.Helper()
	plugin, call := of.plugin, of.call
	pod := netns.At(b, call.Netns)
	trace := filepath.Join(b.TempDir(), "trace")
	result, fault := plugin.Wrap("strace", "-f", "-o", trace,
		"-e", "trace=socket,sendto,fcntl,ioctl,openat", "-e", "raw=sendto", "-e", "write=all").Add(b, call)
	if fault != nil {
		b.Fatal(fault)
	}
	var links []struct {
		IfIndex int `json:"ifindex"`
	}
	if err := json.Unmarshal([]byte(pod.Run(b, "ip", "-j", "link", "show", "dev", call.IfName)), &links); err != nil || len(links) != 1 {
		b.Fatalf("the tap's ifindex: %v, %v", links, err)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		b.Fatal(err)
	}
	script := composeScript(b, string(text), call, links[0].IfIndex) + fmt.Sprintf("result %x\n", result)
	del := func() error {
		_, fault, err := plugin.Invoke(cni.DEL, call)
		if fault != nil {
			return errors.New(fault.Msg)
		}
		return err
	}
	if err := del(); err != nil {
		b.Fatal(err)
	}
	replayed := &cni.Plugin{Bin: t.floorBin, Node: plugin.Node}
	replay := cni.Call{Conf: script}
	if _, fault, err := replayed.Invoke(cni.ADD, replay); fault != nil || err != nil {
		b.Fatalf("replay an ADD: %v %v", fault, err)
	}
	if fault := plugin.Check(b, call.With(result)); fault != nil {
		b.Fatalf("a replayed ADD is not what was recorded: %v", fault)
	}
	if err := del(); err != nil {
		b.Fatal(err)
	}
	return &contestant{
		name: of.name, verbs: []string{cni.ADD}, tools: t, call: replay, undo: del, plugin: replayed,
	}
}

// composeScript makes floor's script of strace's words.
func composeScript(b *testing.B, trace string, call cni.Call, tap int) string {
	b.Helper()
	var (
		script  strings.Builder
		sockets []string // descriptors, the host's first
		line    = regexp.MustCompile(`^\d+ +(\w+)\((.*)`)
		send    = regexp.MustCompile(`^0x([0-9a-f]+),`)
		lock    = regexp.MustCompile(`F_OFD_SETLK, .*l_type=F_(WR|UN)LCK.*l_start=(\d+)`)
		answer  = regexp.MustCompile(`= (\d+)$`)
		resumed = regexp.MustCompile(`<\.\.\. (socket|openat) resumed>.*= (\d+)$`)
		netns   = fmt.Sprintf("netns %s ", call.Netns)
		pending = "" // which call's answer is on a line of its own
		where   = "" // whose messages are dumped
		dumping = false
	)
	for text := range strings.Lines(trace) {
		text = strings.TrimSuffix(text, "\n")
		note := func(what, fd string) {
			if what == "socket" {
				sockets = append(sockets, fd)
			} else {
				script.WriteString(netns + fd + "\n")
			}
		}
		if m := resumed.FindStringSubmatch(text); m != nil && m[1] == pending {
			note(m[1], m[2])
			pending = ""
			continue
		}
		if strings.HasPrefix(text, " | ") && where != "" { // a line of a dump: 16 bytes, and the same as text
			if !dumping {
				script.WriteString(where + " ")
			}
			script.WriteString(strings.ReplaceAll(text[10:59], " ", ""))
			dumping = true
			continue
		}
		if dumping {
			script.WriteString("\n")
			where, dumping = "", false
		}
		m := line.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		switch what, args := m[1], m[2]; {
		case what == "socket" && strings.Contains(args, "NETLINK_ROUTE"), what == "openat" && strings.Contains(args, call.Netns):
			if a := answer.FindStringSubmatch(args); a != nil {
				note(what, a[1])
			} else {
				pending = what
			}
		case what == "sendto":
			s := send.FindStringSubmatch(args)
			fd, err := strconv.ParseUint(s[1], 16, 32)
			if err != nil {
				b.Fatalf("read a trace: %s", text)
			}
			where = "pod"
			if strconv.FormatUint(fd, 10) == sockets[0] {
				where = "host"
			}
		case what == "fcntl":
			if l := lock.FindStringSubmatch(args); l != nil {
				fmt.Fprintf(&script, "%s %s\n", map[string]string{"WR": "lock", "UN": "unlock"}[l[1]], l[2])
			}
		case what == "ioctl" && strings.Contains(args, "TUNSETIFF"):
			fmt.Fprintf(&script, "tap %s %s\n", call.IfName, strconv.Itoa(tap))
		case what == "ioctl" && strings.Contains(args, "TUNSETPERSIST"):
			script.WriteString("persist\n")
		}
	}
	return script.String()
}
