package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseKata(t *testing.T) {
	long := "/" + strings.Repeat("d", maxDANDir-1)
	for members, dir := range map[string]string{
		`"kata": {}`:             "",
		`"kata": {"dan": false}`: "",
		`"placement": "host", "kata": {"dan": true}`:                               "/run/kata-containers/dans",
		`"placement": "host", "kata": {"dan": true, "dir": "/run/a.b_c-D/9"}`:      "/run/a.b_c-D/9",
		`"placement": "host", "kata": {"dan": true, "dir": "` + long + `"}`:        long,
		`"device": "veth", "kata": {"dan": false}`:                                 "",
		`"placement": "host", "kata": {"dan": true}, "routes": [{"dst": "::/0"}]`:  "/run/kata-containers/dans",
		`"placement": "host", "routes": [{"dst": "10.0.0.0/8", "advmss": 1300}]`:   "",
		`"placement": "host", "kata": {"dan": false}, "tap": {"multiQueue": true}`: "",
	} {
		if got := parseOK(t, input(members, "")); got.DANDir != dir {
			t.Errorf("%s: %q, want %q", members, got.DANDir, dir)
		}
	}
}

func TestParseRefusesKata(t *testing.T) {
	const words = `want letters, digits, '_', '.', '/' and '-' only`
	const form = `want a directory's absolute path, without a slash at its end and without . and .. in it`
	dir := func(s string) string { return `"placement": "host", "kata": {"dan": true, "dir": "` + s + `"}` }
	long := "/" + strings.Repeat("d", maxDANDir)
	for _, tt := range []struct{ members, want string }{
		{`"kata": true`, `read kata: want an object, have true`},
		{`"kata": {"dan": 1}`, `read kata.dan: want true or false, have a number`},
		{`"kata": {"dna": true}`, `read key "kata.dna" true: unknown, did you mean kata.dan?`},
		{`"kata": {"dir": "/run/x"}`, `read kata.dir "/run/x": nothing is written there unless kata.dan is true, set it or drop dir`},
		{`"kata": {"dan": true}`, `read kata.dan true: only for placement host, in placement pod Kata cannot use what the file would name, drop it; device veth needs no file`},
		{`"device": "veth", "kata": {"dan": true}`, `read kata.dan true: only for placement host, in placement pod`},
		{chained(`, "kata": {"dan": true}`), `read kata.dan true: only for placement host, in placement chained`},
		{`"placement": "host", "kata": {"dan": true}, "routes": [{"dst": "10.0.0.0/8"}, {"dst": "10.9.0.0/16", "priority": 5}]`, `read routes[1] to 10.9.0.0/16: Kata's file has no place for advmss and priority, drop them or kata.dan`},
		{`"placement": "host", "kata": {"dan": true}, "routes": [{"dst": "10.0.0.0/8", "advmss": 1300}]`, `read routes[0] to 10.0.0.0/8: Kata's file`},
		{dir(""), `read kata.dir "": want 1 to 96 characters, have 0`},
		{dir(long), `read kata.dir "` + long[:64] + `"...: want 1 to 96 characters, have 97`},
		{dir("/run/a b"), `read kata.dir "/run/a b": ` + words},
		{dir("/run/a+b"), `read kata.dir "/run/a+b": ` + words},
		{dir("/run/a:b"), `read kata.dir "/run/a:b": ` + words},
		{dir("run"), `read kata.dir "run": ` + form},
		{dir("/"), `read kata.dir "/": ` + form},
		{dir("/run/"), `read kata.dir "/run/": ` + form},
		{dir("/run//x"), `read kata.dir "/run//x": ` + form},
		{dir("/run/../x"), `read kata.dir "/run/../x": ` + form},
		{dir("/run/./x"), `read kata.dir "/run/./x": ` + form},
	} {
		_, err := Parse(input(tt.members, ""))
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s:\n%v, want\n%s", tt.members, err, tt.want)
		}
	}
}

// TestDANDirLeft: DEL and GC take the directory as it is now, and what no ADD accepts for
// none.
func TestDANDirLeft(t *testing.T) {
	for members, want := range map[string]string{
		`"kata": {"dan": true}`:                    DefaultDANDir,
		`"kata": {"dan": true, "x": 1}, "mtu": ""`: DefaultDANDir,
		`"kata": {"dan": true, "dir": "/run/x"}`:   "/run/x",
		`"kata": {"dan": false, "dir": "/run/x"}`:  "",
		`"kata": {"dan": true, "dir": "/run/../"}`: "",
		`"kata": {"dan": true, "dir": 7}`:          "",
		`"kata": 7`:                                "",
		`"up": true`:                               "",
	} {
		a, err := ParseAttachment(input(members, ""))
		if err != nil || a.DANDir != want {
			t.Errorf("DEL, %s: %q, %v, want %q", members, a.DANDir, err, want)
		}
		c, err := ParseCollection(input(members, ""))
		if err != nil || c.DANDir != want {
			t.Errorf("GC, %s: %q, %v, want %q", members, c.DANDir, err, want)
		}
	}
}

// TestIsContainerID: only such an id is a file's name.
func TestIsContainerID(t *testing.T) {
	have := map[string]bool{}
	for _, s := range []string{"a", "0123abc", "a.b", "a..b", ".", "..", ".a", "a/b", "../a", "", strings.Repeat("a", 96), strings.Repeat("a", 97)} {
		have[s] = IsContainerID(s)
	}
	want := map[string]bool{
		"a": true, "0123abc": true, "a.b": true, "a..b": true, ".": false, "..": false, ".a": false, "a/b": false, "../a": false, "": false,
		strings.Repeat("a", 96): true, strings.Repeat("a", 97): false,
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Error(diff)
	}
}
