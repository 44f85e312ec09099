// Command vmtapd tells guests their addresses: it answers DHCPv4, router
// solicitations and DHCPv6 on the links that the plugin vmtap made. One runs on
// each node.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/containernetworking/cni/libcni"

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
	var caches list
	flags.Var(&caches, "cache-dir", "where a runtime keeps what ADD returned, in a directory results; can be given\nseveral times (default /var/lib/cni, and multus in it)")
	verbose := flags.Bool("verbose", false, "log what is not answered, too")
	if err := flags.Parse(args); err != nil {
		return err
	}
	read := []string(caches) // what can be read, with all in it
	if len(caches) == 0 {
		read = []string{libcni.CacheDir}
		caches = list{libcni.CacheDir, libcni.CacheDir + "/multus"}
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
	r, err := respond.Open(respond.Config{Dir: *dir, Results: caches.each("results"), MachineID: strings.TrimSpace(string(id)), Log: log})
	if err != nil {
		return err
	}
	// From here on it has what it opened, and may read the configurations and what
	// runtimes keep.
	if err := confineTo(*dir, read); err != nil {
		return errors.Join(err, r.Close())
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

// list is a flag's value for each time that it is given.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

// each is a directory in each of them.
func (l list) each(name string) (all []string) {
	for _, dir := range l {
		all = append(all, filepath.Join(dir, name))
	}
	return all
}

// confineTo gives up all rights but to read these directories. What is not there
// when rights are given up could not be read later.
func confineTo(configurations string, caches []string) error {
	var files []confine.File
	modes := map[string]fs.FileMode{configurations: 0o755}
	for _, dir := range append([]string{configurations}, caches...) {
		if err := os.MkdirAll(dir, cmp.Or(modes[dir], 0o700)); err != nil {
			return fmt.Errorf("make a directory to read: %w", err)
		}
		files = append(files, confine.File{Path: dir, Access: confine.Read | confine.List})
	}
	if _, err := confine.Process(confine.Limits{Files: files}); err != nil {
		return fmt.Errorf("give up rights: %w", err)
	}
	return nil
}
