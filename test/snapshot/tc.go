package snapshot

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/vmtap/vmtap/test/netns"
)

// tcLines are qdiscs, classes and filters.
func tcLines(ns *netns.NS) ([]string, error) {
	out, err := run(ns, "", "tc", "-details", "-json", "qdisc", "show")
	if err != nil {
		return nil, err
	}
	docs, err := documents(out)
	if err != nil {
		return nil, err
	}
	var lines []string
	var shows []show
	qdiscs := map[string]int{}
	for _, qdisc := range slices.Concat(docs...) {
		shows = append(shows, showsOf(qdisc)...)
		qdiscs[qdisc.text("dev")]++
		delete(qdisc, "refcnt")
		if options, ok := qdisc["options"].(map[string]any); ok {
			delete(options, "direct_packets_stat") // htb's
		}
		lines = append(lines, line("qdisc", qdisc, "dev", "kind", "handle"))
	}
	more, err := showLines(ns, shows, qdiscs)
	return append(lines, more...), err
}

// show is a list of classes or filters that a qdisc may have.
type show struct{ object, dev, at string }

func (s show) String() string { return strings.TrimSpace(s.object + " show dev " + s.dev + " " + s.at) }

func showsOf(qdisc object) []show {
	dev, handle := qdisc.text("dev"), qdisc.text("handle")
	switch kind := qdisc.text("kind"); {
	case kind == "clsact":
		return []show{{"filter", dev, "ingress"}, {"filter", dev, "egress"}}
	case kind == "ingress":
		return []show{{"filter", dev, "ingress"}}
	case handle == "0:", handle == "": // made by the kernel
		return nil
	}
	return []show{{"class", dev, "parent " + handle}, {"filter", dev, "parent " + handle}}
}

// showLines runs all shows in one process. What they print does not say whose it is, so each is followed by the qdiscs of
// its device, of which there are as many as said.
func showLines(ns *netns.NS, shows []show, qdiscs map[string]int) ([]string, error) {
	if len(shows) == 0 {
		return nil, nil
	}
	var batch strings.Builder
	for _, s := range shows {
		fmt.Fprintf(&batch, "%v\nqdisc show dev %s\n", s, s.dev)
	}
	out, err := run(ns, batch.String(), "tc", "-details", "-batch", "-")
	if err != nil {
		return nil, err
	}
	rest := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	var lines []string
	for _, s := range shows {
		end := slices.IndexFunc(rest, isQdisc)
		if end < 0 || len(rest) < end+qdiscs[s.dev] {
			return nil, fmt.Errorf("tc: no end of %v in %q", s, out)
		}
		for _, entry := range entries(s.object, rest[:end]) {
			lines = append(lines, fmt.Sprintf("%s %s %s: %s", s.object, s.dev, s.at, entry))
		}
		rest = rest[end+qdiscs[s.dev]:]
	}
	return lines, nil
}

func isQdisc(text string) bool { return strings.HasPrefix(text, "qdisc ") }

// entries joins the lines of each filter or class, of which only the first begins with that word.
func entries(word string, lines []string) []string {
	var entries []string
	for _, text := range lines {
		if strings.HasPrefix(text, word+" ") {
			entries = append(entries, "")
		}
		if len(entries) > 0 {
			entries[len(entries)-1] += text + " "
		}
	}
	for i, entry := range entries {
		entries[i] = normalTC(strings.TrimPrefix(entry, word+" "))
	}
	return entries
}

var tcVolatile = regexp.MustCompile(`\b(index|id) \d+ |\b(installed|used|expires) \d+ sec `)

// normalTC takes out the numbers that actions and programs get from the whole machine, and ages.

func normalTC(text string) string {
	return strings.TrimSpace(tcVolatile.ReplaceAllString(strings.Join(strings.Fields(text), " ")+" ", ""))
}
