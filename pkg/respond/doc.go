// Package respond is vmtapd at work: it takes what guests ask from the wire,
// looks up on the link who asks, and sends what pkg/answer says.
//
// There is no state: each question is answered by what the kernel and the
// network's configuration say at that moment. So a Responder can be killed and
// begun again at any time, and two at once give the same answers.
package respond
