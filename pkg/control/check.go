package control

import (
	"fmt"
	"io"
	"strings"

	"github.com/vmtap/vmtap/pkg/plan"
)

// Checked is what a comparison of an attachment showed.
type Checked struct {
	Name        string         // as plan.AttachmentName has it
	Attached    *plan.Attached // nil if the kernel has no host link
	NotCompared string         // why, "" if it was
	Differences []string
}

// Differences takes the words of a CHECK apart, which is one line about an
// attachment.
func Differences(name, words string) []string {
	return strings.Split(strings.TrimPrefix(words, "check "+name+": "), "; ")
}

// Check prints what comparisons showed, and what is odd on the node, a line for
// each. It returns how many attachments differ.
func Check(w io.Writer, all []Checked, odd []string) (differ int, err error) {
	var b strings.Builder
	for i := range all {
		c := &all[i]
		about := c.Name
		if a := c.Attached; a != nil {
			about += " (" + strings.TrimSuffix(a.HostLink+", "+printable(a.VM), ", ") + ")"
		}
		switch {
		case c.NotCompared != "":
			fmt.Fprintf(&b, "%s: not compared: %s\n", about, c.NotCompared)
		case len(c.Differences) == 0:
			fmt.Fprintf(&b, "%s: ok\n", about)
		default:
			differ++
		}
		for _, d := range c.Differences {
			fmt.Fprintf(&b, "%s: %s\n", about, d)
		}
	}
	for _, line := range odd {
		fmt.Fprintf(&b, "node: %s\n", line)
	}
	_, err = io.WriteString(w, b.String())
	return differ, err
}
