// Command vmtap-install is the entry point of vmtap's image: it puts the plugin and
// a network's configuration in place on the node, keeps them there, and runs vmtapd.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
)

// version is stamped by the build.
var version = "unknown"

func init() {
	// A child that is to end with this process ends with the thread that began it.
	runtime.LockOSThread()
}

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	if err := run(os.Args[1:], stop); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "vmtap-install:", err)
		os.Exit(1)
	}
}

func run(args []string, stop <-chan os.Signal) error {
	if len(args) > 0 && args[0] == "remove" {
		o, err := parse(args[1:])
		if err != nil {
			return err
		}
		return o.remove()
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	return o.install(stop, func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} // it ends with us, however we end
	})
}
