// Package config turns what a runtime hands to the plugin (stdin, CNI_ARGS,
// and in them runtimeConfig and the pod's annotations) into one checked
// Request.
//
// It is strict: what it does not know, or cannot do yet, is an error and never
// ignored, since the key that is ignored may be the one that isolates. It is
// pure: it reads nothing but its input.
package config
