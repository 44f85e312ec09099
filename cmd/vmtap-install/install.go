package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/install"
)

// restAfter is how long nothing is restored after something was.
const restAfter = time.Second

// install puts all in place, the configuration last, and keeps it there beside
// vmtapd until a signal ends it.
func (o *options) install(stop <-chan os.Signal, withUs func(*exec.Cmd)) (err error) {
	var conf *install.File
	if o.conf != "" {
		if conf, err = install.ReadConf(o.conf, o.confDir); err != nil {
			return err
		}
	}
	i, err := install.Open(install.Config{
		Source: o.plugin, Plugin: filepath.Join(o.binDir, name), Conf: conf, Downgrade: o.downgrade, Log: o.log, RestAfter: restAfter,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.Close()) }()
	if err := i.PutPlugin(); err != nil {
		return err
	}
	if o.once {
		return i.PutConf()
	}
	d := &daemon{}
	if o.vmtapd != "" {
		if d, err = start(o.vmtapd, append([]string{"-conf-dir", o.confDir}, o.rest...), withUs); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.end()) }()
	}
	// A node takes pods as soon as it has one.
	if err := i.PutConf(); err != nil {
		return err
	}
	if err := o.confine(i.Dirs()); err != nil {
		return err
	}
	if err := keep(i, stop, d); err != nil || conf == nil || !o.removeConf {
		return err
	}
	if err := install.RemoveConf(conf.Path); err != nil {
		return err
	}
	o.log.Info("removed", "file", conf.Path)
	return nil
}

// keep keeps all in place until a signal comes, or vmtapd has ended.
func keep(i *install.Installer, stop <-chan os.Signal, d *daemon) error {
	end, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- i.Keep(end) }()
	select {
	case <-stop:
		close(end)
		return <-ended
	case <-d.done:
		close(end)
		return errors.Join(fmt.Errorf("vmtapd has ended: %w", d.err), <-ended)
	case err := <-ended:
		return err
	}
}

// remove removes the configuration that install put in place.
func (o *options) remove() error {
	if o.conf == "" {
		return errors.New("remove the configuration: -conf must name it")
	}
	path := filepath.Join(o.confDir, filepath.Base(o.conf))
	if err := install.RemoveConf(path); err != nil {
		return err
	}
	o.log.Info("removed", "file", path)
	return nil
}

// confine gives up all rights but to change files in some directories, and to ask a
// plugin there for its version.
func (o *options) confine(dirs []string) error {
	files := []confine.File{{Path: os.DevNull, Access: confine.Read | confine.Write}}
	for _, dir := range dirs {
		files = append(files, confine.File{Path: dir, Access: confine.Read | confine.Write | confine.List | confine.Change | confine.Execute})
	}
	// vmtapd is told to end by a signal, and is sent one if this process dies.
	if _, err := confine.Process(confine.Limits{Files: files, Signals: true}); err != nil {
		return fmt.Errorf("give up rights: %w", err)
	}
	return nil
}
