// Command vmtap is a CNI plugin that gives VM pods their interfaces as
// OpenBSD's vmd does: a tap for the VM monitor, on a switch, in a routing
// domain, in groups, with local addresses computed from the VM's id.
package main

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/vmtap/vmtap/pkg/delegate"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/plugin"
)

// version is stamped by the build.
var version = "unknown"

func init() {
	// The main thread stays in the host's namespace; see pkg/kernel.
	runtime.LockOSThread()
}

func main() {
	if status, ok := kernel.TapChild(os.Args); ok {
		os.Exit(status)
	}
	if status, ok := delegate.Serve(os.Args); ok {
		os.Exit(status)
	}
	// A reader that is gone is an error of the write, to be undone, not an
	// end without a word.
	signal.Ignore(syscall.SIGPIPE)
	p := &plugin.Plugin{Stdout: os.Stdout}
	if !p.Call(os.Stdin, about) {
		os.Exit(1)
	}
}

func about() string {
	return "vmtap " + version + `: a CNI plugin that gives VM pods a tap as OpenBSD's vmd does
It is called by a container runtime, with CNI_COMMAND and the other variables of
the CNI specification set and its configuration on standard input. To try it:
  cnitool add NETWORK /var/run/netns/POD
Documentation: https://github.com/vmtap/vmtap`
}
