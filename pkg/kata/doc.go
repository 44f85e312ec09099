// Package kata holds what Kata Containers' runtime reads to find a sandbox's
// interfaces among the taps of the host's namespace, which Kata calls a directly
// attachable network (DAN): a file in JSON for each sandbox. It reads and writes no
// file itself.
package kata
