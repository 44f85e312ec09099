package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// numberOf returns the form of the numbers in a value.
func numberOf(k key) (form, bool) {
	if l, ok := k.form(list); ok && l.item.kind == number {
		return *l.item, true
	}
	return k.form(number)
}

// typeOf is a key's type in words.
func typeOf(k key) string {
	var all []string
	for _, f := range k.forms {
		all = append(all, formWords(f, false))
	}
	switch {
	case len(all) == 0:
		return k.typed
	case k.origin == inAnnotation:
		return "string: " + strings.Replace(all[0], "true or false", "`true` or `false`", 1)
	}
	return strings.Join(all, ", or ")
}

// formWords is a form in words, of one or of several in a list.
func formWords(f form, several bool) string {
	plural := func(one, more string) string {
		if several {
			return more
		}
		return one
	}
	switch f.kind {
	case boolean:
		return "true or false"
	case number:
		return plural("whole number", "whole numbers")
	case list:
		return "list of " + formWords(*f.item, true)
	case object:
		return plural("object", "objects")
	}
	switch {
	case f.words != nil:
		return codes(f.words)
	case f.text.name == "":
		return plural("address, with a prefix length or without", "addresses, with a prefix length or without")
	}
	return fmt.Sprintf("[%s](#%s)", plural(f.text.name, pluralOf(f.text.name)), anchor(f.text.heading()))
}

func pluralOf(noun string) string {
	for _, end := range []string{"ss", "x"} {
		if strings.HasSuffix(noun, end) {
			return noun + "es"
		}
	}
	if strings.HasSuffix(noun, "s") {
		return noun
	}
	return noun + "s"
}

// defaultOf is a key's default.
func defaultOf(k key) string {
	switch {
	case k.required:
		return "must be given"
	case k.def != "":
		return "`" + k.def + "`"
	case k.defWords != "":
		return k.defWords
	}
	return "-"
}

// codes returns code spans, the last after "or".
func codes(texts []string) string {
	var b strings.Builder
	for i, s := range texts {
		switch {
		case i > 0 && i == len(texts)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString("`" + s + "`")
	}
	return b.String()
}

// quoted returns a JSON string.
func quoted(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // of a string
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// anchor returns the fragment that leads to a heading.
func anchor(heading string) string {
	s := strings.ReplaceAll(strings.ToLower(heading), " ", "-")
	return regexp.MustCompile(`[^a-z0-9_-]`).ReplaceAllString(s, "")
}
