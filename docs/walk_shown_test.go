package docs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/pkg/plan"
)

// shown is a command of a page and its output.
type shown struct{ command, output []string }

// commands returns the commands of a page that are shown with their output.
func commands(page string) []shown {
	var all []shown
	for _, b := range blocks(page) {
		if b.language != "" {
			continue
		}
		for line := range strings.Lines(b.text) {
			if c, ok := strings.CutPrefix(line, "$ "); ok {
				all = append(all, shown{command: strings.Fields(c)})
				continue
			}
			last := &all[len(all)-1]
			last.output = append(last.output, strings.TrimSpace(line))
		}
	}
	return all
}

// argument returns the word after another one of the command.
func (s shown) argument(after string) string {
	if i := slices.Index(s.command, after); i >= 0 && i+1 < len(s.command) {
		return s.command[i+1]
	}
	return ""
}

func (s shown) inPod() bool { return s.argument("-n") == "web" }

// TestWalkShown: what ip and tc show on the pages is what vmtap makes.
func TestWalkShown(t *testing.T) {
	for _, w := range walks() {
		_, state := w.made(t)
		counts := map[string]int{}
		for _, s := range commands(read(t, w.page)) {
			line := strings.Join(s.command, " ")
			var what string
			var want, have []string
			switch {
			case s.command[0] == "tc":
				what = "filters"
				want, have = wantFilters(s.link(t, &state, s.argument("dev"))), s.filters()
			case strings.Contains(line, " link show "):
				what = "links"
				want, have = wantNames(s.link(t, &state, s.argument("show"))), s.names()
			case strings.Contains(line, " -br "):
				what = "addresses"
				want, have = s.wantAddresses(&state), s.addresses(&state)
			case strings.HasSuffix(line, " route"):
				what = "routes"
				want, have = w.wantGateways(t, slices.Contains(s.command, "-6")), s.gateways()
			default:
				t.Errorf("%s: nothing holds the output of %s to the code", w.page, line)
			}
			counts[what]++
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("%s: %s: -vmtap +page:\n%s", w.page, line, diff)
			}
		}
		if counts["links"] == 0 || counts["filters"] < 2 {
			t.Errorf("%s: only %v were found", w.page, counts)
		}
	}
}

// link returns the link of this name in the namespace that the command is of.
func (s shown) link(t *testing.T, state *plan.State, name string) *plan.Link {
	t.Helper()
	for _, l := range state.Links() {
		if l.Name == name && l.Pod == s.inPod() {
			return l.Link
		}
	}
	t.Fatalf("%s: vmtap makes no %s there", strings.Join(s.command, " "), name)
	return nil
}

// wantFilters returns to which links a link's filters send.
func wantFilters(l *plan.Link) []string {
	var all []string
	for _, f := range l.Ingress {
		if f.Match != nil {
			all = append(all, fmt.Sprintf("%d instructions", len(f.Match)))
		}
		if f.Guard {
			all = append(all, "direct")
		} else {
			all = append(all, "to "+f.Redirect)
		}
	}
	return all
}

func (s shown) filters() []string {
	var all []string
	program := regexp.MustCompile(`bytecode '(\d+),`)
	redirect := regexp.MustCompile(`mirred \(Egress Redirect to device (\S+)\)`)
	for _, line := range s.output {
		if m := program.FindStringSubmatch(line); m != nil {
			all = append(all, m[1]+" instructions")
		}
		if strings.Contains(line, " direct-action ") {
			all = append(all, "direct")
		}
		if m := redirect.FindStringSubmatch(line); m != nil {
			all = append(all, "to "+m[1])
		}
	}
	return all
}

// wantNames returns a link's address, master, owner and names, as ip has them.
func wantNames(l *plan.Link) []string {
	all := []string{"mtu " + fmt.Sprint(l.MTU)}
	if l.Master != "" {
		all = append(all, "master "+l.Master)
	}
	all = append(all, "link/ether "+l.LLAddr.String())
	if l.Kind == plan.KindTun {
		all = append(all, l.Owner.String())
	}
	if l.Alias != "" {
		all = append(all, "alias "+l.Alias)
	}
	for _, a := range l.AltNames {
		all = append(all, "altname "+a)
	}
	return all
}

func (s shown) names() []string {
	var all []string
	first := regexp.MustCompile(` (mtu \d+) qdisc \S+(?: (master \S+))?`)
	owner := regexp.MustCompile(`^tun .* (user \S+(?: group \d+)?)`)
	for _, line := range s.output {
		if m := first.FindStringSubmatch(line); m != nil {
			all = append(all, slices.DeleteFunc(m[1:], func(s string) bool { return s == "" })...)
		}
		if m := owner.FindStringSubmatch(line); m != nil {
			all = append(all, strings.Replace(m[1], "user root", "user 0", 1))
		}
		if f := strings.Fields(line); slices.Contains([]string{"link/ether", "alias", "altname"}, f[0]) {
			all = append(all, f[0]+" "+f[1])
		}
	}
	return all
}

// wantAddresses returns the addresses of the links that vmtap makes in the
// command's namespace, one line a link.
func (s shown) wantAddresses(state *plan.State) []string {
	var all []string
	for _, l := range state.Links() {
		if l.Name == "" || l.Pod != s.inPod() || l.Foreign {
			continue
		}
		line := l.Name
		for _, a := range l.Addrs {
			line += " " + a.Prefix.String()
		}
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

// addresses returns what ip shows of these links.
func (s shown) addresses(state *plan.State) []string {
	mine := map[string]bool{}
	for _, l := range state.Links() {
		mine[l.Name] = l.Pod == s.inPod() && !l.Foreign || mine[l.Name]
	}
	var all []string
	for _, line := range s.output {
		f := strings.Fields(line)
		name, _, _ := strings.Cut(f[0], "@")
		if mine[name] {
			all = append(all, strings.Join(append([]string{name}, f[2:]...), " "))
		}
	}
	slices.Sort(all)
	return all
}

// wantGateways returns the gateways of the guest's default routes of a family.
func (w walk) wantGateways(t *testing.T, inet6 bool) []string {
	t.Helper()
	all := map[string]bool{}
	_, r := w.answer(t)
	for _, route := range r.Routes {
		if (route.Dst.IP.To4() == nil) == inet6 {
			all[route.GW.String()] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (s shown) gateways() []string {
	var all []string
	for _, m := range regexp.MustCompile(`default via (\S+) `).FindAllStringSubmatch(strings.Join(s.output, "\n"), -1) {
		all = append(all, m[1])
	}
	return all
}
