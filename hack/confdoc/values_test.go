package main

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What the description says about values is what pkg/config does.

func TestExamples(t *testing.T) {
	d := describe()
	for _, k := range d.keys() {
		t.Run(k.path(), func(t *testing.T) {
			if len(k.examples) == 0 {
				t.Error("there is no example")
			}
			for _, e := range k.examples {
				d.wantAccepted(t, k, e)
				shown := k // as the page shows it
				shown.beside = ""
				d.wantAccepted(t, shown, e)
			}
			if k.later == nil {
				return
			}
			for _, a := range k.later.accepted {
				d.wantAccepted(t, k, a)
			}
			if !slices.ContainsFunc(k.examples, func(e string) bool { return !k.later.accepts(e) }) {
				t.Error("there is no example of what is not supported yet")
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	d := describe()
	for _, k := range d.keys() {
		t.Run(k.path(), func(t *testing.T) {
			for _, r := range k.refused {
				wantRefused(t, d.refusal(k, r), r.code, r.message)
			}
		})
	}
}

// TestDefaults: a key with its default is no other request than one without.
func TestDefaults(t *testing.T) {
	d := describe()
	checked := 0
	for _, k := range d.keys() {
		t.Run(k.path(), func(t *testing.T) {
			if (k.def == "") == (k.defWords == "") && !k.required && len(k.forms) > 0 {
				t.Error("want a default, as a value or in words, or that it is required")
			}
			pairs := k.same
			if k.def != "" {
				pairs = append(pairs, members{d.without(k), d.with(k, k.def)})
			}
			for _, p := range pairs {
				checked++
				without, err := call{p.without, ""}.parse()
				if err != nil {
					t.Errorf("%s: %v", p.without, err)
				}
				with, err := call{p.with, ""}.parse()
				if err != nil {
					t.Errorf("%s: %v", p.with, err)
				}
				if !reflect.DeepEqual(without, with) {
					t.Errorf("%s is not %s:\n%+v\n%+v", p.with, p.without, with, without)
				}
			}
		})
	}
	if checked < 40 {
		t.Errorf("only %d defaults were checked", checked)
	}
}

// TestRequired: what is required is missed, and nothing else.
func TestRequired(t *testing.T) {
	d := describe()
	for _, k := range d.keys() {
		if k.origin != inBlock || k.name == "type" || k.name == "cniVersion" || k.name == "name" && k.prefix == "" {
			continue // the last three by libcni
		}
		outer, ok := d.key(k.parent())
		if !ok || outer.around == "" {
			continue
		}
		c := call{d.without(k), ""}
		_, err := c.parse()
		if missed := err != nil && err.Error() == "read "+k.inMessage()+": missing, give one"; missed != k.required {
			t.Errorf("%s: required %t, but %s: %v", k.path(), k.required, c.members, err)
		}
	}
}

// TestKinds: a value of another kind is refused, and the message names the
// kinds that are not.
func TestKinds(t *testing.T) {
	d := describe()
	samples := []struct {
		kind        kind
		value, have string
	}{
		{null, `null`, "null"},
		{boolean, `true`, "true"},
		{number, `5`, "a number"},
		{text, `"x"`, "a string"},
		{list, `[]`, "a list"},
		{object, `{}`, "an object"},
	}
	wrong := func(t *testing.T, k key, path string, forms []form, around string) {
		var kinds []string
		for _, f := range forms {
			kinds = append(kinds, string(f.kind))
		}
		for _, s := range samples {
			if slices.Contains(kinds, string(s.kind)) || s.kind == null && k.nullable {
				continue
			}
			message := fmt.Sprintf("read %s: want %s, have %s", path, strings.Join(kinds, " or "), s.have)
			wantRefused(t, call{d.with(k, fmt.Sprintf(around, s.value)), ""}, codeType, message)
		}
	}
	for _, k := range d.keys() {
		t.Run(k.path(), func(t *testing.T) {
			switch {
			case len(k.forms) == 0 || k.origin == inVariable: // all strings
			case k.later != nil && k.origin == inRuntime: // refused unread
			case k.origin == inAnnotation:
				wrong(t, k, k.inMessage(), either(str(anyText())), `%s`)
			default:
				wrong(t, k, k.inMessage(), k.forms, `%s`)
				if l, ok := k.form(list); ok {
					nullable := k
					nullable.nullable = false // in a list it is not
					wrong(t, nullable, k.inMessage()+"[0]", either(*l.item), `[%s]`)
				}
			}
		})
	}
}

// TestBounds: the last number on either side is accepted, the next one is not.
func TestBounds(t *testing.T) {
	d := describe()
	for _, k := range d.keys() {
		t.Run(k.path(), func(t *testing.T) {
			f, ok := k.form(number)
			l, isList := k.form(list)
			around, path := `%s`, k.inMessage()
			switch {
			case isList && l.item.kind == number:
				f, around, path = *l.item, `[%s]`, path+"[0]"
			case !ok:
				return
			}
			show := func(s string) string { return s }
			if k.origin == inVariable || k.origin == inAnnotation {
				show = strconv.Quote
			}
			for _, n := range []uint64{f.lo, f.hi} {
				d.wantAccepted(t, k, fmt.Sprintf(around, strconv.FormatUint(n, 10)))
			}
			for _, s := range []string{strconv.FormatInt(int64(f.lo)-1, 10), strconv.FormatUint(f.hi+1, 10), "1.5"} {
				wantRefused(t, d.call(k, fmt.Sprintf(around, s)), k.code(),
					fmt.Sprintf("read %s %s: want a whole number from %d to %d", path, show(s), f.lo, f.hi))
			}
		})
	}
}

// TestTexts: each key of a form of strings accepts the form's good ones and
// refuses the others, alone and in a list.
func TestTexts(t *testing.T) {
	d := describe()
	check := func(t *testing.T, k key, f *textForm, path, around string) {
		for _, s := range f.good {
			d.wantAccepted(t, k, fmt.Sprintf(around, k.written(s)))
		}
		for _, b := range f.bad {
			wantRefused(t, d.call(k, fmt.Sprintf(around, k.written(b.text))), k.code(),
				fmt.Sprintf("read %s %s: %s", path, shown(b.text), b.message))
		}
	}
	for _, k := range d.keys() {
		t.Run(k.path(), func(t *testing.T) {
			if f, ok := k.form(text); ok && f.text != nil {
				check(t, k, f.text, k.inMessage(), `%s`)
			}
			if l, ok := k.form(list); ok && l.item.text != nil && k.origin != inAnnotation {
				check(t, k, l.item.text, k.inMessage()+"[0]", `[%s]`)
			}
		})
	}
}

// TestWords: of some words each is accepted, and a misspelt one is refused with
// all that could be meant.
func TestWords(t *testing.T) {
	d := describe()
	checked := 0
	for _, k := range d.keys() {
		f, ok := k.form(text)
		if !ok || f.words == nil {
			continue
		}
		checked++
		for _, w := range f.words {
			d.wantAccepted(t, k, quoted(w))
			miss := misspelt(w)
			want := fmt.Sprintf("read %s %q: want %s", k.path(), miss, strings.Join(f.words, " or "))
			code := codeValue
			if k.name == "cniVersion" {
				want, code = fmt.Sprintf("read cniVersion %q: not supported, want %s", miss, strings.Join(f.words, ", ")), 1
			}
			wantRefused(t, d.call(k, quoted(miss)), code, want)
		}
	}
	if checked < 3 {
		t.Errorf("only %d keys have words", checked)
	}
}

// misspelt swaps the first two letters next to each other that differ.
func misspelt(s string) string {
	for i := 1; i < len(s); i++ {
		if s[i] != s[i-1] {
			return s[:i-1] + s[i:i+1] + s[i-1:i] + s[i+1:]
		}
	}
	return s + s
}
