//go:build tools

// Package kubelet names Kubernetes' node agent, which make e2e-kubelet runs, and
// all that it is built of. It is a module of its own, so that none of that is
// vmtap's.
package kubelet

import _ "k8s.io/kubernetes/cmd/kubelet"
