package main

import "github.com/vmtap/vmtap/pkg/config"

func kataKeys() []key {
	const noPlace = `: Kata's file has no place for advmss and priority, drop them or kata.dan`
	return append([]key{{
		name: "kata", forms: either(obj()),
		meaning:  "What Kata Containers is told. See [kata.md](kata.md).",
		defWords: "each of its keys has a default",
		same:     []members{{`"up": true`, `"kata": {}`}},
		around:   `"placement": "host", "kata": {"dan": true, %s}`,
		rules:    []rule{when(has("dir"), is("dan", true))},
		examples: []string{`{"dan": false}`},
	}}, under("kata.",
		key{
			name: "dan", forms: either(flag()),
			meaning:  "List the interface in the sandbox's file, by which Kata's Rust runtime finds taps of the host's namespace (its directly attachable network).",
			notes:    []string{"Only in placement `host`. Give it to all networks of a pod: with a file, Kata looks for interfaces nowhere else."},
			def:      `false`,
			in:       `"placement": "host", "kata": {"dan": %s}`,
			node:     "a file there that somebody else wrote, and a directory that cannot be written to",
			examples: []string{`true`},
			refused: []refusal{
				{members: `"kata": {"dan": true}`, code: codeValue, message: `read kata.dan true: only for placement host, in placement pod Kata cannot use what the file would name, drop it; device veth needs no file`},
				{members: `"placement": "host", "kata": {"dan": true}, "routes": [{"dst": "10.0.0.0/8", "advmss": 1300}]`, code: codeValue, message: `read routes[0] to 10.0.0.0/8` + noPlace, beyond: true},
			},
		},
		key{
			name: "dir", forms: either(str(directory())),
			meaning:  "The directory of these files, `dan_conf` in Kata's configuration.",
			notes:    []string{"ADD makes it if it is not there, for root alone. The file is `<container id>.json`."},
			def:      `"` + config.DefaultDANDir + `"`,
			examples: []string{`"/run/vc/dans"`},
			refused: []refusal{
				{members: `"kata": {"dir": "/run/vc/dans"}`, code: codeValue, message: `read kata.dir "/run/vc/dans": nothing is written there unless kata.dan is true, set it or drop dir`},
			},
		},
	)...)
}

func directory() textForm {
	const (
		words = "want letters, digits, '_', '.', '/' and '-' only"
		form  = "want a directory's absolute path, without a slash at its end and without . and .. in it"
	)
	s := lengths(`^(/[A-Za-z0-9_.-]+)+$`, 1, 96)
	s["not"] = pattern(`/\.{1,2}(/|$)`)
	return textForm{
		name:   "directory",
		rule:   "An absolute path of 1 to 96 letters, digits, `_`, `.`, `/` and `-`, without a slash at its end and without `.` and `..` in it.",
		schema: s,
		good:   []string{"/run/vc/dans", "/a", "/run/.dans/v1.2_x-y"},
		bad: []bad{
			{text: "", message: "want 1 to 96 characters, have 0"},
			{text: "/" + chars(96), message: "want 1 to 96 characters, have 97"},
			{text: "/run/d ns", message: words},
			{text: "/run/d:ns", message: words},
			{text: "run/dans", message: form},
			{text: "/", message: form},
			{text: "/run/dans/", message: form},
			{text: "/run//dans", message: form},
			{text: "/run/../dans", message: form},
			{text: "/run/.", message: form},
		},
	}
}

// kataRules is what a schema can tell about kata and other keys.
func kataRules() []rule {
	listed := rule{"required": []string{"kata"}, "properties": rule{"kata": is("dan", true)}}
	return []rule{when(listed, is("placement", "host"))}
}
