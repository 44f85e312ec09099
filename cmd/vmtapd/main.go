// Command vmtapd tells guests their addresses: it answers DHCPv4, router
// solicitations and DHCPv6 on the links that the plugin vmtap made. A second
// process of it keeps the node in order. One runs on each node.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/metrics"
	"github.com/vmtap/vmtap/pkg/order"
	"github.com/vmtap/vmtap/pkg/respond"
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

// lookWithin is how long a look may take until the node is not well.
const lookWithin = time.Minute

// options are what the command line says.
type options struct {
	dir, metrics         string
	verbose, observe     bool
	lookEvery, sureAfter time.Duration

	log *slog.Logger
}

// flags returns the command line's options, with their defaults.
func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("vmtapd", flag.ContinueOnError)
	flags.StringVar(&o.dir, "conf-dir", "/etc/cni/net.d", "where the networks are configured")
	flags.BoolVar(&o.verbose, "verbose", false, "log what is not answered, too")
	flags.BoolVar(&o.observe, "observe", false, "only say what is not in order on the node, and change nothing of it")
	flags.DurationVar(&o.lookEvery, "look-every", 5*time.Minute, "how often the whole node is looked at, if nothing happens on it")
	flags.DurationVar(&o.sureAfter, "sure-after", 5*time.Second, "how long something must be out of order before it is put in order")
	flags.StringVar(&o.metrics, "metrics", "", "where to tell metrics, unix:/PATH or HOST:PORT; nowhere by default")
	return flags
}

func parse(args []string) (*options, error) {
	var o options
	flags := o.flags()
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("read arguments: %q is none of them", flags.Arg(0))
	case o.lookEvery <= 0 || o.sureAfter <= 0:
		return nil, fmt.Errorf("read arguments: -look-every %s and -sure-after %s must be more than 0", o.lookEvery, o.sureAfter)
	}
	level := slog.LevelInfo
	if o.verbose {
		level = slog.LevelDebug
	}
	o.log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	return &o, nil
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
	return errors.Join(o.answer(keeper), keeper.Close())
}

// answer answers guests, and those who ask for metrics, until a signal ends it or
// nobody keeps order any more.
func (o *options) answer(keeper *order.Child) error {
	id, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		o.log.Warn("prefix6 auto cannot be used", "error", err)
	}
	r, err := respond.Open(respond.Config{Dir: o.dir, MachineID: strings.TrimSpace(string(id)), Log: o.log})
	if err != nil {
		return err
	}
	serve, err := o.openMetrics(r, keeper)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	// What is not there when rights are given up cannot be read later.
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return errors.Join(fmt.Errorf("make the directory of configurations: %w", err), r.Close())
	}
	// From here on it has what it opened, and may read the configurations.
	if _, err := confine.Process(confine.Limits{Files: []confine.File{{Path: o.dir, Access: confine.Read | confine.List}}}); err != nil {
		return errors.Join(fmt.Errorf("give up rights: %w", err), r.Close())
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	ended := make(chan error, 1)
	served := serve()
	go func() {
		var err error
		select {
		case <-stop:
		case <-keeper.Done():
			err = keeper.Err()
		case err = <-served:
		}
		ended <- errors.Join(err, r.Close())
	}()
	o.log.Info("listening", "configurations", o.dir)
	if err := r.Run(); err != nil {
		return err
	}
	return <-ended
}

// openMetrics opens the address at which metrics are told. What it returns tells them,
// and says when that has ended.
func (o *options) openMetrics(r *respond.Responder, keeper *order.Child) (serve func() <-chan error, err error) {
	if o.metrics == "" {
		return func() <-chan error { return nil }, nil
	}
	n := &metrics.Node{Version: version, Answers: r.Counts, VMIDs: r.VMIDs, Order: keeper.Tally}
	if err := n.Open(); err != nil {
		return nil, err
	}
	l, err := metrics.Listen(o.metrics)
	if err != nil {
		return nil, err
	}
	health := func() error { return errors.Join(keeper.Health(o.lookEvery+2*o.sureAfter+lookWithin), n.Health()) }
	return func() <-chan error {
		ended := make(chan error, 1)
		go func() { ended <- metrics.Serve(l, n.Families, health, o.log) }()
		return ended
	}, nil
}
