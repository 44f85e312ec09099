// Package install puts the plugin and its configuration in place on a node, and
// keeps them there.
//
// A file is put in place whole or not at all, however the process ends: what
// runtimes execute and read is the old file or the new one. The configuration
// comes last, since a node takes pods as soon as it has one. A plugin that is newer
// is left alone.
package install
