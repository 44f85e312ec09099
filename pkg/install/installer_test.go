package install

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fsnotify/fsnotify"
)

// world is a node's directories, and an installer.
type world struct {
	*Installer
	bin, net     string
	plugin, conf string
	log          *syncBuffer
}

// begin opens an installer of v0.2.0, with what is there before.
func begin(t *testing.T, change func(w *world, c *Config)) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{bin: filepath.Join(dir, "opt", "bin"), net: filepath.Join(dir, "net.d"), log: &syncBuffer{}}
	w.plugin, w.conf = filepath.Join(w.bin, "vmtap"), filepath.Join(w.net, "20-vmtap.conflist")
	source := filepath.Join(dir, "source")
	write(t, source, saying("v0.2.0"), 0o755)
	c := Config{
		Source: source, Plugin: w.plugin, Conf: &File{Path: w.conf, Content: []byte(goodConf), Mode: confMode},
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	change(w, &c)
	var err error
	if w.Installer, err = Open(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("it said:\n%s", w.log)
		}
	})
	return w
}

func none(*world, *Config) {}

func (w *world) putAll(t *testing.T) {
	t.Helper()
	if err := w.PutPlugin(); err != nil {
		t.Fatal(err)
	}
	if err := w.PutConf(); err != nil {
		t.Fatal(err)
	}
	w.wantAll(t)
}

func (w *world) wantAll(t *testing.T) {
	t.Helper()
	wantFile(t, w.plugin, saying("v0.2.0"), 0o755)
	wantFile(t, w.conf, goodConf, 0o644)
}

// keep runs Keep until the test ends.
func (w *world) keep(t *testing.T) {
	t.Helper()
	stop, ended := make(chan struct{}), make(chan error)
	go func() { ended <- w.Keep(stop) }()
	t.Cleanup(func() {
		close(stop)
		if err := <-ended; err != nil {
			t.Errorf("Keep: %v", err)
		}
	})
}

// TestDowngrade: an older version does not replace a newer one, unless it may. Any
// other is replaced.
func TestDowngrade(t *testing.T) {
	for _, c := range []struct {
		there     string
		downgrade bool
		refused   bool
	}{
		{saying("v0.1.0"), false, false},
		{saying("v0.2.0") + "# another build\n", false, false},
		{saying("v0.2.1"), false, true},
		{saying("v0.2.1"), true, false},
		{saying("unknown"), false, false},
		{"no program", false, false},
		{"#!/bin/sh\nexit 1\n", false, false},
	} {
		w := begin(t, func(w *world, config *Config) {
			write(t, w.plugin, c.there, 0o755)
			config.Downgrade = c.downgrade
		})
		err := w.PutPlugin()
		if !c.refused {
			if err != nil {
				t.Errorf("%q: %v", c.there, err)
			}
			wantFile(t, w.plugin, saying("v0.2.0"), 0o755)
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "v0.2.1") || !strings.Contains(err.Error(), "v0.2.0") || !strings.Contains(err.Error(), w.plugin) {
			t.Errorf("%q: %v", c.there, err)
		}
		wantFile(t, w.plugin, c.there, 0o755)
		page, readErr := os.ReadFile("../../docs/upgrading.md")
		if readErr != nil {
			t.Fatal(readErr)
		}
		words := strings.NewReplacer(w.bin, "/opt/cni/bin", "v0.2.0", "v0.1.0", "v0.2.1", "v0.2.0").Replace(err.Error())
		if !strings.Contains(string(page), "vmtap-install: "+words+"\n") {
			t.Errorf("docs/upgrading.md has not the message %q", words)
		}
	}
}

// TestNoPlugin: what is not vmtap is not installed, and nothing was changed then.
func TestNoPlugin(t *testing.T) {
	for _, content := range []string{"#!/bin/sh\necho 'CNI bridge plugin v1.9.1' >&2\n", "no program", "none"} {
		dir := t.TempDir()
		source := filepath.Join(dir, "source")
		if content != "none" {
			write(t, source, content, 0o755)
		}
		before := names(t, dir)
		i, err := Open(Config{Source: source, Plugin: filepath.Join(dir, "bin", "vmtap"), Log: slog.New(slog.DiscardHandler)})
		if err == nil || !strings.Contains(err.Error(), source) {
			t.Errorf("%q: %v, %v", content, i, err)
		}
		if have := names(t, dir); have != before {
			t.Errorf("the directory has %s", have)
		}
	}
}

// TestKeep: what others change or remove comes back, and nothing else is touched.
func TestKeep(t *testing.T) {
	w := begin(t, none)
	w.putAll(t)
	other := filepath.Join(w.bin, "bridge")
	write(t, other, "bridge", 0o755)
	w.keep(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name   string
		change func()
	}{
		{"plugin removed", func() { must(os.Remove(w.plugin)) }},
		{"plugin changed in place", func() { write(t, w.plugin, saying("v0.1.0"), 0o755) }},
		{"plugin replaced", func() {
			write(t, other+".new", saying("v0.1.0"), 0o755)
			must(os.Rename(other+".new", w.plugin))
		}},
		{"plugin cannot be executed", func() { must(os.Chmod(w.plugin, 0o644)) }},
		{"plugin moved away", func() {
			must(os.Rename(w.plugin, w.plugin+"-away"))
			must(os.Remove(w.plugin + "-away"))
		}},
		{"configuration removed", func() { must(os.Remove(w.conf)) }},
		{"configuration changed", func() { write(t, w.conf, "{}", 0o644) }},
		{"both", func() { must(os.Remove(w.plugin)); must(os.Remove(w.conf)) }},
	} {
		c.change()
		waitFor(t, c.name, func() bool {
			plugin, err := w.Installer.plugin.InPlace()
			must(err)
			conf, err := w.Installer.conf.InPlace()
			must(err)
			return plugin && conf
		})
		w.wantAll(t)
	}
	wantFile(t, other, "bridge", 0o755)
	if have := names(t, w.bin) + " " + names(t, w.net); have != "bridge vmtap 20-vmtap.conflist" {
		t.Errorf("the directories have %s", have)
	}
}

// TestKeepNewer: where somebody puts a newer plugin, it and its configuration stay.
func TestKeepNewer(t *testing.T) {
	w := begin(t, none)
	w.putAll(t)
	w.keep(t)
	write(t, w.plugin+".new", saying("v0.3.0"), 0o755)
	if err := os.Rename(w.plugin+".new", w.plugin); err != nil {
		t.Fatal(err)
	}
	newer := strings.Replace(goodConf, "vmnet", "newer", 1)
	write(t, w.conf, newer, 0o644)
	waitFor(t, "the newer one to be left alone", func() bool { return strings.Contains(w.log.String(), "left alone") })
	wantFile(t, w.plugin, saying("v0.3.0"), 0o755)
	wantFile(t, w.conf, newer, 0o644)
	// When the newer one goes, it is ours again.
	if err := os.Remove(w.plugin); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "its own", func() bool {
		ok, err := w.Installer.conf.InPlace()
		return ok && err == nil
	})
	w.wantAll(t)
}

// TestKeepWithoutDirectory: a directory that goes ends it, as its successor may be
// another one than that which runtimes see.
func TestKeepWithoutDirectory(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"removed": func(dir string) (err error) {
			for range 100 { // what is in it comes back meanwhile
				if err = os.RemoveAll(dir); err == nil {
					break
				}
			}
			return err
		},
		"moved": func(dir string) error { return os.Rename(dir, dir+".away") },
		"made again": func(dir string) error {
			return errors.Join(os.Rename(dir, dir+".away"), os.Mkdir(dir, 0o755))
		},
	} {
		w := begin(t, none)
		w.putAll(t)
		ended := make(chan error)
		go func() { ended <- w.Keep(nil) }()
		if err := change(w.bin); err != nil {
			t.Fatal(err)
		}
		if err := <-ended; err == nil || !strings.Contains(err.Error(), w.bin) || !strings.Contains(err.Error(), "gone") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOrder: the configuration comes after the plugin, each at once.
func TestOrder(t *testing.T) {
	w := begin(t, none)
	watch, err := fsnotify.NewWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	for _, dir := range w.Dirs() {
		if err := watch.Add(dir); err != nil {
			t.Fatal(err)
		}
	}
	w.putAll(t)
	write(t, filepath.Join(w.net, "end"), "", 0o600)
	var seen []string
	for e := range watch.Events {
		if filepath.Base(e.Name) == "end" {
			break
		}
		if e.Name == w.plugin || e.Name == w.conf {
			seen = append(seen, e.Op.String()+" "+filepath.Base(e.Name))
		}
	}
	if have := strings.Join(seen, ", "); have != "CREATE vmtap, CREATE 20-vmtap.conflist" {
		t.Errorf("what came: %s", have)
	}
}

// TestNotFirst: that runtimes use another file is said.
func TestNotFirst(t *testing.T) {
	w := begin(t, none)
	write(t, filepath.Join(w.net, "10-other.conflist"), "{}", 0o600)
	w.putAll(t)
	if !strings.Contains(w.log.String(), "10-other.conflist") {
		t.Error("nothing was said")
	}
}

// TestTidy: what a killed installer left goes where all is in place already, too.
func TestTidy(t *testing.T) {
	w := begin(t, none)
	w.putAll(t)
	write(t, filepath.Join(w.bin, ".vmtap.vmtap-install-1"), "half", 0o600)
	write(t, filepath.Join(w.net, ".20-vmtap.conflist.vmtap-install-1"), "half", 0o600)
	write(t, filepath.Join(w.bin, ".other.vmtap-install-1"), "other", 0o600)
	w.putAll(t)
	if have := names(t, w.bin) + " " + names(t, w.net); have != ".other.vmtap-install-1 vmtap 20-vmtap.conflist" {
		t.Errorf("the directories have %s", have)
	}
}
