// Package cri runs pods by containerd for tests, as a kubelet does: through the container runtime interface, on a
// machine of the test's own with namespaces for network, mounts and processes. containerd, its shims, runc, the pods'
// processes and the plugin are the real ones.
package cri
