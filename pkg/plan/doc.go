// Package plan decides: which VM id, interface number and lladdr an
// attachment gets (Choose), and of which links it is then made (New), so that
// pkg/kernel has only to carry out and to read back. It is pure: it sees the
// kernel through what was observed, and speaks of links by name, never by
// ifindex.
//
// A State is both the aim of ADD and the measure of CHECK: ADD applies the
// difference from nothing, CHECK demands that Diff is empty.
package plan
