package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// name is that of the plugin's program, which is its type in configurations.
const name = "vmtap"

// options are what the command line says.
type options struct {
	plugin, binDir, conf, confDir, vmtapd string
	downgrade, once, removeConf           bool

	rest []string // vmtapd's arguments
	log  *slog.Logger
}

// flags returns the command line's options, with their defaults.
func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("vmtap-install", flag.ContinueOnError)
	flags.StringVar(&o.plugin, "plugin", beside(name), "the plugin to put in place")
	flags.StringVar(&o.binDir, "bin-dir", "/opt/cni/bin", "where runtimes look for plugins")
	flags.StringVar(&o.conf, "conf", "", "the network's configuration to put in place, under the same name (default none)")
	flags.StringVar(&o.confDir, "conf-dir", "/etc/cni/net.d", "where runtimes look for configurations")
	flags.StringVar(&o.vmtapd, "vmtapd", beside("vmtapd"), "the vmtapd to run, with the arguments after --; empty for none")
	flags.BoolVar(&o.downgrade, "downgrade", false, "put the plugin in the place of a newer one, too")
	flags.BoolVar(&o.once, "once", false, "end when all is in place, and run no vmtapd")
	flags.BoolVar(&o.removeConf, "remove-conf", false, "remove the configuration when told to end, so that the node takes no more pods")
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "vmtap-install %s\n  vmtap-install [options] [-- vmtapd's options]\n  vmtap-install remove -conf FILE [-conf-dir DIR]\n", version)
		flags.PrintDefaults()
	}
	return flags
}

// beside is the path of another program in the directory of this one.
func beside(program string) string {
	self, err := os.Executable()
	if err != nil {
		return program
	}
	return filepath.Join(filepath.Dir(self), program)
}

func parse(args []string) (*options, error) {
	var o options
	flags := o.flags()
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	o.rest = flags.Args()
	before := args[:len(args)-len(o.rest)]
	switch {
	case len(o.rest) > 0 && (len(before) == 0 || before[len(before)-1] != "--"):
		return nil, fmt.Errorf("read arguments: %q is none of them: what is vmtapd's stands after --", o.rest[0])
	case len(o.rest) > 0 && (o.once || o.vmtapd == ""):
		return nil, fmt.Errorf("read arguments: %q is for vmtapd, which is not run", o.rest[0])
	case o.once && o.removeConf:
		return nil, errors.New("read arguments: -remove-conf is for one that goes on, -once ends")
	}
	for _, dir := range []string{o.binDir, o.confDir} {
		if !filepath.IsAbs(dir) {
			return nil, fmt.Errorf("read arguments: %q is no absolute path", dir)
		}
	}
	o.log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	return &o, nil
}
