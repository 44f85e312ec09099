package main

import (
	"strings"
	"testing"
)

// TestNotChained: in placement chained those keys are refused that are said to
// be, with any value, and no others.
func TestNotChained(t *testing.T) {
	d, s := describe(), compiled(t)
	said := map[string]bool{}
	for _, name := range notChained() {
		said[name] = true
	}
	for _, k := range d.of("") {
		if k.name == "placement" || k.name == "prevResult" {
			continue
		}
		var values []string // that are supported
		if k.later != nil {
			values = k.later.accepted
		} else {
			values = k.examples
		}
		refused := 0
		for _, v := range values {
			c := call{`"placement": "chained", "` + k.name + `": ` + v, ""}
			_, err := c.parse()
			if err != nil && strings.Contains(err.Error(), "placement chained") {
				refused++
			}
			if k.inSchema() {
				late, postponed := d.postponed(k) // then the schema may know no value
				if !postponed || late.later.accepts(v) {
					d.both(t, s, c.members, k.name == "args")
				}
			}
		}
		switch k.name {
		case "local", "up", "args", "device": // of which it depends on the value
			continue
		}
		if all := refused == len(values); all != said[k.name] || refused > 0 != all {
			t.Errorf("%s: %d of %d values are refused, the page says %t", k.name, refused, len(values), said[k.name])
		}
	}
}
