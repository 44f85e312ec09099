// Command vmtapd tells guests their addresses: it answers DHCPv4, router
// solicitations and DHCPv6 on the links that the plugin vmtap made. A second
// process of it keeps the node in order. One runs on each node.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/vmtap/vmtap/pkg/order"
)

// version is stamped by the build.
var version = "unknown"

// gcPercent keeps the heap small: of what is read from the kernel nothing is kept.
const gcPercent = 25

func main() {
	debug.SetGCPercent(gcPercent)
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "vmtapd:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 && args[0] == order.Arg {
		o, err := parse(args[1:])
		if err != nil {
			return err
		}
		signal.Ignore(os.Interrupt, syscall.SIGTERM) // it ends with the process that began it
		return order.Serve(order.Config{Observe: o.observe, SureAfter: o.sureAfter, LookEvery: o.lookEvery, Log: o.log})
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	// What this process has open it does not inherit, and no right is given up yet.
	keeper, err := order.Start(args)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	return errors.Join(o.answer(keeper, stop), keeper.Close())
}
