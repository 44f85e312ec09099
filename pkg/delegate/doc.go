// Package delegate runs the plugins that this one delegates to, as section 4
// of the CNI specification says. No other package runs other programs.
package delegate
