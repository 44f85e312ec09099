package e2e

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/vmtap/vmtap/test/cni"
)

// cluster is a node with Multus, and what Multus asks of a cluster's API server:
// pods with their annotations, and NetworkAttachmentDefinitions. That is answered
// from memory.
type cluster struct {
	*node
	multus *cni.Plugin
	conf   string // Multus' own
	dir    string // where Multus keeps what it did

	mu       sync.Mutex
	pods     map[string]map[string]string // annotations, by namespace/name
	networks map[string]string            // configurations, by namespace/name
}

// Annotations of pods.
const (
	networksAnnotation = "k8s.v1.cni.cncf.io/networks"
	statusAnnotation   = "k8s.v1.cni.cncf.io/network-status"
)

// newCluster is a node whose pods have eth0 of this network. It has a bridge,
// and host-local's leases are the test's own.
func newCluster(t *testing.T, eth0 string) *cluster {
	t.Helper()
	wantsNoVRF(t)
	n := newNode(t)
	c := &cluster{node: n, dir: t.TempDir(), pods: map[string]map[string]string{}, networks: map[string]string{}}
	dirs := []string{filepath.Dir(n.Bin), cni.Reference(t, source, "multus"), cni.Reference(t, source, "bridge"), cni.Reference(t, source, "host-local")}
	multus := &cni.Plugin{Bin: filepath.Join(dirs[1], "multus"), Node: n.NS, Path: strings.Join(dirs, ":")}
	c.multus = multus.Wrap("sh", "-c", `exec "$0" 2>/dev/null`) // it logs events
	files := filepath.Join(c.dir, "net.d")
	if err := os.Mkdir(files, 0o700); err != nil {
		t.Fatal(err)
	}
	kubeconfig := filepath.Join(c.dir, "kubeconfig")
	write(t, kubeconfig, fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
		"users": [{"name": "u", "user": {}}],
		"clusters": [{"name": "c", "cluster": {"server": "http://%s"}}]}`, c.serve(t)))
	c.conf = fmt.Sprintf(`{"cniVersion": "1.0.0", "name": "multus-cni-network", "type": "multus", "cniDir": %q, "binDir": %q,
		"confDir": %q, "kubeconfig": %q, "logToStderr": false, "delegates": [%s]}`, c.dir, dirs[0], files, kubeconfig, eth0)
	return c
}

// serve answers in the node's namespace, and returns the address.
func (c *cluster) serve(t *testing.T) string {
	t.Helper()
	var l net.Listener
	var err error
	c.Do(func() { l, err = net.Listen("tcp", "127.0.0.1:0") })
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/{ns}/pods/{name}", c.getPod)
	mux.HandleFunc("PUT /api/v1/namespaces/{ns}/pods/{name}/status", c.putStatus)
	mux.HandleFunc("GET /apis/k8s.cni.cncf.io/v1/namespaces/{ns}/network-attachment-definitions/{name}", c.getNetwork)
	mux.HandleFunc("POST /api/v1/namespaces/{ns}/events", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusCreated, map[string]any{"apiVersion": "v1", "kind": "Event"})
	})
	server := &http.Server{Handler: mux} //nolint:gosec // it serves one program
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func reply(w http.ResponseWriter, status int, object map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object) // who asked is gone
}

// object answers with an object of Kubernetes, or that there is none.
func object(w http.ResponseWriter, r *http.Request, found bool, version, kind string, annotations map[string]string, spec any) {
	name := r.PathValue("name")
	if !found {
		reply(w, http.StatusNotFound, map[string]any{"apiVersion": "v1", "kind": "Status", "status": "Failure", "reason": "NotFound", "code": http.StatusNotFound, "message": name + " not found"})
		return
	}
	reply(w, http.StatusOK, map[string]any{"apiVersion": version, "kind": kind, "spec": spec, "metadata": map[string]any{
		"name": name, "namespace": r.PathValue("ns"), "uid": "uid-" + name, "annotations": annotations,
	}})
}

func named(r *http.Request) string { return r.PathValue("ns") + "/" + r.PathValue("name") }

func (c *cluster) getPod(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	annotations, ok := c.pods[named(r)]
	object(w, r, ok, "v1", "Pod", annotations, map[string]any{})
}

func (c *cluster) getNetwork(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	config, ok := c.networks[named(r)]
	object(w, r, ok, "k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition", nil, map[string]any{"config": config})
}

// putStatus keeps the annotation that Multus puts to the pod. The pod comes as
// protobuf, in which a map's entry is its key and then, by its length, its value.
func (c *cluster) putStatus(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	annotations, ok := c.pods[named(r)]
	if _, rest, found := strings.Cut(string(body), statusAnnotation+"\x12"); ok && found {
		length, n := binary.Uvarint([]byte(rest))
		annotations[statusAnnotation] = rest[n : n+int(length)] //nolint:gosec // of a body that was read
	}
	object(w, r, ok, "v1", "Pod", annotations, map[string]any{})
}

// nad is a NetworkAttachmentDefinition, as people write it.
type nad struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct{ Config string }
}

// readYAML reads the documents of a file in conf, in which every key must be known.
func readYAML[T any](t *testing.T, file string) []T {
	t.Helper()
	text, err := os.ReadFile(source + "/conf/" + file)
	if err != nil {
		t.Fatal(err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	var all []T
	for {
		var v T
		err := d.Decode(&v)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = append(all, v)
	}
}

// defineAll makes the NetworkAttachmentDefinitions of a file in conf.
func (c *cluster) defineAll(t *testing.T, file string) {
	t.Helper()
	for _, n := range readYAML[nad](t, file) {
		expect(t, "kind", n.APIVersion+" "+n.Kind, "k8s.cni.cncf.io/v1 NetworkAttachmentDefinition")
		c.define("default/"+n.Metadata.Name, n.Spec.Config)
	}
}

// define makes a NetworkAttachmentDefinition.
func (c *cluster) define(name, config string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.networks[name] = config
}

// annotate makes a pod of the cluster, or changes its networks.
func (c *cluster) annotate(name, networks string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pods[name] == nil {
		c.pods[name] = map[string]string{}
	}
	c.pods[name][networksAnnotation] = networks
}

// status is what Multus says of a pod's networks.
func (c *cluster) status(t *testing.T, name string) []networkStatus {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []networkStatus
	if err := json.Unmarshal([]byte(c.pods[name][statusAnnotation]), &all); err != nil {
		t.Fatalf("read %q: %v", c.pods[name][statusAnnotation], err)
	}
	return all
}

type networkStatus struct {
	Name, Interface, MAC string
	IPs                  []string
	Default              bool
}

// clusterPod is a pod of the cluster, with a sandbox.
type clusterPod struct {
	*pod
	cluster *cluster
	name    string // namespace/name
}

// newClusterPod makes a pod with networks, and its sandbox.
func (c *cluster) newClusterPod(t *testing.T, id, name, networks string) *clusterPod {
	t.Helper()
	c.annotate(name, networks)
	return &clusterPod{c.newPod(t, id), c, name}
}

// call is what containerd says to Multus.
func (p *clusterPod) call() cni.Call {
	namespace, name, _ := strings.Cut(p.name, "/")
	return cni.Call{ContainerID: p.id, IfName: "eth0", Netns: p.Path(), Conf: p.cluster.conf, Args: fmt.Sprintf(
		"IgnoreUnknown=1;K8S_POD_NAMESPACE=%s;K8S_POD_NAME=%s;K8S_POD_INFRA_CONTAINER_ID=%s;K8S_POD_UID=uid-%s", namespace, name, p.id, name)}
}

// addAll has Multus add all networks.
func (p *clusterPod) addAll(t *testing.T) {
	t.Helper()
	if _, fault := p.cluster.multus.Add(t, p.call()); fault != nil {
		t.Fatalf("ADD by Multus: %s", fault)
	}
}

// delAll has Multus delete all networks, and demands that nothing is left of them in the pod.
func (p *clusterPod) delAll(t *testing.T) {
	t.Helper()
	if fault := p.cluster.multus.Del(t, p.call()); fault != nil {
		t.Fatalf("DEL by Multus: %s", fault)
	}
	p.onlyLoopback(t)
}

// cached is what Multus keeps of an attachment, by libcni.
type cached struct {
	IfName         string          `json:"ifName"`
	Result         json.RawMessage `json:"result"`
	Config         []byte          `json:"config"`
	Args           [][2]string     `json:"cniArgs"`
	CapabilityArgs map[string]any  `json:"capabilityArgs"`
}

// cached is what Multus called a plugin with, and what that answered.
func (p *clusterPod) cached(t *testing.T, network, ifName string) cached {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.cluster.dir, "results", fmt.Sprintf("%s-%s-%s", network, p.id, ifName)))
	if err != nil {
		t.Fatal(err)
	}
	var c cached
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// attached is an attachment that Multus made.
func (p *clusterPod) attached(t *testing.T, network, ifName string) *attachment {
	t.Helper()
	call := cni.Call{ContainerID: p.id, IfName: ifName, Netns: p.Path()}
	return &attachment{t, p.cluster.node, call, cni.ParseResult(t, p.cached(t, network, ifName).Result)}
}
