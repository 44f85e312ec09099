package main

func ipamKeys() []key {
	return append([]key{{
		name: "ipam", forms: either(obj()), open: true,
		meaning:  "The plugin that gives the guest its addresses, and that plugin's keys. It is for an interface on a switch that is not local. See [ipam.md](ipam.md).",
		node:     "a plugin that is in no directory of CNI_PATH",
		defWords: "none",
		same:     []members{{`"up": true`, `"ipam": {}`}},
		examples: []string{`{"type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24"}]]}`},
		in:       `"switch": "bridge0", "ipam": %s`,
		around:   `"switch": "bridge0", "ipam": {"x": 1, %s}`,
		rules:    []rule{{"anyOf": []rule{{"type": "object", "maxProperties": 0}, has("type")}}},
		refused: []refusal{
			{members: `"ipam": {"type": "host-local"}`, code: codeValue, message: `read ipam: only an interface on a switch can have one, add switch or drop ipam`},
			{members: `"ipam": {"type": "host-local"}, "switch": "bridge0", "local": true`, code: codeValue, message: `read ipam: contradicts local, whose addresses follow from the vmid, drop one of them`},
			{value: `{"x": 1}`, code: codeValue, message: `read ipam.type: missing, give one`},
		},
	}}, under("ipam.", key{
		name: "type", required: true, forms: either(str(pluginName())),
		meaning:  "The plugin's name: `host-local`, `static`, `whereabouts`, or, with `device` `veth`, `dhcp`.",
		in:       `"switch": "bridge0", "ipam": {"type": %s}`,
		examples: []string{`"host-local"`},
		refused: []refusal{
			{value: `"dhcp"`, code: codeValue, message: `read ipam.type "dhcp": behind a tap its daemon is not heard, drop ipam, the guest asks the DHCP server on the switch itself`},
			{value: `"vmtap"`, code: codeValue, message: `read ipam.type "vmtap": the plugin itself, name an IPAM plugin such as host-local`},
		},
	})...)
}

func pluginName() textForm {
	const path = "want the name of a plugin in CNI_PATH, not a path"
	s := lengths(`^[^\x00-\x20\x7f/]+$`, 1, 255)
	s["not"] = map[string]any{"enum": []any{".", "..", "vmtap"}}
	return textForm{
		name:   "plugin name",
		rule:   "1 to 255 bytes of printable characters, no space and no `/`; not `.`, `..` or vmtap itself.",
		schema: s,
		good:   []string{"host-local", "a.b", chars(255)},
		bad: []bad{
			{text: "", message: "want the name of a plugin in CNI_PATH, or no ipam"},
			{text: chars(256), message: "want 1 to 255 bytes, have 256"},
			{text: "a b", message: "want no spaces"},
			{text: "a/b", message: path},
			{text: ".", message: path},
			{text: "..", message: path},
		},
	}
}

// ipamRules is what a schema can tell about ipam.
func ipamRules() []rule {
	given := func() rule {
		return rule{"required": []string{"ipam"}, "properties": rule{"ipam": rule{"type": "object", "minProperties": 1}}}
	}
	dhcp := rule{"required": []string{"ipam"}, "properties": rule{"ipam": rule{
		"type": "object", "required": []string{"type"}, "properties": rule{"type": rule{"const": "dhcp"}},
	}}}
	return []rule{
		when(given(), has("switch")),
		when(given(), rule{"properties": rule{"local": rule{"const": false}}}),
		when(dhcp, is("device", "veth")),
	}
}
