package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
)

// TestAllow: of a pod each choice is refused that is not listed, and what is
// given as the default of each key of allow is what holds without it.
func TestAllow(t *testing.T) {
	d := describe()
	const pod = "K8S_POD_NAMESPACE=default;K8S_POD_NAME=web"
	choice := map[string]string{
		"vmid": "5", "rdomain": "10", "group": `"web"`, "lladdr": `"02:00:00:00:00:02"`, "switch": `"bridge1"`, "name": `"db1"`,
	}
	for _, k := range d.of("allow") {
		chosen := fmt.Sprintf(`"args": {"cni": {"vmtap": {%q: %s}}}`, k.name, choice[k.name])
		if choice[k.name] == "" {
			t.Errorf("%s: what does it allow?", k.path())
		}
		refused := func(have string) string {
			return fmt.Sprintf("choose args.cni.vmtap.%s %s: not allowed, allow.%s %s", k.name, choice[k.name], k.name, have)
		}
		_, err := call{chosen, pod}.parse()
		if k.def == "true" {
			if err != nil {
				t.Errorf("%s: said to be allowed, but %v", k.path(), err)
			}
			wantRefused(t, call{d.with(k, "false") + ", " + chosen, pod}, codeValue, refused("is false"))
			continue
		}
		wantRefused(t, call{chosen, pod}, codeValue, refused("is not given"))
		if _, err := (call{d.with(k, k.examples[0]) + ", " + chosen, pod}).parse(); err != nil {
			t.Errorf("%s: %v", k.path(), err)
		}
		if _, err := (call{chosen, ""}).parse(); err != nil {
			t.Errorf("%s: asked of the operator: %v", k.path(), err)
		}
	}
	multiqueue := call{`"args": {"cni": {"vmtap": {"multiqueue": true}}}`, pod}
	if _, err := multiqueue.parse(); err != nil {
		t.Errorf("multiqueue: said not to be asked about, but %v", err)
	}
}

// TestValidAttachments: GC's list is as the page says.
func TestValidAttachments(t *testing.T) {
	for _, key := range []string{"cni.dev/valid-attachments", "cni.dev/attachments"} {
		if !strings.Contains(specIntro, "`"+key+"`") {
			t.Errorf("the page lacks %s", key)
		}
		for value, want := range map[string]config.Collection{
			`[{"containerID": "c", "ifname": "eth0"}]`: {Known: true, Valid: []config.Attachment{{Network: "vmnet", ContainerID: "c", IfName: "eth0"}}},
			`[]`:   {Known: true},
			`null`: {},
		} {
			got, err := config.ParseCollection(config.Input{Stdin: []byte(block(fmt.Sprintf("%q: %s", key, value)))})
			if err != nil || got.Known != want.Known || fmt.Sprint(got.Valid) != fmt.Sprint(want.Valid) {
				t.Errorf("%s %s: got %+v, %v", key, value, got, err)
			}
		}
	}
}
