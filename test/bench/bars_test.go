package bench

import (
	"bytes"
	"fmt"
	"html"
	"strings"
)

// chart is a number of bars with one scale.
type chart struct {
	title string
	bars  []bar
}

// bar is a value, and a second one behind it, 0 for none.
type bar struct {
	name         string
	value, upper float64
}

const (
	barLeft, barWidth = 300, 460 // where bars begin, and the longest's length
	barStep, barThick = 20, 12
)

// draw draws charts, one below the other, as an SVG picture. vmtap's bars have
// another colour.
func draw(charts []chart) []byte {
	var out bytes.Buffer
	y := 0
	for _, c := range charts {
		y += 34
		fmt.Fprintf(&out, `<text x="10" y="%d" font-weight="bold">%s</text>`+"\n", y-8, html.EscapeString(c.title))
		longest := 0.0
		for _, b := range c.bars {
			longest = max(longest, b.value)
			if b.upper > 0 {
				longest = max(longest, 1.5*b.value) // room for the thin part, which is cut where it is longer
			}
		}
		for _, b := range c.bars {
			colour := "#8a94a0"
			if strings.HasPrefix(b.name, "vmtap") {
				colour = "#1f6fb2"
			}
			length := func(v float64) float64 { return min(v/longest, 1) * barWidth }
			fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", barLeft-8, y+barThick-2, html.EscapeString(b.name))
			if b.upper > 0 {
				fmt.Fprintf(&out, `<rect x="%d" y="%d" width="%.1f" height="2" fill="%s"/>`+"\n", barLeft, y+barThick/2-1, length(b.upper), colour)
			}
			fmt.Fprintf(&out, `<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", barLeft, y, length(b.value), barThick, colour)
			fmt.Fprintf(&out, `<text x="%.1f" y="%d">%.4g</text>`+"\n", barLeft+length(max(b.value, b.upper))+6, y+barThick-2, b.value)
			y += barStep
		}
	}
	head := fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="840" height="%d" font-family="sans-serif" font-size="12">`+"\n"+
		`<rect width="100%%" height="100%%" fill="white"/>`+"\n", y+10)
	return append(append([]byte(head), out.Bytes()...), "</svg>\n"...)
}
