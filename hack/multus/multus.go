//go:build tools

// Package multus names Multus, which test/e2e runs as a plugin, and all that it
// is built of. It is a module of its own, so that none of that is vmtap's.
package multus

import _ "gopkg.in/k8snetworkplumbingwg/multus-cni.v4/cmd/multus"
