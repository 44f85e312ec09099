package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vmtap/vmtap/pkg/netconf"
)

// options are what the command line says.
type options struct {
	dir, metrics         string
	caches               list
	verbose, observe     bool
	lookEvery, sureAfter time.Duration

	log *slog.Logger
}

// flags returns the command line's options, with their defaults.
func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("vmtapd", flag.ContinueOnError)
	flags.StringVar(&o.dir, "conf-dir", "/etc/cni/net.d", "where the networks are configured")
	flags.Var(&o.caches, "cache-dir", "where a runtime keeps what ADD returned, in a directory results; can be given\nseveral times (default "+
		netconf.CacheDir+", and multus in it)")
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

// results are the directories in which runtimes keep what ADD returned.
func (o *options) results() (all []string) {
	for _, dir := range netconf.Caches(o.caches) {
		all = append(all, filepath.Join(dir, "results"))
	}
	return all
}

// list is a flag's value for each time that it is given.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}
