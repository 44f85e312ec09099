package snapshot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// object is one of iproute2's JSON objects.
type object map[string]any

// documents decodes arrays of objects that stand one after the other, as `ip -json -batch` prints them.
func documents(text []byte) ([][]object, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var docs [][]object
	for {
		var doc []object
		switch err := dec.Decode(&doc); err {
		case nil:
			docs = append(docs, doc)
		case io.EOF:
			return docs, nil
		default:
			return nil, fmt.Errorf("decode %.200q: %w", text, err)
		}
	}
}

// flatten adds all values of an object to fields under their paths, such as linkinfo.info_data.table. Lists of objects
// are numbered, others joined.
func flatten(fields map[string]string, path string, value any) {
	switch v := value.(type) {
	case object:
		flatten(fields, path, map[string]any(v))
	case map[string]any:
		for key, value := range v {
			flatten(fields, strings.TrimPrefix(path+"."+key, "."), value)
		}
	case []any:
		var words []string
		for i, item := range v {
			if _, nested := item.(map[string]any); nested {
				flatten(fields, fmt.Sprintf("%s.%d", path, i), item)
				continue
			}
			words = append(words, fmt.Sprint(item))
		}
		if len(words) > 0 {
			slices.Sort(words)
			fields[path] = strings.Join(words, ",")
		}
	default:
		fields[path] = fmt.Sprint(v)
	}
}

// line is an object on one line: its kind, the values that name it, and all others with their paths.
func line(kind string, o object, names ...string) string {
	fields := map[string]string{}
	flatten(fields, "", o)
	words := []string{kind}
	for _, name := range names {
		if value, ok := fields[name]; ok {
			words = append(words, value)
			delete(fields, name)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(fields)) {
		words = append(words, path+"="+fields[path])
	}
	return strings.Join(words, " ")
}

// text is a string value, or "" if there is none.
func (o object) text(key string) string {
	s, _ := o[key].(string)
	return s
}

// has says whether a list has a word.
func (o object) has(key, word string) bool {
	list, _ := o[key].([]any)
	return slices.Contains(list, any(word))
}

// drop takes words out of a list.
func (o object) drop(key string, words ...string) {
	list, ok := o[key].([]any)
	if !ok {
		return
	}
	o[key] = slices.DeleteFunc(list, func(item any) bool {
		s, _ := item.(string)
		return slices.Contains(words, s)
	})
}
