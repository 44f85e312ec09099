// Package plugin holds the verbs of the CNI specification: which steps each
// consists of, in which order, and which error codes they end with.
package plugin
