// Command vmtapctl shows the operator of a node what the plugin vmtap made on it,
// checks it and cleans up.
package main

import (
	"os"
	"runtime"

	"github.com/vmtap/vmtap/cmd/vmtapctl/command"
)

// version is stamped by the build.
var version = "unknown"

func init() {
	// The main thread stays in the host's namespace; see pkg/kernel.
	runtime.LockOSThread()
}

func main() {
	os.Exit(command.Run(version, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
