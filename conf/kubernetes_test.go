package conf_test

import (
	"encoding/json"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/vmtap/vmtap/pkg/install"
)

// daemonSet is the manifest, of which each key is one that Kubernetes has.
func daemonSet(t *testing.T) *appsv1.DaemonSet {
	t.Helper()
	text, err := os.ReadFile("kubernetes/daemonset.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d appsv1.DaemonSet
	if err := yaml.UnmarshalStrict(text, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

// TestDaemonSet: it is one that the API server takes, and has no right but those that
// docs/install.md names.
func TestDaemonSet(t *testing.T) {
	d := daemonSet(t)
	if d.APIVersion != "apps/v1" || d.Kind != "DaemonSet" {
		t.Errorf("it is a %s of %s", d.Kind, d.APIVersion)
	}
	for key, value := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Labels[key] != value {
			t.Errorf("its own pods have not the label %s=%s", key, value)
		}
	}
	pod := d.Spec.Template.Spec
	if len(pod.Containers) != 1 || len(pod.InitContainers) != 0 {
		t.Fatalf("%d containers", len(pod.Containers))
	}
	c := pod.Containers[0]
	s := c.SecurityContext
	if s.Privileged != nil || *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || pod.HostPID || pod.HostIPC ||
		*pod.AutomountServiceAccountToken || pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
		t.Errorf("the security context is %+v", s)
	}
	if drop := s.Capabilities.Drop; !slices.Equal(drop, []corev1.Capability{"ALL"}) {
		t.Errorf("it drops %v", drop)
	}
	if add := s.Capabilities.Add; !slices.Equal(add, []corev1.Capability{"NET_ADMIN", "NET_RAW"}) {
		t.Errorf("it adds %v", add)
	}
	// What the programs expect there are the node's own paths.
	page, err := os.ReadFile("../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	volumes := map[string]corev1.Volume{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = v
	}
	for _, m := range c.VolumeMounts {
		host := volumes[m.Name].HostPath
		delete(volumes, m.Name)
		if host == nil {
			continue
		}
		access := "reading and writing"
		if m.ReadOnly {
			access = "reading"
		}
		if host.Path != m.MountPath {
			t.Errorf("%s of the node is %s in the container", host.Path, m.MountPath)
		}
		if row := "| `" + host.Path + "` | " + access + " |"; !strings.Contains(string(page), row) {
			t.Errorf("docs/install.md lacks %s", row)
		}
	}
	if len(volumes) > 0 {
		t.Errorf("not used: %v", volumes)
	}
	for _, probe := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
		get := probe.HTTPGet
		if get.Path != "/healthz" || !slices.Contains(c.Args, "-metrics="+get.Host+":"+get.Port.String()) {
			t.Errorf("the probe asks %+v, the arguments are %q", get, c.Args)
		}
	}
}

// TestKustomization: it names files that are there, and what the manifest asks for. Its
// configuration is one that the installer takes.
func TestKustomization(t *testing.T) {
	text, err := os.ReadFile("kubernetes/kustomization.yaml")
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		t.Fatal(err)
	}
	// These are the keys of kustomize's types that it uses.
	var k struct {
		APIVersion, Kind, Namespace string
		Resources                   []string
		Images                      []struct{ Name, NewName, NewTag string }
		ConfigMapGenerator          []struct {
			Name  string
			Files []string
		}
	}
	decoder := json.NewDecoder(strings.NewReader(string(asJSON)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&k); err != nil {
		t.Fatal(err)
	}
	if k.APIVersion != "kustomize.config.k8s.io/v1beta1" || k.Kind != "Kustomization" || !slices.Equal(k.Resources, []string{"daemonset.yaml"}) {
		t.Errorf("%+v", k)
	}
	pod := daemonSet(t).Spec.Template.Spec
	c := pod.Containers[0]
	if len(k.Images) != 1 || k.Images[0].Name != c.Image {
		t.Errorf("images %+v, the manifest's is %s", k.Images, c.Image)
	}
	var wanted []string
	for _, v := range pod.Volumes {
		if v.ConfigMap != nil {
			wanted = append(wanted, v.ConfigMap.Name)
		}
	}
	if len(k.ConfigMapGenerator) != 1 || !slices.Equal(wanted, []string{k.ConfigMapGenerator[0].Name}) || len(k.ConfigMapGenerator[0].Files) != 1 {
		t.Fatalf("ConfigMaps %+v, the manifest wants %v", k.ConfigMapGenerator, wanted)
	}
	file := k.ConfigMapGenerator[0].Files[0]
	if want := "-conf=" + path.Join(c.VolumeMounts[0].MountPath, file); c.VolumeMounts[0].Name != "conf" || !slices.Contains(c.Args, want) {
		t.Errorf("the arguments are %q, want %s", c.Args, want)
	}
	if _, err := install.ReadConf("kubernetes/"+file, "/etc/cni/net.d"); err != nil {
		t.Error(err)
	}
}
