package config

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxShown is how many characters of a text from outside a message shows.
const maxShown = 64

// quote returns s as %q does, cut at maxShown characters.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for shown := 0; s != ""; {
		_, size := utf8.DecodeRuneInString(s)
		piece := strconv.Quote(s[:size]) // one character, or its escape
		piece = piece[1 : len(piece)-1]
		if shown += utf8.RuneCountInString(piece); shown > maxShown {
			return b.String() + `"...`
		}
		b.WriteString(piece)
		s = s[size:]
	}
	return b.String() + `"`
}

// clip returns s on one line, cut at maxShown characters. It is for texts
// that are no strings: a number, an object.
func clip(s string) string {
	var b strings.Builder
	shown := 0
	for _, r := range s {
		if shown++; shown > maxShown {
			return b.String() + "..."
		}
		if !strconv.IsPrint(r) {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String()
}

// show returns a JSON value for a message.
func show(v value) string {
	if v.kind == text {
		return quote(v.text)
	}
	return clip(string(v.raw))
}

// label returns a key for a path: as it is if it cannot be misread.
func label(key string) string {
	if only(key, "._/-") && len(key) <= maxShown {
		return key
	}
	return quote(key)
}
