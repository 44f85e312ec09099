package install

import (
	"bytes"
	"context"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// Newer reports whether version a is newer than b, each a semantic version with a
// v or what git describe says: v1.2.3, v1.2.3-rc.1, v1.2.3-4-g0123abc. Of versions
// that cannot be compared none is newer.
func Newer(a, b string) bool {
	tagA, commitsA := split(a)
	tagB, commitsB := split(b)
	if !semver.IsValid(tagA) || !semver.IsValid(tagB) {
		return false
	}
	if order := semver.Compare(tagA, tagB); order != 0 {
		return order > 0
	}
	return commitsA > commitsB
}

// split takes a version apart into the tag and how many commits came after it,
// which git describe adds to the tag, with the last one's hash.
func split(version string) (tag string, commits int) {
	version = strings.TrimSuffix(version, "-dirty")
	rest, hash, ok := cutLast(version)
	if !ok || !strings.HasPrefix(hash, "g") {
		return version, 0
	}
	tag, count, _ := cutLast(rest)
	commits, err := strconv.Atoi(count)
	if err != nil {
		return version, 0
	}
	return tag, commits
}

// cutLast cuts a text at its last hyphen.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

// askWithin is how long a plugin may take to say its version.
const askWithin = 10 * time.Second

// VersionOf asks a plugin for its version, as a person does. It is empty if that
// is no program, or not vmtap.
func VersionOf(path string) string {
	ctx, cancel := context.WithTimeout(context.Background(), askWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, path)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"} // no CNI_COMMAND
	cmd.WaitDelay = time.Second
	said, _ := cmd.CombinedOutput() // what it said counts, if it ended well or not
	return versionIn(said)
}

// versionIn is the version in "vmtap v1.2.3: a CNI plugin ...".
func versionIn(said []byte) string {
	line, _, _ := bytes.Cut(said, []byte("\n"))
	rest, ok := bytes.CutPrefix(line, []byte("vmtap "))
	version, _, colon := bytes.Cut(rest, []byte(": "))
	if !ok || !colon || bytes.ContainsAny(version, " \t") {
		return ""
	}
	return string(version)
}
