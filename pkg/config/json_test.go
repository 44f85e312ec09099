package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestDecodeJSONRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	tests := []struct{ name, data, want string }{
		{"nothing", ``, `decode configuration: byte 0: ends too early`},
		{"space", " \n", `decode configuration: byte 0: ends too early`},
		{"a string that does not end", `{"a": "x`, `decode configuration: byte 6: ends too early`},
		{"an object that does not end", `{"a": 1`, `decode configuration: byte 7: ends too early`},
		{"a list that does not end", `[1,`, `decode configuration: byte 3: ends too early`},
		{"trailing comma", `{"a": 1,}`, `decode configuration: byte 8: invalid character '}'`},
		{"no quotes", `{a: 1}`, `decode configuration: byte 1: invalid character 'a'`},
		{"a number as key", `{1: 1}`, `decode configuration: byte 1: invalid character '1'`},
		{"leading zero", `[01]`, `decode configuration: byte 2: invalid character '1'`},
		{"comment", `{} // x`, `decode configuration: byte 3: something follows the JSON value`},
		{"two values", `{} {}`, `decode configuration: byte 4: something follows the JSON value`},
		{"not UTF-8", "{\"a\": \"\xff\"}", `decode configuration: not UTF-8`},
		{"one key twice", `{"a": 1, "b": 2, "a": 1}`, `decode configuration: byte 20: key "a" stands twice in one object`},
		{"one key twice, escaped", `{"ab": 1, "\u0061b": 1}`, `decode configuration: byte 19: key "ab" stands twice in one object`},
		{"one key twice, deep down", `[{"x": {"a": 1, "a": 1}}]`, `decode configuration: byte 19: key "a" stands twice in one object`},
		{"one level too many", deep(33), `decode configuration: byte 33: more than 32 levels deep`},
		{"one byte too many", `"` + strings.Repeat("a", 1<<20-1) + `"`, `decode configuration: 1048577 bytes, want 1048576 at most`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := decodeJSON([]byte(tt.data))
			if err != nil && strings.Contains(tt.want, "invalid character") {
				// What encoding/json says further is its own.
				err = Errorf(CodeDecoding, "%s", err.Error()[:min(len(tt.want), len(err.Error()))])
			}
			wantError(t, err, CodeDecoding, tt.want)
		})
	}
	for _, data := range []string{deep(32), `"` + strings.Repeat("a", 1<<20-2) + `"`} {
		if _, err := decodeJSON([]byte(data)); err != nil {
			t.Errorf("at the limit: %v", err)
		}
	}
}

// Each value has its own text, without what separates it from others.
func TestDecodeJSONRaw(t *testing.T) {
	v, err := decodeJSON([]byte(" {\"a\" :\t[ 1 ,\r\n-2.50e1 ] , \"b\":{ }, \"c\": \"x\\n\"}\n"))
	if err != nil {
		t.Fatal(err)
	}
	list := v.members[0].value
	for _, tt := range []struct {
		v    value
		want string
	}{
		{list, "[ 1 ,\r\n-2.50e1 ]"},
		{list.items[0], "1"},
		{list.items[1], "-2.50e1"},
		{v.members[1].value, "{ }"},
		{v.members[2].value, `"x\n"`},
	} {
		if got := string(tt.v.raw); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

// encode writes a value from its parts, not from its raw text.
func encode(b *bytes.Buffer, v value) {
	switch v.kind {
	case null:
		b.WriteString("null")
	case boolean:
		fmt.Fprint(b, v.yes)
	case number:
		b.WriteString(v.text)
	case text:
		encodeString(b, v.text)
	case list:
		b.WriteByte('[')
		for i, item := range v.items {
			if i > 0 {
				b.WriteByte(',')
			}
			encode(b, item)
		}
		b.WriteByte(']')
	case object:
		b.WriteByte('{')
		for i, m := range v.members {
			if i > 0 {
				b.WriteByte(',')
			}
			encodeString(b, m.key)
			b.WriteByte(':')
			encode(b, m.value)
		}
		b.WriteByte('}')
	}
}

func encodeString(b *bytes.Buffer, s string) {
	quoted, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string
	}
	b.Write(quoted)
}

// What encoding/json refuses is refused, and what is accepted means what it
// means to encoding/json, as a whole and in each part's raw text.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{
		`{"a": [1, -2.5e+3, true, false, null, "x\u00e9\ud83d\ude00"], "b": {"c": {}}}`,
		`[[[[]]]]`, `"\ud800"`, `{"a":1,"a":2}`, `{"a":1,}`, `01`, `1 2`, `{"a"1}`, "\xff", `nul`, `[1,,2]`, ` {} `,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := decodeJSON(data)
		if err != nil {
			checkError(t, err)
			return
		}
		if !json.Valid(data) {
			t.Fatalf("accepted %q", data)
		}
		var b bytes.Buffer
		encode(&b, v)
		if got, want := decodeAny(t, b.Bytes()), decodeAny(t, data); !reflect.DeepEqual(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if got, want := decodeAny(t, v.raw), decodeAny(t, data); !reflect.DeepEqual(got, want) {
			t.Errorf("raw: got %v, want %v", got, want)
		}
	})
}

func decodeAny(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%q: %v", data, err)
	}
	return v
}
