// Command vmtapd tells guests their addresses: it answers DHCPv4, router
// solicitations and DHCPv6 on the links that the plugin vmtap made. One runs on
// each node.
package main

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/respond"
)

func main() {
	if err := run(os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "vmtapd:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("vmtapd", flag.ContinueOnError)
	dir := flags.String("conf-dir", "/etc/cni/net.d", "where the networks are configured")
	verbose := flags.Bool("verbose", false, "log what is not answered, too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("read arguments: %q is none of them", flags.Arg(0))
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	id, err := os.ReadFile("/etc/machine-id")
	if err != nil {
		log.Warn("prefix6 auto cannot be used", "error", err)
	}
	r, err := respond.Open(respond.Config{Dir: *dir, MachineID: strings.TrimSpace(string(id)), Log: log})
	if err != nil {
		return err
	}
	// What is not there when rights are given up cannot be read later.
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return errors.Join(fmt.Errorf("make the directory of configurations: %w", err), r.Close())
	}
	// From here on it has what it opened, and may read the configurations.
	if _, err := confine.Process(confine.Limits{Files: []confine.File{{Path: *dir, Access: confine.Read | confine.List}}}); err != nil {
		return errors.Join(fmt.Errorf("give up rights: %w", err), r.Close())
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		if err := r.Close(); err != nil {
			log.Error("close", "error", err)
		}
	}()
	log.Info("listening", "configurations", *dir)
	return r.Run()
}
