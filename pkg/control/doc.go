// Package control is what vmtapctl prints: the attachments of a node, and the
// address scheme in both directions. It is pure; what stands in the kernel is
// handed to it.
package control
