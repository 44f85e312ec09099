package main

// common is what is refused wherever it stands, with an example.
type common struct {
	what string // Markdown
	refusal
}

func commons() []common {
	return []common{
		{"a key that is not known", refusal{members: `"rdomian": 10`, code: codeKey, message: `read key "rdomian" 10: unknown, did you mean rdomain?`}},
		{"a key that stands twice", refusal{members: `"up": true, "up": false`, code: codeType, message: `decode configuration: byte 74: key "up" stands twice in one object`}},
		{"a value of another type", refusal{members: `"mtu": "1500"`, code: codeType, message: `read mtu: want a number, have a string`}},
		{"null, which is no value", refusal{members: `"switch": null`, code: codeType, message: `read switch: want a string or an object, have null`}},
		{"a number outside its range, or not a whole one", refusal{members: `"mtu": 67`, code: codeValue, message: `read mtu 67: want a whole number from 68 to 65521`}},
		{"a word that is not one of a few", refusal{members: `"device": "tun"`, code: codeValue, message: `read device "tun": want tap or veth`}},
		{"what is not supported yet", refusal{members: `"routes": [{"dst": "10.0.0.0/8", "table": 5}]`, code: codeKey, message: `use routes[0].table 5: not supported yet`}},
	}
}
