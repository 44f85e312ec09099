// Package metrics tells what vmtapd counts to those who ask by HTTP, in the text
// format of Prometheus, and whether it is well.
package metrics
