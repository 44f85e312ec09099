package main

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"
)

//go:embed page_head.md
var pageHead string

//go:embed page_editor.md
var pageEditor string

// page returns docs/configuration.md.
func page(t table) []byte {
	w := &writer{t: t}
	w.put(pageHead)
	w.list()
	w.put("\n" + pageEditor)
	w.reading()
	w.glance()
	w.texts()
	for _, g := range t {
		w.linef("\n## %s", g.heading)
		if g.intro != "" {
			w.prose(g.intro)
		}
		for _, k := range g.keys {
			w.key(k)
		}
	}
	return []byte(w.b.String())
}

type writer struct {
	t table
	b strings.Builder
}

func (w *writer) put(s string) { w.b.WriteString(s) }

func (w *writer) linef(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// prose writes a paragraph, in lines of 120 characters at most. Code spans are
// not broken.
func (w *writer) prose(text string) {
	span := regexp.MustCompile("`[^`]*`|\\[[^]]*\\]\\([^)]*\\)")
	text = span.ReplaceAllStringFunc(text, func(s string) string { return strings.ReplaceAll(s, " ", "\x00") })
	w.put("\n")
	length := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && length+1+len(word) > 120:
			w.put("\n")
			length = 0
		case i > 0:
			w.put(" ")
			length++
		}
		w.put(strings.ReplaceAll(word, "\x00", " "))
		length += len(word)
	}
	w.put("\n")
}

// list writes the keys of the list around the block.
func (w *writer) list() {
	w.linef("\nThe keys of the list are the runtime's:\n\n| key | what it means |\n|---|---|")
	for _, k := range listKeys() {
		w.linef("| `%s` | %s |", k.name, k.meaning)
	}
}

// reading writes what is refused wherever it stands.
func (w *writer) reading() {
	w.linef("\n## How the block is read")
	w.prose("Strictly: what vmtap does not know, or cannot do yet, is an error and never passed over. The key that is passed over could be the one that isolates. Nothing is changed on the node before all is read.")
	w.linef("\nWherever it stands, this is refused:\n\n| what | for example | message | code |\n|---|---|---|---|")
	for _, c := range commons() {
		w.linef("| %s | `%s` | `%s` | %d |", c.what, c.members, c.message, c.code)
	}
	w.prose("Beside these, each key below has what is refused for it. What only the node can tell is refused too, before anything is changed; [troubleshooting.md](troubleshooting.md) has those messages.")
	w.prose("Keys with a dot or a slash, such as `example.com/x`, are others', and not looked at. Only one like `switch.rdomain` is refused: it means the key in `switch`.")
	w.prose("ADD and CHECK read all of the block, STATUS all but what a pod chooses. DEL and GC read little more than `name`, so a block that was changed or is broken does not stop them.")
	w.linef("\n### Keys of other plugins")
	w.prose("Keys of the bridge, tap and other reference plugins, and keys that stand on the wrong level, are unknown. The message says what to write instead:")
	w.linef("\n| key | message ends with |\n|---|---|")
	for _, o := range others() {
		w.linef("| `%s` | %s |", strings.Join(o.keys, "`, `"), o.advice)
	}
}

// glance writes the table of all keys of the block.
func (w *writer) glance() {
	w.linef("\n## All keys at a glance\n\n| key | type | default | |\n|---|---|---|---|")
	for _, k := range w.t.keys() {
		if k.origin != inBlock {
			continue
		}
		note := ""
		if late, ok := w.t.postponed(k); ok {
			note = "not supported yet"
			if late.path() == k.path() && len(k.later.accepted) > 0 {
				note = "only " + codes(k.later.accepted) + " yet"
			}
		}
		w.linef("| [%s](#%s) | %s | %s | %s |", strings.NewReplacer("[]", `\[\]`, "<", `\<`).Replace(k.path()), anchor(k.path()), typeOf(k), defaultOf(k), note)
	}
}

// texts writes what strings look like.
func (w *writer) texts() {
	w.linef("\n## Forms of strings")
	for _, f := range textForms() {
		w.linef("\n### %s\n\n%s\n", f.heading(), f.rule)
		var good []string
		for _, g := range f.good {
			if len(g) <= 40 {
				good = append(good, quoted(g))
			}
		}
		w.linef("- Accepted: %s", codes(good))
		w.linef("- Refused:")
		for _, b := range f.bad {
			if len(b.text) <= 40 {
				w.linef("  - `%s`: `%s`", quoted(b.text), b.message)
			}
		}
	}
}

// heading is the form's name with its article.
func (f textForm) heading() string {
	if f.name == "ranges" {
		return "Ranges"
	}
	if strings.ContainsAny(f.name[:1], "aeiou") || f.name == "lladdr" || strings.HasPrefix(f.name, "IP") {
		return "An " + f.name
	}
	return "A " + f.name
}

// key writes a key's section.
func (w *writer) key(k key) {
	w.linef("\n### %s", strings.ReplaceAll(k.path(), "<", `\<`))
	w.prose(strings.Join(append([]string{k.meaning}, k.notes...), " "))
	w.linef("")
	if late, ok := w.t.postponed(k); ok {
		switch {
		case late.path() != k.path():
			w.linef("- Not supported yet, since `%s` is not.", late.path())
		case len(k.later.accepted) == 0:
			w.linef("- Not supported yet: all values are refused.")
		default:
			w.linef("- Not supported yet: only %s is accepted.", codes(k.later.accepted))
		}
	}
	w.linef("- Type: %s", typeOf(k))
	if f, ok := numberOf(k); ok {
		w.linef("- Range: %d to %d", f.lo, f.hi)
	}
	if k.unit != "" {
		w.linef("- Unit: %s", k.unit)
	}
	switch d := defaultOf(k); {
	case k.required:
		w.linef("- Default: none, it %s", d)
	case d != "-":
		w.linef("- Default: %s", d)
	}
	var examples []string
	for _, e := range k.examples {
		examples = append(examples, w.t.shownExample(k, e))
	}
	w.linef("- Example: %s", codes(examples))
	if k.node != "" {
		w.linef("- Refused on the node: %s", k.node)
	}
	if len(k.refused) > 0 {
		w.linef("- Refused:")
	}
	for _, r := range k.refused {
		w.linef("  - %s: `%s` (code %d)", w.t.shownRefusal(k, r), r.message, r.code)
	}
}

// shownExample is a value at its place.
func (d table) shownExample(k key, value string) string {
	if k.origin == inAnnotation {
		return strings.TrimPrefix(k.path(), "annotation ") + ": " + quoted(value)
	}
	return d.with(k, value)
}

func (d table) shownRefusal(k key, r refusal) string {
	switch {
	case r.words != "":
		return r.words
	case r.members != "" && r.args != "":
		return "`" + r.members + "`, with CNI_ARGS `" + r.args + "`"
	case r.members != "" || r.args != "":
		return "`" + r.members + r.args + "`"
	}
	return "`" + d.shownExample(k, r.value) + "`"
}
