package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
)

// Asking pkg/config.

// call is one call of ADD: members of the plugin block, and CNI_ARGS.
type call struct{ members, args string }

// parse has pkg/config read a call.
func (c call) parse() (config.Request, error) {
	return config.Parse(config.Input{
		Stdin:       []byte(block(c.members)),
		ContainerID: "b1946ac92492",
		IfName:      "eth0",
		Netns:       "/run/netns/web",
		Args:        c.args,
		MachineID:   func() (string, error) { return "4a1f0ac5a2b14c2e8d6c5b7a90e1f233", nil },
	})
}

// block returns a plugin block with these members, and those that libcni puts
// there; in placement chained an earlier plugin's result is one.
func block(members string) string {
	given := map[string]any{}
	_ = json.Unmarshal([]byte("{"+members+"}"), &given) // a mistake shows when it is parsed
	var all []string
	for _, m := range [][2]string{{"cniVersion", "1.0.0"}, {"name", "vmnet"}, {"type", "vmtap"}} {
		if _, ok := given[m[0]]; !ok {
			all = append(all, fmt.Sprintf("%q: %q", m[0], m[1]))
		}
	}
	if _, ok := given["prevResult"]; !ok && given["placement"] == "chained" {
		all = append(all, `"prevResult": {}`)
	}
	if members != "" {
		all = append(all, members)
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// call returns the call with a value at a key's place. Of annotations and
// variables the value is as it is written, else it is JSON.
func (d table) call(k key, value string) call {
	switch k.origin {
	case inVariable:
		return call{k.beside, d.with(k, value)}
	case inAnnotation:
		value = quoted(value)
	}
	members := d.with(k, value)
	if k.beside != "" {
		members = k.beside + ", " + members
	}
	return call{members, ""}
}

// refusal returns the call that a refusal is about.
func (d table) refusal(k key, r refusal) call {
	if r.members != "" || r.args != "" {
		return call{r.members, r.args}
	}
	return d.call(k, r.value)
}

// written returns a string as a key's value is written.
func (k key) written(s string) string {
	if k.origin == inVariable || k.origin == inAnnotation {
		return s
	}
	return quoted(s)
}

// inMessage is the path that messages have for a key whose value is that of
// the template.
func (k key) inMessage() string {
	return strings.NewReplacer("[]", "[0]", "<group>", "web").Replace(k.path())
}

// shown is a value as messages show it: strings quoted and cut.
func shown(s string) string {
	if r := []rune(s); len(r) > 64 {
		return strconv.Quote(string(r[:64])) + "..."
	}
	return strconv.Quote(s)
}

// code is the code for a wrong value of a key.
func (k key) code() config.Code {
	if k.origin == inVariable {
		return codeArgs
	}
	return codeValue
}

// wantRefused fails unless a call is refused with exactly this code and
// message.
func wantRefused(t *testing.T, c call, code config.Code, message string) {
	t.Helper()
	_, err := c.parse()
	var e *config.Error
	if !errors.As(err, &e) || e.Code != code || e.Error() != message {
		t.Errorf("%s %s:\ngot  %v\nwant %v (code %d)", c.members, c.args, err, message, code)
	}
}

// wantAccepted fails unless a key's value is accepted, or, if the key is not
// supported yet and the value is none of those that are, refused as such.
func (d table) wantAccepted(t *testing.T, k key, value string) {
	t.Helper()
	c := d.call(k, value)
	_, err := c.parse()
	late, ok := d.postponed(k)
	if !ok || k.later != nil && k.later.accepts(value) {
		if err != nil {
			t.Errorf("%s %s: %v", c.members, c.args, err)
		}
		return
	}
	switch message := fmt.Sprint(err); {
	case err == nil:
		t.Errorf("%s %s: supported now, drop the line \"later\" of %s", c.members, c.args, late.path())
	case !strings.HasPrefix(message, "use "+late.inMessage()+" ") || !strings.HasSuffix(message, ": not supported yet"):
		t.Errorf("%s %s: got %v, want that %s is not supported yet", c.members, c.args, err, late.path())
	}
}

// accepts reports whether a value is accepted already.
func (l *later) accepts(value string) bool {
	for _, a := range l.accepted {
		if a == value {
			return true
		}
	}
	return false
}
