package cri

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// KubeletPod is what a kubelet tells of a pod.
type KubeletPod struct {
	Metadata struct {
		Name, Namespace, UID string
	}
	Status struct {
		PodIP      string
		PodIPs     []struct{ IP string }
		Conditions []struct{ Type, Status string }

		ContainerStatuses []struct {
			ContainerID  string
			RestartCount int
			Ready        bool
			State        struct {
				Running *struct{} // nil unless it runs
			}
		}
	}
}

// Ready reports whether the pod's condition Ready is true.
func (p *KubeletPod) Ready() bool {
	for _, c := range p.Status.Conditions {
		if c.Type == "Ready" {
			return c.Status == "True"
		}
	}
	return false
}

// Running reports whether all of the pod's containers run.
func (p *KubeletPod) Running() bool {
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Running == nil {
			return false
		}
	}
	return len(p.Status.ContainerStatuses) > 0
}

// IPs are the pod's addresses as Services and other pods learn them, in the kubelet's order.
func (p *KubeletPod) IPs() []string {
	all := []string{}
	for _, ip := range p.Status.PodIPs {
		all = append(all, ip.IP)
	}
	return all
}

// Pods are the pods that the kubelet tells of, by their names. It is an error if it does not answer.
func (k *Kubelet) Pods(ctx context.Context) (map[string]*KubeletPod, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d/pods", readOnlyPort), nil)
	if err != nil {
		return nil, err
	}
	answer, err := (&http.Client{Transport: &http.Transport{DialContext: k.m.NS.DialContext, DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the kubelet answers %s", answer.Status)
	}
	var list struct{ Items []*KubeletPod }
	if err := json.NewDecoder(answer.Body).Decode(&list); err != nil {
		return nil, err
	}
	pods := map[string]*KubeletPod{}
	for _, p := range list.Items {
		pods[p.Metadata.Name] = p
	}
	return pods, nil
}

// WritePod gives the kubelet a pod by a file, which is whole when the kubelet sees it.
func (k *Kubelet) WritePod(t testing.TB, name, manifest string) {
	t.Helper()
	if err := os.WriteFile(k.path("pod"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(k.path("pod"), k.podFile(name)); err != nil {
		t.Fatal(err)
	}
}

// RemovePod removes the pod's file, and with it the pod.
func (k *Kubelet) RemovePod(t testing.TB, name string) {
	t.Helper()
	if err := os.Remove(k.podFile(name)); err != nil {
		t.Fatal(err)
	}
}

func (k *Kubelet) podFile(name string) string { return filepath.Join(k.path("pods"), name+".yaml") }
