package install

import "testing"

func TestNewer(t *testing.T) {
	// In rising order.
	versions := []string{"v0.1.0-rc.1", "v0.1.0-rc.1-3-g0123abc", "v0.1.0-rc.2", "v0.1.0", "v0.1.0-1-gabcdef0", "v0.1.0-12-gabcdef0-dirty", "v0.1.1", "v0.2.0", "v0.10.0", "v1.0.0"}
	for i, a := range versions {
		for j, b := range versions {
			if newer := Newer(a, b); newer != (i > j) {
				t.Errorf("%s newer than %s: %t", a, b, newer)
			}
		}
	}
	for _, c := range [][2]string{
		{"", "v1.0.0"},
		{"v1.0.0", ""},
		{"unknown", "v0.1.0"},
		{"v1.0.0", "ad9a133-dirty"},
		{"ad9a133", "0123abc"},
		{"v1.0.0-dirty", "v1.0.0"},
		{"1.0.1", "v1.0.0"},
		{"v0.1.0-1-gabcdef0", "v0.1.0-1-g0123abc"},
	} {
		if Newer(c[0], c[1]) {
			t.Errorf("%q is newer than %q", c[0], c[1])
		}
	}
}

func TestVersionIn(t *testing.T) {
	for said, want := range map[string]string{
		"vmtap v0.1.0: a CNI plugin that\nmore": "v0.1.0",
		"vmtap unknown: a":                      "unknown",
		"CNI bridge plugin v1.9.1\n":            "",
		"vmtap v1 is not: it":                   "",
		"vmtap: nothing":                        "",
		"more\nvmtap v0.1.0: a":                 "",
		"":                                      "",
	} {
		if have := versionIn([]byte(said)); have != want {
			t.Errorf("%q: %q, want %q", said, have, want)
		}
	}
}
