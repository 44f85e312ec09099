package install

import (
	"path/filepath"
	"strings"
	"testing"
)

const goodConf = `{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "vmtap"}]}`

func TestReadConf(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "20-vmtap.conflist")
	write(t, source, goodConf, 0o600)
	f, err := ReadConf(source, "/etc/cni/net.d")
	if err != nil || f.Path != "/etc/cni/net.d/20-vmtap.conflist" || string(f.Content) != goodConf || f.Mode != 0o644 {
		t.Errorf("%+v, %v", f, err)
	}
	for name, c := range map[string]struct{ text, words string }{
		"a.conflist":  {strings.Replace(goodConf, `"vmtap"`, `"vmtap", "rdomian": 5`, 1), "rdomian"},
		"b.conflist":  {strings.Replace(goodConf, "vmtap", "bridge", 1), "no plugin of it is vmtap"},
		"c.conflist":  {"{", "error parsing"},
		"d.conflist~": {goodConf, "end it with .conflist"},
		"none":        {"", "no such file"},
	} {
		path := filepath.Join(dir, name)
		if name != "none" {
			write(t, path, c.text, 0o600)
		}
		if f, err := ReadConf(path, "/etc/cni/net.d"); err == nil || !strings.Contains(err.Error(), c.words) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, %v", name, f, err)
		}
	}
}

func TestRemoveConf(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "20-vmtap.conflist")
	write(t, filepath.Join(dir, "10-other.conflist"), goodConf, 0o600)
	for _, text := range []string{goodConf, "{"} {
		write(t, path, text, 0o600)
		for range 2 { // that it is gone is no error
			if err := RemoveConf(path); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
		if have := names(t, dir); have != "10-other.conflist" {
			t.Errorf("the directory has %s", have)
		}
	}
	others := strings.Replace(goodConf, "vmtap", "bridge", 1)
	write(t, path, others, 0o600)
	if err := RemoveConf(path); err == nil || !strings.Contains(err.Error(), "somebody else's") {
		t.Errorf("%v", err)
	}
	wantFile(t, path, others, 0o600)
}

func TestBefore(t *testing.T) {
	dir := t.TempDir()
	ours := filepath.Join(dir, "20-vmtap.conflist")
	write(t, ours, goodConf, 0o600)
	write(t, filepath.Join(dir, "30-other.conflist"), goodConf, 0o600)
	write(t, filepath.Join(dir, "10-other.conflist~"), goodConf, 0o600)
	if first, err := before(ours); first != "" || err != nil {
		t.Errorf("%q, %v", first, err)
	}
	write(t, filepath.Join(dir, "10-other.conf"), goodConf, 0o600)
	if first, err := before(ours); first != filepath.Join(dir, "10-other.conf") || err != nil {
		t.Errorf("%q, %v", first, err)
	}
}
