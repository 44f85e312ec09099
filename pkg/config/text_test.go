package config

import (
	"strings"
	"testing"
)

func TestQuote(t *testing.T) {
	a64 := strings.Repeat("a", 64)
	tests := []struct{ in, want string }{
		{"", `""`},
		{`a"b`, `"a\"b"`},
		{a64, `"` + a64 + `"`},
		{a64 + "b", `"` + a64 + `"...`},
		{a64[:63] + "\n", `"` + a64[:63] + `"...`}, // an escape is not cut in two
		{strings.Repeat("é", 65), `"` + strings.Repeat("é", 64) + `"...`},
		{"\xff\x1b\u2028", `"\xff\x1b\u2028"`},
	}
	for _, tt := range tests {
		if got := quote(tt.in); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.in, got, tt.want)
		}
	}
}

func TestClip(t *testing.T) {
	tests := []struct{ in, want string }{
		{"[1,\n2]", "[1, 2]"},
		{strings.Repeat("1", 64), strings.Repeat("1", 64)},
		{strings.Repeat("1", 65), strings.Repeat("1", 64) + "..."},
		{"\u0085\u202e\xff", "  \ufffd"},
	}
	for _, tt := range tests {
		if got := clip(tt.in); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.in, got, tt.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"id", "up", "mtu", "rdomain", "rdomains", "group", "groups", "vlanTrunk"}
	tests := []struct{ key, want string }{
		{"rdomian", "rdomain"},
		{"RDomain", "rdomain"},
		{"rdomainss", "rdomains"},
		{"gruop", "group"},
		{"mut", "mtu"},
		{"vlantrunks", "vlanTrunk"},
		{"ud", "id"},
		{"placement", ""},
		{"x", ""},
		{"", ""},
		{strings.Repeat("rdomain", 100), ""},
	}
	for _, tt := range tests {
		if got := nearest(tt.key, known); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.key, got, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"abc", "abc", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "acb", 1},
		{"abcd", "bacd", 1},
		{"abc", "ab", 1},
		{"abc", "abxc", 1},
		{"abc", "axc", 1},
		{"kitten", "sitting", 3},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q to %q: got %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
