// Package cni runs a CNI plugin as a container runtime does (through libcni), holds it to what the specification
// says of its output, and can make any of its system calls fail or be its last.
package cni
