package install

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Config is what an Installer is told.
type Config struct {
	Source    string // the plugin's program
	Plugin    string // where it is to be
	Conf      *File  // the network's configuration, nil if that is not its business
	Downgrade bool   // put it in the place of a newer one, too
	Log       *slog.Logger

	// RestAfter is how long nothing is restored after something was. Somebody else who
	// keeps a file as he wants it costs no more than that.
	RestAfter time.Duration
}

// Installer puts a plugin and a configuration in place, and keeps them there.
type Installer struct {
	log       *slog.Logger
	plugin    File
	version   string // of the plugin
	conf      *File
	downgrade bool
	restAfter time.Duration
	watcher   *fsnotify.Watcher
	leftAlone string // the newer version that was left alone, once it was said
}

// Open reads the plugin, and watches the directories from now on, which it makes if
// they are missing. Nothing else is changed.
func Open(c Config) (*Installer, error) {
	content, err := os.ReadFile(c.Source)
	if err != nil {
		return nil, fmt.Errorf("read the plugin: %w", err)
	}
	i := &Installer{
		log: c.Log, plugin: File{Path: c.Plugin, Content: content, Mode: 0o755}, version: VersionOf(c.Source), conf: c.Conf,
		downgrade: c.Downgrade, restAfter: c.RestAfter,
	}
	if i.version == "" {
		return nil, fmt.Errorf("read the plugin: %s does not say that it is vmtap, of which version", c.Source)
	}
	if i.watcher, err = fsnotify.NewWatcher(); err != nil {
		return nil, fmt.Errorf("watch directories: %w", err)
	}
	for _, dir := range i.Dirs() {
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			err = i.watcher.Add(dir)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("watch %s: %w", dir, err), i.watcher.Close())
		}
	}
	return i, nil
}

// Close ends the watch.
func (i *Installer) Close() error { return i.watcher.Close() }

// Dirs are the directories that it writes to.
func (i *Installer) Dirs() []string {
	dirs := []string{filepath.Dir(i.plugin.Path)}
	if i.conf != nil {
		dirs = append(dirs, filepath.Dir(i.conf.Path))
	}
	return dirs
}

// PutPlugin puts the plugin in place. In that of a newer one it is not put: nobody
// knows what an older one does with what a newer one made.
func (i *Installer) PutPlugin() error {
	newer, err := i.putPlugin()
	if err == nil && newer != "" {
		err = fmt.Errorf("put the plugin in place: %s is %s, which is newer than %s: install that version, or allow the downgrade", i.plugin.Path, newer, i.version)
	}
	return err
}

// putPlugin puts the plugin in place, but if there is a newer one: it returns the
// version of that.
func (i *Installer) putPlugin() (newer string, err error) {
	inPlace, err := i.plugin.InPlace()
	if err != nil {
		return "", err
	}
	if inPlace {
		return "", i.plugin.Tidy()
	}
	there := VersionOf(i.plugin.Path)
	if Newer(there, i.version) && !i.downgrade {
		return there, nil
	}
	if err := i.plugin.Put(); err != nil {
		return "", err
	}
	i.log.Info("put in place", "file", i.plugin.Path, "version", i.version, "was", there)
	return "", nil
}

// PutConf puts the configuration in place, if there is one to put.
func (i *Installer) PutConf() error {
	if i.conf == nil {
		return nil
	}
	inPlace, err := i.conf.InPlace()
	if err != nil {
		return err
	}
	if inPlace {
		return i.conf.Tidy()
	}
	if err := i.conf.Put(); err != nil {
		return err
	}
	i.log.Info("put in place", "file", i.conf.Path)
	first, err := before(i.conf.Path)
	if err == nil && first != "" {
		i.log.Warn("runtimes use another configuration, whose name comes first", "file", i.conf.Path, "first", first)
	}
	return err
}

const (
	// lookSoon is how long after a change it is looked at: more often come together.
	lookSoon = 100 * time.Millisecond
	// lookAgain is when it is tried again what failed.
	lookAgain = 5 * time.Second
	// lookEvery is how often it is looked at what nobody seems to have changed.
	lookEvery = 5 * time.Minute
)

// Keep restores what others change or remove, until stop is closed. A directory that
// is removed is an error: the one that is made in its place may not be seen from
// here.
func (i *Installer) Keep(stop <-chan struct{}) error {
	due := time.Now() // what changed since it was put in place
	timer := time.NewTimer(0)
	defer timer.Stop()
	rested := due
	wake := func(at time.Time) {
		due = at
		timer.Reset(time.Until(at))
	}
	for {
		select {
		case <-stop:
			return nil
		case event := <-i.watcher.Events:
			if event.Has(fsnotify.Remove|fsnotify.Rename) && slices.Contains(i.Dirs(), event.Name) {
				return fmt.Errorf("the directory %s is gone", event.Name)
			}
			if at := latest(time.Now().Add(lookSoon), rested); i.concerns(event.Name) && at.Before(due) {
				wake(at)
			}
		case err := <-i.watcher.Errors: // too many to be told
			i.log.Warn("changes were not told", "error", err)
			if at := latest(time.Now().Add(lookSoon), rested); at.Before(due) {
				wake(at)
			}
		case <-timer.C:
			restored, err := i.restore()
			now := time.Now()
			if restored {
				rested = now.Add(i.restAfter)
			}
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return fmt.Errorf("its directory is gone: %w", err)
			case err != nil:
				i.log.Error("restore", "error", err)
				wake(now.Add(lookAgain))
			default:
				wake(now.Add(lookEvery))
			}
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// concerns reports whether a change of this file is of interest.
func (i *Installer) concerns(name string) bool {
	return name == i.plugin.Path || i.conf != nil && name == i.conf.Path
}

// restore puts in place what is not, and reports whether something was not. Where
// there is a newer plugin, the configuration is its installer's, too.
func (i *Installer) restore() (restored bool, err error) {
	pluginInPlace, err := i.plugin.InPlace()
	if err != nil {
		return false, err
	}
	if !pluginInPlace {
		newer, err := i.putPlugin()
		if err != nil {
			return true, err
		}
		if newer != "" {
			if i.leftAlone != newer {
				i.log.Warn("a newer plugin was put in place and is left alone", "file", i.plugin.Path, "version", newer, "ours", i.version)
				i.leftAlone = newer
			}
			return false, nil
		}
	}
	if i.conf == nil {
		return !pluginInPlace, nil
	}
	confInPlace, err := i.conf.InPlace()
	if err != nil || confInPlace {
		return !pluginInPlace, err
	}
	return true, i.PutConf()
}
