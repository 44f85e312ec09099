package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/metrics"
	"github.com/vmtap/vmtap/pkg/netconf"
	"github.com/vmtap/vmtap/pkg/order"
	"github.com/vmtap/vmtap/pkg/respond"
)

// lookWithin is how long a look may take until the node is not well.
const lookWithin = time.Minute

// answer answers guests, and those who ask for metrics, until a signal ends it or
// nobody keeps order any more.
func (o *options) answer(keeper *order.Child, stop <-chan os.Signal) error {
	id, err := netconf.MachineID()
	if err != nil {
		o.log.Warn("prefix6 auto cannot be used", "error", err)
	}
	r, err := respond.Open(respond.Config{Dir: o.dir, Results: o.results(), MachineID: id, Log: o.log})
	if err != nil {
		return err
	}
	serve, err := o.openMetrics(r, keeper)
	if err != nil {
		return errors.Join(err, r.Close())
	}
	// From here on it has what it opened, and may read the configurations and what
	// runtimes keep.
	if err := o.confine(); err != nil {
		return errors.Join(err, r.Close())
	}
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

// confine gives up all rights but to read some directories, with what is in them.
// What is not there now could not be read later.
func (o *options) confine() error {
	read := []string(o.caches)
	if len(read) == 0 {
		read = []string{netconf.CacheDir}
	}
	var files []confine.File
	add := func(dir string, mode fs.FileMode) error {
		files = append(files, confine.File{Path: dir, Access: confine.Read | confine.List})
		return os.MkdirAll(dir, mode)
	}
	err := add(o.dir, 0o755)
	for _, dir := range read {
		err = errors.Join(err, add(dir, 0o700))
	}
	if err != nil {
		return fmt.Errorf("make a directory to read: %w", err)
	}
	if _, err := confine.Process(confine.Limits{Files: files}); err != nil {
		return fmt.Errorf("give up rights: %w", err)
	}
	return nil
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
