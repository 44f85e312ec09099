//go:build tools

// Package crictl names crictl, with which hack/demo-pod.sh speaks to containerd,
// and all that it is built of. It is a module of its own, so that none of that is
// vmtap's.
package crictl

import _ "sigs.k8s.io/cri-tools/cmd/crictl"
