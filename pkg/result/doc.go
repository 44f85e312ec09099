// Package result turns a plan.State into the CNI result and holds an earlier
// result against it. It is pure.
package result
