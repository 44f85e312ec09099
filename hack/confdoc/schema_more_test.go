package main

import (
	"fmt"
	"testing"
)

// TestSchemaLater: the schema is right, too, once the keys are supported that
// are not yet.
func TestSchemaLater(t *testing.T) {
	d := describe()
	late, accepted := map[string]bool{}, map[string][]string{}
	for i := range d {
		for j := range d[i].keys {
			if k := &d[i].keys[j]; k.later != nil {
				late[k.path()], accepted[k.path()] = k.inSchema(), k.later.accepted
			}
		}
	}
	for i := range d {
		for j := range d[i].keys {
			d[i].keys[j].later = nil
		}
	}
	s := compile(t, d)
	check := func(members string, valid bool) {
		if err := validate(s, members); (err == nil) != valid {
			t.Errorf("%s: want valid %t, got %v", members, valid, err)
		}
	}
	for _, k := range d.keys() {
		if !late[k.path()] && !late[k.parent()] {
			continue
		}
		for _, e := range append(k.examples, accepted[k.path()]...) {
			check(d.call(k, e).members, true)
		}
		for _, r := range k.refused {
			check(d.refusal(k, r).members, r.beyond)
		}
		for _, f := range k.forms {
			around := `%s`
			if f.kind == list {
				around, f = `[%s]`, *f.item
			}
			if f.text != nil {
				for _, g := range f.text.good {
					check(d.call(k, fmt.Sprintf(around, quoted(g))).members, true)
				}
				for _, b := range f.text.bad {
					check(d.call(k, fmt.Sprintf(around, quoted(b.text))).members, b.beyond)
				}
			}
		}
	}
}

// TestSchemaLists: the list around the block.
func TestSchemaLists(t *testing.T) {
	s := compiled(t)
	const vmtap = `{"type": "vmtap"}`
	for _, c := range []struct {
		list  string
		valid bool
	}{
		{`{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [` + vmtap + `]}`, true},
		{`{"cniVersions": ["1.0.0", "9.0.0"], "name": "vmnet", "plugins": [` + vmtap + `]}`, true},
		{`{"$schema": "vmtap.schema.json", "cniVersion": "1.0.0", "name": "vmnet", "disableGC": true, "disableCheck": false, "loadOnlyInlinedPlugins": true, "plugins": [` + vmtap + `]}`, true},
		{`{"cniVersion": "1.0.0", "name": "vmnet", "cni.dev/x": 5, "plugins": [` + vmtap + `]}`, true},
		{`{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [` + vmtap + `, {"type": "bandwidth", "ingressRate": 1}, {"type": "tuning", "mtu": "x"}]}`, true},
		{`{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "ptp", "switch": 5}]}`, true},
		{`{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "ptp"}, {"type": "vmtap", "switch": 5}]}`, false},
		{`{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"switch": "bridge0"}]}`, false},
		{`{"cniVersion": "1.0.0", "name": "vmnet", "plugins": []}`, false},
		{`{"cniVersion": "1.0.0", "name": "vmnet"}`, false},
		{`{"cniVersion": "1.0.0", "plugins": [` + vmtap + `]}`, false},
		{`{"cniVersion": "1.0.0", "name": "my net", "plugins": [` + vmtap + `]}`, false},
		{`{"cniVersion": "0.2.0", "name": "vmnet", "plugins": [` + vmtap + `]}`, false},
		{`{"name": "vmnet", "plugins": [` + vmtap + `]}`, false},
		{`{"cniVersions": ["one"], "name": "vmnet", "plugins": [` + vmtap + `]}`, false},
		{`{"cniVersion": "1.0.0", "name": "vmnet", "disableChek": true, "plugins": [` + vmtap + `]}`, false},
		{`[]`, false},
	} {
		if err := validateText(s, c.list); (err == nil) != c.valid {
			t.Errorf("%s: want valid %t, got %v", c.list, c.valid, err)
		}
	}
}
