package config

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Keys of runtimeConfig, each also the name of its capability.
const (
	runtimeMAC         = "mac"
	runtimeIPs         = "ips"
	runtimeBandwidth   = "bandwidth"
	runtimeAnnotations = "io.kubernetes.cri.pod-annotations"
)

// Annotations of the pod: ours, and KubeVirt's name of the VM.
const (
	annotationPrefix   = "vmtap.dev/"
	annotationKubeVirt = "kubevirt.io/domain"
)

// runtimeConfig is what stands in the key of that name, zero for what does not.
type runtimeConfig struct {
	lladdr       vmid.LLAddr
	ips          []netip.Prefix
	bandwidth    Bandwidth
	annotations  *fields // ours, the prefix cut off
	kubevirtName string
}

// readRuntime reads runtimeConfig. A runtime sends only what capabilities
// declare, so what is there without is not looked at. The specification has the
// runtime take the capabilities out of the request; libcni leaves them in. Where
// there are none all was declared.
func readRuntime(top *fields) runtimeConfig {
	names := readCapabilities(top)
	_, given := top.injected("capabilities")
	declared := func(key string) bool { return !given || slices.Contains(names, key) }
	f := top.injectedObject("runtimeConfig")
	var r runtimeConfig
	if n, ok := f.anyCase(runtimeBandwidth); ok && declared(runtimeBandwidth) {
		r.bandwidth = readBandwidth(n)
	}
	if n, ok := f.anyCase(runtimeMAC); ok && declared(runtimeMAC) {
		r.lladdr = parsed(n, parseLLAddr)
	}
	if n, ok := f.anyCase(runtimeIPs); ok && declared(runtimeIPs) {
		r.ips = parsedAll(n.items(), parseIP)
	}
	all := &fields{node: node{problem: top.problem}}
	if n, ok := f.anyCase(runtimeAnnotations); ok && declared(runtimeAnnotations) {
		all = n.fields()
	}
	r.annotations, r.kubevirtName = readAnnotations(all)
	return r
}

// readCapabilities returns the capabilities that the configuration declares.
// Those that vmtap does not know are for a later release or a mistake; either
// way nothing comes of them.
func readCapabilities(top *fields) []string {
	var declared []string
	f := top.injectedObject("capabilities")
	for _, m := range f.value.members {
		if f.at(f.prefix+label(m.key), m.value).bool() {
			declared = append(declared, m.key)
		}
	}
	return declared
}

// readAnnotations returns the pod's annotations that are ours, and KubeVirt's
// name of the VM. The others are for others, whatever they hold.
func readAnnotations(all *fields) (ours *fields, kubevirtName string) {
	ours = &fields{node: all.at("annotations", value{kind: object}), prefix: "annotation " + annotationPrefix}
	ours.origin = inAnnotation
	for _, m := range all.value.members {
		if key, ok := strings.CutPrefix(m.key, annotationPrefix); ok {
			ours.value.members = append(ours.value.members, member{key, m.value})
		}
	}
	if n, ok := all.injected(annotationKubeVirt); ok {
		n.path = "annotation " + annotationKubeVirt
		kubevirtName = parsed(n, parseVMName)
	}
	return ours, kubevirtName
}

// anyCase is injected for runtimeConfig, whose keys containerd capitalises.
func (f *fields) anyCase(key string) (node, bool) {
	found := key
	seen := 0
	for _, m := range f.value.members {
		if strings.EqualFold(m.key, key) {
			found = m.key
			seen++
		}
	}
	if seen > 1 {
		f.fail(CodeDecoding, "read %s: stands twice, in different cases", f.prefix+key)
	}
	return f.injected(found)
}
