package main

// kind is a kind of JSON value, in the words of pkg/config's messages.
type kind string

// The kinds.
const (
	boolean kind = "true or false"
	number  kind = "a number"
	text    kind = "a string"
	list    kind = "a list"
	object  kind = "an object"
	null    kind = "null"
)

// form is one form that a value may have.
type form struct {
	kind   kind
	lo, hi uint64    // of a number, both included
	words  []string  // of a string: one of these
	text   *textForm // of a string: what it looks like
	item   *form     // of a list
}

func flag() form { return form{kind: boolean} }

// num is a whole number from lo to hi, both included.
func num(lo, hi uint64) form { return form{kind: number, lo: lo, hi: hi} }

func str(t textForm) form { return form{kind: text, text: &t} }

// word is one of these words.
func word(words ...string) form { return form{kind: text, words: words} }

func listOf(item form) form { return form{kind: list, item: &item} }

func obj() form { return form{kind: object} }

// either is some forms, in the order of pkg/config's messages.
func either(forms ...form) []form { return forms }

// oneOrList is a string, or a list of such strings.
func oneOrList(t textForm) []form { return either(str(t), listOf(str(t))) }

// textForm is what a string looks like.
type textForm struct {
	name   string // what it is called on the page; "" for a string of which little is asked
	rule   string // Markdown
	schema map[string]any
	good   []string // strings that are accepted
	bad    []bad
}

// bad is a string that is refused.
type bad struct {
	text    string
	message string // the end of the message, after the key and the value
	beyond  bool   // a schema cannot tell
}
