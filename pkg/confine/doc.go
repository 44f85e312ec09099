// Package confine takes from this process what a call of the plugin does not
// need: capabilities, the way back to them, and files. It knows nothing of
// links; what a call needs is handed to it.
package confine
