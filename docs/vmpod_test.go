package docs

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/pkg/plan"
)

// The page about a VM as a pod. test/e2e runs the files that it shows.

const (
	vmPod   = "vm-pod.md"
	vmImage = "../hack/vm-image/"
)

// TestVMPodFiles: the page shows the files as they are.
func TestVMPodFiles(t *testing.T) {
	page := read(t, vmPod)
	for language, file := range map[string]string{
		"dockerfile": vmImage + "Dockerfile",
		"yaml":       vmImage + "pod.yaml",
		"json":       "../conf/21-vm-pod.conflist",
	} {
		i := slices.IndexFunc(blocks(page), func(b block) bool { return b.language == language })
		if i < 0 {
			t.Errorf("the page does not show %s", file)
		} else if diff := cmp.Diff(read(t, file), blocks(page)[i].text); diff != "" {
			t.Errorf("-%s +page:\n%s", file, diff)
		}
		if !strings.Contains(page, "](../"+strings.TrimPrefix(file, "../")+")") {
			t.Errorf("the page has no link to %s", file)
		}
	}
}

// TestVMPodManifest: the pod's manifest says what the files for crictl say.
func TestVMPodManifest(t *testing.T) {
	var sandbox struct {
		Metadata struct{ Name string }
	}
	type number struct{ Value int }
	var c struct {
		Metadata struct{ Name string }
		Image    struct{ Image string }
		Envs     []struct{ Key, Value string }
		Devices  []struct {
			Path string `json:"host_path"`
		}
		Linux struct {
			Resources struct {
				Memory int `json:"memory_limit_in_bytes"`
			}
			Security struct {
				User         number `json:"run_as_user"`
				Group        number `json:"run_as_group"`
				NoNewPrivs   bool   `json:"no_new_privs"`
				ReadOnly     bool   `json:"readonly_rootfs"`
				Capabilities struct {
					Drop []string `json:"drop_capabilities"`
				}
			} `json:"security_context"`
		}
	}
	for file, v := range map[string]any{"sandbox.json": &sandbox, "container.json": &c} {
		if err := json.Unmarshal([]byte(read(t, vmImage+file)), v); err != nil {
			t.Fatal(err)
		}
	}
	security := c.Linux.Security
	want := []string{
		"metadata:\n  name: " + sandbox.Metadata.Name,
		"- name: " + c.Metadata.Name,
		"image: " + c.Image.Image,
		"path: " + c.Devices[0].Path,
		fmt.Sprintf("memory: %dMi", c.Linux.Resources.Memory>>20),
		fmt.Sprint("runAsUser: ", security.User.Value),
		fmt.Sprint("runAsGroup: ", security.Group.Value),
		fmt.Sprint("allowPrivilegeEscalation: ", !security.NoNewPrivs),
		fmt.Sprint("readOnlyRootFilesystem: ", security.ReadOnly),
		fmt.Sprintf("drop: %q", security.Capabilities.Drop),
		"- name: " + c.Envs[0].Key + "\n          valueFrom:\n            fieldRef:\n              fieldPath: status.podIPs\n",
		"- name: " + c.Envs[1].Key + "\n          value: " + c.Envs[1].Value + "\n",
	}
	for _, line := range want {
		if !strings.Contains(read(t, vmImage+"pod.yaml"), line) {
			t.Errorf("pod.yaml lacks %q", line)
		}
	}
	var l list
	if err := json.Unmarshal([]byte(read(t, "../conf/21-vm-pod.conflist")), &l); err != nil {
		t.Fatal(err)
	}
	if tap, _ := l.Plugins[0]["tap"].(map[string]any); tap["uid"] != float64(security.User.Value) {
		t.Errorf("the tap is for %v, the container runs as %d", tap, security.User.Value)
	}
}

// TestVMPodAddresses: the addresses on the page are those that vmtap gives to
// the pod web.
func TestVMPodAddresses(t *testing.T) {
	var l list
	if err := json.Unmarshal([]byte(read(t, "../conf/21-vm-pod.conflist")), &l); err != nil {
		t.Fatal(err)
	}
	req, err := parse(l.Plugins[0], "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=web")
	if err != nil {
		t.Fatal(err)
	}
	claim, err := plan.Choose(&req, "bridge0", func(...string) (map[string]plan.Found, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	state, err := plan.New(&req, &plan.Node{}, claim)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{state.Guest.Addrs.Guest4.String(), state.Guest.Addrs.Guest6.String()}
	page := read(t, vmPod)
	for _, line := range []string{"guest: " + strings.Join(want, ", "), "s/@POD_IPS@/" + strings.Join(want, ",") + "/", "curl http://" + want[0] + "/"} {
		if !strings.Contains(page, line) {
			t.Errorf("the page lacks %q", line)
		}
	}
}

// TestVMPodScript: the page has each variable that the image's script reads, with
// its default, and each message.
func TestVMPodScript(t *testing.T) {
	page, script := read(t, vmPod), read(t, vmImage+"start")
	var want, have []string
	for _, m := range regexp.MustCompile(`(?m)\bdie "(.*)"`).FindAllStringSubmatch(script, -1) {
		want = append(want, m[1])
	}
	_, own, _ := strings.Cut(section(t, page, "## When it does not work"), "What this image's script says:")
	for _, r := range rows(t, own, "message") {
		have = append(have, spans(r[0])...)
	}
	slices.Sort(want)
	slices.Sort(have)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("messages: -script +page:\n%s", diff)
	}

	used := map[string]bool{}
	for _, m := range regexp.MustCompile(`\$\{?(POD_IPS|VM_[A-Z]+)`).FindAllStringSubmatch(script, -1) {
		used[m[1]] = true
	}
	for _, r := range rows(t, section(t, page, "## The image"), "variable") {
		name := spans(r[0])[0]
		if !used[name] {
			t.Errorf("the script does not read %s", name)
		}
		delete(used, name)
		if value := strings.Trim(r[2], "`"); isNumber(value) && !strings.Contains(script, "${"+name+":-"+value+"}") {
			t.Errorf("%s: %s is not the default", name, value)
		}
	}
	for name := range used {
		t.Errorf("the page lacks %s", name)
	}
}

func isNumber(s string) bool {
	_, err := strconv.Atoi(s)
	return err == nil
}

// TestVMPodCommands: the commands for those without Kubernetes are those that
// the demo runs.
func TestVMPodCommands(t *testing.T) {
	demo := read(t, "../hack/demo-pod.sh")
	found := 0
	for _, m := range regexp.MustCompile(`(?m)^    (?:\w+=\$\()?(crictl \w+|ctr -n k8s.io images import)`).FindAllStringSubmatch(section(t, read(t, vmPod), "## Without Kubernetes"), -1) {
		found++
		if !strings.Contains(demo, m[1]) {
			t.Errorf("the demo does not run %s", m[1])
		}
	}
	if found != 10 {
		t.Errorf("%d commands", found)
	}
}
