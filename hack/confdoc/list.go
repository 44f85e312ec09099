package main

// listKey is a key of the network configuration list, which only runtimes read.
type listKey struct {
	name    string
	meaning string // Markdown
	schema  rule
}

func listKeys() []listKey {
	versions := specVersions()
	return []listKey{
		{
			name:    "cniVersion",
			meaning: "The version of the specification. With `cniVersions` beside it the highest one counts that the runtime knows.",
			schema:  rule{"type": "string", "enum": versions},
		},
		{
			name:    "cniVersions",
			meaning: "All versions that the list is good for, such as `[\"1.0.0\", \"1.1.0\"]`.",
			schema:  rule{"type": "array", "items": rule{"type": "string", "pattern": `^[0-9]+\.[0-9]+\.[0-9]+$`, "examples": versions}},
		},
		{
			name:    "name",
			meaning: "The network's name, the same for all plugins of the list. No other network on the node has it.",
			schema:  nameSchema(),
		},
		{
			name:    "plugins",
			meaning: "The plugins, in the order in which ADD calls them. One of them is vmtap.",
			schema:  rule{"type": "array", "minItems": 1},
		},
		{
			name:    "disableCheck",
			meaning: "The runtime does not call CHECK.",
			schema:  rule{"type": "boolean", "default": false},
		},
		{
			name:    "disableGC",
			meaning: "The runtime does not call GC.",
			schema:  rule{"type": "boolean", "default": false},
		},
		{
			name:    "loadOnlyInlinedPlugins",
			meaning: "Plugins stand in the list only, and not in files of a directory beside it.",
			schema:  rule{"type": "boolean", "default": false},
		},
		{
			name:    "$schema",
			meaning: "Where the list's JSON schema is. It is for editors; runtimes pass it over.",
			schema:  rule{"type": "string"},
		},
	}
}

func nameSchema() rule {
	s := rule(networkName().schema)
	s["type"] = "string"
	return s
}
