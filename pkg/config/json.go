package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// What stdin may be. A configuration comes nowhere near; what does is no
// configuration.
const (
	maxSize  = 1 << 20 // bytes
	maxDepth = 32      // objects and lists inside each other
)

// kind is a kind of JSON value. The zero kind is null.
type kind uint8

const (
	null kind = iota
	boolean
	number
	text
	list
	object
)

// String returns the kind with its article, for "want a string, have null".
func (k kind) String() string {
	return [...]string{"null", "true or false", "a number", "a string", "a list", "an object"}[k]
}

// value is one JSON value. Unlike Go's maps it keeps the order of members,
// so that the first thing wrong is always the same one.
type value struct {
	kind    kind
	yes     bool     // of a boolean
	text    string   // of a string; of a number, as it was written
	items   []value  // of a list
	members []member // of an object
	raw     []byte   // all of it, as it was written
}

type member struct {
	key   string
	value value
}

// decodeJSON reads one JSON value. It refuses more than encoding/json does:
// a key that stands twice in an object (who is right?), text that is not
// UTF-8, and what is larger or deeper than any configuration.
func decodeJSON(data []byte) (value, error) {
	if len(data) > maxSize {
		return value{}, Errorf(CodeDecoding, "decode configuration: %d bytes, want %d at most", len(data), maxSize)
	}
	if !utf8.Valid(data) {
		return value{}, Errorf(CodeDecoding, "decode configuration: not UTF-8")
	}
	d := decoder{data: data, tokens: json.NewDecoder(bytes.NewReader(data))}
	d.tokens.UseNumber()
	v, err := d.value(maxDepth)
	if err != nil {
		return value{}, err
	}
	if _, err := d.tokens.Token(); !errors.Is(err, io.EOF) {
		return value{}, d.fail("something follows the JSON value")
	}
	return v, nil
}

type decoder struct {
	data   []byte
	tokens *json.Decoder
}

// value reads the next value, which may be depth levels deep.
func (d *decoder) value(depth int) (value, error) {
	start := d.tokens.InputOffset()
	token, err := d.token()
	if err != nil {
		return value{}, err
	}
	v, err := d.rest(token, depth)
	// The offset before a token is the last token's end: what separates
	// the two is still ahead.
	v.raw = bytes.TrimLeft(d.data[start:d.tokens.InputOffset()], " \t\r\n:,")
	return v, err
}

// rest reads what belongs to the value that begins with token.
func (d *decoder) rest(token json.Token, depth int) (value, error) {
	switch t := token.(type) {
	case bool:
		return value{kind: boolean, yes: t}, nil
	case json.Number:
		return value{kind: number, text: t.String()}, nil
	case string:
		return value{kind: text, text: t}, nil
	case json.Delim:
		if depth == 0 {
			return value{}, d.fail(fmt.Sprintf("more than %d levels deep", maxDepth))
		}
		if t == '[' {
			return d.list(depth - 1)
		}
		return d.object(depth - 1)
	}
	return value{}, nil // null
}

func (d *decoder) list(depth int) (value, error) {
	v := value{kind: list}
	for d.tokens.More() {
		item, err := d.value(depth)
		if err != nil {
			return value{}, err
		}
		v.items = append(v.items, item)
	}
	_, err := d.token() // the closing bracket
	return v, err
}

func (d *decoder) object(depth int) (value, error) {
	v := value{kind: object}
	seen := map[string]bool{}
	for d.tokens.More() {
		token, err := d.token()
		if err != nil {
			return value{}, err
		}
		key, _ := token.(string) // the decoder lets nothing else be a key
		if seen[key] {
			return value{}, d.fail("key " + quote(key) + " stands twice in one object")
		}
		seen[key] = true
		item, err := d.value(depth)
		if err != nil {
			return value{}, err
		}
		v.members = append(v.members, member{key, item})
	}
	_, err := d.token() // the closing brace
	return v, err
}

// token is the next token; here the input must not end.
func (d *decoder) token() (json.Token, error) {
	t, err := d.tokens.Token()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, d.fail("ends too early")
	case err != nil:
		return nil, d.fail(clip(err.Error()))
	}
	return t, nil
}

func (d *decoder) fail(cause string) error {
	return Errorf(CodeDecoding, "decode configuration: byte %d: %s", d.tokens.InputOffset(), cause)
}
