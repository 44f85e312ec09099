// Package order keeps a node in order: what was left behind goes, and what keeps
// rdomains apart comes back. It looks when something changed on the node, and now
// and then, and does nothing in between.
//
// It runs in a process of its own, which has the right to change links and hears
// nothing that a guest says. That process is begun, and ended, by the one that
// answers guests.
package order
