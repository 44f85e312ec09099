package snapshot

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/vmtap/vmtap/test/netns"
)

func nftLines(ns *netns.NS) ([]string, error) {
	out, err := run(ns, "", "nft", "--stateless", "list", "ruleset")
	if err != nil {
		return nil, err
	}
	return parseRuleset(string(out)), nil
}

var nftVolatile = regexp.MustCompile(` expires [0-9a-z]+`)

// parseRuleset makes each rule, element and property a line that says in which table and chain or set it stands. Rules
// are numbered within their chain, since their order counts.
func parseRuleset(ruleset string) []string {
	var lines []string
	var blocks []string
	var rules []int // in each of blocks
	elements := ""  // of a set, so far
	for text := range strings.Lines(ruleset) {
		text = strings.TrimSpace(nftVolatile.ReplaceAllString(text, ""))
		where := strings.Join(append([]string{"nft"}, blocks...), " ")
		if elements != "" || strings.HasPrefix(text, "elements = {") {
			elements += text + " "
			if strings.Count(elements, "{") == strings.Count(elements, "}") {
				for _, element := range splitElements(elements) {
					lines = append(lines, where+" element: "+element)
				}
				elements = ""
			}
			continue
		}
		switch {
		case text == "":
		case text == "}" && len(blocks) > 0:
			blocks, rules = blocks[:len(blocks)-1], rules[:len(rules)-1]
		case strings.HasSuffix(text, "{"):
			name := strings.TrimSpace(strings.TrimSuffix(text, "{"))
			lines = append(lines, where+" "+name)
			blocks, rules = append(blocks, name), append(rules, 0)
		case len(blocks) > 0 && strings.HasPrefix(blocks[len(blocks)-1], "chain "):
			rules[len(rules)-1]++
			lines = append(lines, fmt.Sprintf("%s %d: %s", where, rules[len(rules)-1], text))
		default:
			lines = append(lines, where+": "+text)
		}
	}
	return lines
}

// splitElements takes apart "elements = { a, b : c }".
func splitElements(text string) []string {
	text = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(text), "elements = {"), "}")
	var elements []string
	for _, element := range strings.Split(text, ",") {
		if element = strings.TrimSpace(element); element != "" {
			elements = append(elements, element)
		}
	}
	return elements
}
