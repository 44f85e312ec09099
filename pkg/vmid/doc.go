// Package vmid computes what follows from a VM's number and name: the local
// addresses of its interfaces, as OpenBSD vmd does in vm_priv_addr and
// vm_priv_addr6, the names of its links, and the values that vmtap derives
// where nothing was asked for (the preferred VM id, the guest's lladdr, the
// addresses of vmtap's own links).
//
// Everything here is a pure function and a contract across versions: a VM
// that comes back must get what it had. Golden tests hold it.
package vmid
