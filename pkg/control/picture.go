package control

import (
	"fmt"
	"io"
	"strings"

	"github.com/vmtap/vmtap/pkg/plan"
)

// Picture prints an attachment as the design draws it, from the host's links on
// the left to the guest on the right, and below it the lines that would make the
// same links again.
func Picture(w io.Writer, h *plan.Held) error {
	var b strings.Builder
	b.WriteString("\n")
	for _, line := range aligned(picture(h)) {
		b.WriteString("    " + line + "\n")
	}
	for _, note := range notes(h) {
		b.WriteString("    " + note + "\n")
	}
	host, pod := h.Commands()
	fmt.Fprintf(&b, "\n# in the host's namespace\n%s\n", strings.Join(host, "\n"))
	if len(pod) > 0 {
		fmt.Fprintf(&b, "\n# in the pod's: nsenter --net=%s\n%s\n", h.Pod, strings.Join(pod, "\n"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const veth = " === veth === "

// picture returns the cells of a picture, which are to stand below each other.
func picture(h *plan.Held) [][]string {
	gateway := h.Gateway.Name != ""
	split := h.GatewayPeer.Name != "" && !h.GatewayPeer.Pod // in the host's namespace
	switch {
	case split, h.HostLink.Kind == plan.KindTun, h.HostPeer.Guests:
		return inHost(h)
	case h.Unseen != "":
		rows := [][]string{{master(&h.HostLink), word(&h.HostLink), veth, "the pod's"}}
		if gateway {
			rows = append(rows, []string{master(&h.Gateway), word(&h.Gateway), veth, "the pod's"})
		}
		return rows
	}
	tap := word(&h.Tap) + " (tap, for the VMM)"
	if !gateway {
		return [][]string{{master(&h.HostLink), word(&h.HostLink), veth, word(&h.HostPeer), " <-- tc: all --- " + tap}}
	}
	return [][]string{
		{master(&h.HostLink), word(&h.HostLink), veth, word(&h.HostPeer), " <-- tc: all else -------."},
		{"", "", "", "", "                          " + tap},
		{master(&h.Gateway), word(&h.Gateway), veth, word(&h.GatewayPeer), " <-- tc: the gateway's --'"},
	}
}

// inHost is picture where the guest's frames come in, and are split, at the host
// link.
func inHost(h *plan.Held) [][]string {
	guest := " (tap, for the VMM)"
	switch {
	case h.Unseen != "":
		guest = veth + "the pod's"
	case h.HostLink.Kind == plan.KindVeth:
		guest = veth + word(&h.HostPeer) + ", in the pod"
	}
	rows := [][]string{{master(&h.HostLink), word(&h.HostLink) + guest}}
	if h.Gateway.Name == "" {
		return rows
	}
	return append(rows,
		[]string{"", "  |"},
		[]string{"", "  '-- tc: the gateway's --> " + word(&h.GatewayPeer) + veth + strings.TrimSpace(word(&h.Gateway)+" "+master(&h.Gateway))})
}

// word is a link's name, and what is to be said of it.
func word(l *plan.Link) string {
	switch {
	case l.Name == "":
		return "(missing)"
	case !l.Up:
		return l.Name + " (down)"
	}
	return l.Name
}

// master is what a link is in, "" for nothing.
func master(l *plan.Link) string {
	if l.Master == "" {
		return ""
	}
	return "[" + l.Master + "] "
}

// aligned makes a line of each row, with the cells below each other.
func aligned(rows [][]string) (lines []string) {
	width := map[int]int{}
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	for _, row := range rows {
		line := ""
		for i, cell := range row {
			line += fmt.Sprintf("%-*s", width[i], cell)
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

// notes say what a picture does not.
func notes(h *plan.Held) (notes []string) {
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if h.Pod != "" {
		add("pod: %s", h.Pod)
	}
	if h.Unseen != "" {
		add("pod: not seen: %s", h.Unseen)
	}
	if b := &h.Bridge; b.Name != "" {
		words := word(b)
		if b.Foreign {
			words += ", not vmtap's"
		}
		if b.Master != "" {
			words += ", in " + b.Master
		}
		add("switch: %s", words)
	}
	for _, v := range []*plan.Link{&h.RDomain, &h.SwitchRDomain} {
		if v.Name != "" {
			add("rdomain: %s, table %d", word(v), v.Table)
		}
	}
	for _, n := range h.Links() {
		for _, f := range n.Ingress {
			if f.IsGuard() {
				add("guard: at %s, of %d instructions", n.Name, len(f.Match))
			}
		}
		if n.Shaper != (plan.Shaper{}) {
			add("rate: what %s sends, %d bit/s", n.Name, 8*n.Shaper.Rate)
		}
	}
	return notes
}
