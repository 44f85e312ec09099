package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Longest names, in bytes. With them every altname fits the kernel's 127.
const (
	maxNetwork     = 100
	maxContainerID = 96
	maxLinkName    = 15
	maxGroupName   = 15
	maxVMName      = 512
	maxFreeText    = 255 // what is only shown or passed on; an ifalias has 255
)

// parseNetwork checks a network name.
func parseNetwork(s string) (string, error) { return parseSpecName(s, maxNetwork) }

// parseContainerID checks a container id.
func parseContainerID(s string) (string, error) { return parseSpecName(s, maxContainerID) }

// IsContainerID reports whether ADD accepts a container id.
func IsContainerID(s string) bool {
	_, err := parseContainerID(s)
	return err == nil
}

// parseSpecName checks a name by the CNI specification's rule for network
// names and container ids, with a longest length of ours.
func parseSpecName(s string, longest int) (string, error) {
	if s == "" || len(s) > longest {
		return "", fmt.Errorf("want 1 to %d characters, have %d", longest, len(s))
	}
	if !alphanumeric(s[0]) || !only(s, "_.-") {
		return "", errors.New("want a letter or digit, then letters, digits, '_', '.' and '-' only")
	}
	return s, nil
}

// parseLinkName checks the name of a network link. Beyond the kernel's own
// rule '%' is refused, which the kernel takes for a pattern, and '@', which
// separates the parts of vmtap's altnames.
func parseLinkName(s string) (string, error) {
	switch {
	case s == "" || len(s) > maxLinkName:
		return "", fmt.Errorf("want 1 to %d characters, have %d", maxLinkName, len(s))
	case s == "." || s == "..":
		return "", errors.New("not a name for a link")
	case strings.ContainsAny(s, "/:%@") || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "", errors.New("want printable ASCII characters without space, '/', ':', '%' and '@'")
	}
	return s, nil
}

// parseGroup checks the name of an interface group by vmd's rule.
func parseGroup(s string) (string, error) {
	switch {
	case s == "" || len(s) > maxGroupName:
		return "", fmt.Errorf("want 1 to %d characters, have %d", maxGroupName, len(s))
	case !only(s, "_-"):
		return "", errors.New("want letters, digits, '_' and '-' only")
	case s[len(s)-1] >= '0' && s[len(s)-1] <= '9':
		return "", errors.New("a group must not end with a digit")
	}
	return s, nil
}

// parseVMName checks the name of a VM, or a part of one.
func parseVMName(s string) (string, error) {
	if s == "" || len(s) > maxVMName {
		return "", fmt.Errorf("want 1 to %d characters, have %d", maxVMName, len(s))
	}
	if !only(s, "._/-") {
		return "", errors.New("want letters, digits, '.', '_', '/' and '-' only")
	}
	return s, nil
}

// parseLine checks a text that people read: printable, spaces included.
func parseLine(s string) (string, error) {
	if s == "" || len(s) > maxFreeText {
		return "", fmt.Errorf("want 1 to %d bytes, have %d", maxFreeText, len(s))
	}
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return "", errors.New("want printable characters only")
		}
	}
	return s, nil
}

// parseWord checks a text of the guest's resolv.conf, where a space would
// begin another.
func parseWord(s string) (string, error) {
	if strings.Contains(s, " ") {
		return "", errors.New("want no spaces")
	}
	return parseLine(s)
}

// only reports whether s has letters, digits and the characters of others.
func only(s, others string) bool {
	for i := range len(s) {
		if !alphanumeric(s[i]) && strings.IndexByte(others, s[i]) < 0 {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
