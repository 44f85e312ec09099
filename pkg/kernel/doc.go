// Package kernel is the only package that knows netlink, namespaces, taps and
// locks. It observes, claims, applies with undo, reads back and deletes what
// pkg/plan describes.
//
// A Session is one call of the plugin. Whatever is sent goes through one type
// (conn), as batches: several messages in one send, which the kernel carries
// out whole even if the process is killed, and every answer is read.
package kernel
