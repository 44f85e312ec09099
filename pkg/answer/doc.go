// Package answer says what a guest is told when it asks for its addresses: by
// DHCPv4 and BOOTP, by router solicitations, and by DHCPv6.
//
// vmd answers its local interfaces in the same way: there is nothing to lease,
// since a guest's addresses follow from its VM's id. So answers need no state,
// two processes may give them, and a lease has no end.
//
// A guest is not trusted. Its frames are answered only if they are its own, by
// the Ethernet source and by what the protocol says of the sender; what is not
// well formed, or for another server, is not answered at all.
//
// Everything here is pure: a frame goes in, a frame comes out.
package answer
