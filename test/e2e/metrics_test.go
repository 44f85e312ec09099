package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/guest"
)

// samples are what an exposition says, by name and labels as they are written.
type samples map[string]float64

var (
	sampleLine = regexp.MustCompile(`^([a-z_:][a-z0-9_:]*)(\{[a-z_][a-z0-9_]*="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_][a-z0-9_]*="(?:[^"\\\n]|\\["\\n])*")*\})? ([0-9.e+-]+)$`)
	helpLine   = regexp.MustCompile(`^# HELP ([a-z_:][a-z0-9_:]*) \S.*$`)
	typeLine   = regexp.MustCompile(`^# TYPE ([a-z_:][a-z0-9_:]*) (counter|gauge)$`)
)

// parseExposition reads the text format of Prometheus, and nothing that is not in it: each family once, with help, type
// and then its samples, no sample twice, names of counters with _total at their end, a newline at the end.
func parseExposition(t *testing.T, text string) samples {
	t.Helper()
	all, families := samples{}, map[string]bool{}
	if !strings.HasSuffix(text, "\n") {
		t.Errorf("no newline at the end")
	}
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	name := ""
	for i := 0; i < len(lines); i++ {
		if m := helpLine.FindStringSubmatch(lines[i]); m != nil {
			name = m[1]
			if families[name] {
				t.Errorf("family %s is there twice", name)
			}
			families[name] = true
			i++
			kind := typeLine.FindStringSubmatch(lines[min(i, len(lines)-1)])
			if kind == nil || kind[1] != name || strings.HasSuffix(name, "_total") != (kind[2] == "counter") {
				t.Errorf("after the help of %s: %q", name, lines[min(i, len(lines)-1)])
			}
			continue
		}
		m := sampleLine.FindStringSubmatch(lines[i])
		if m == nil || m[1] != name {
			t.Errorf("in family %s: %q", name, lines[i])
			continue
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if _, double := all[m[1]+m[2]]; double || err != nil {
			t.Errorf("%q: %v, there already: %t", lines[i], err, double)
		}
		all[m[1]+m[2]] = value
	}
	return all
}

// get asks by HTTP on a Unix socket.
func get(t *testing.T, socket, path string) (status int, kind, body string) {
	t.Helper()
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", socket)
	}}}
	r, err := client.Get("http://vmtapd" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header.Get("Content-Type"), string(text)
}

func scrape(t *testing.T, socket string) samples {
	t.Helper()
	status, kind, body := get(t, socket, "/metrics")
	if status != http.StatusOK || kind != "text/plain; version=0.0.4; charset=utf-8" {
		t.Fatalf("%d, %s: %s", status, kind, body)
	}
	return parseExposition(t, body)
}

// TestMetrics: each number is that of a situation that was made.
func TestMetrics(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	dir, socket := t.TempDir(), filepath.Join(t.TempDir(), "s")
	write(t, filepath.Join(dir, "10.conflist"), `{"cniVersion": "1.0.0", "name": "vmnet", "plugins": [{"type": "vmtap", `+createConf+`, "vmid": {"range": "1-100"}}]}`)
	write(t, filepath.Join(dir, "20.conflist"), `{"cniVersion": "1.0.0", "name": "other\"\\", "plugins": [{"type": "bridge"}]}`)
	write(t, filepath.Join(dir, "30.conflist"), `{"cniVersion": "1.0.0", "name": "small", "plugins": [{"type": "vmtap", "local": {"prefix": "10.9.0.0/24", "bits": 4}}]}`)
	r := n.vmtapd(t, "-conf-dir", dir, "-sure-after", "100ms", "-look-every", "300ms", "-metrics", "unix:"+socket)
	r.await(t, "keeping order")
	before := scrape(t, socket)
	ranged := conf(createConf + `, "vmid": {"range": "1-100"}`)
	p, q := n.newPod(t, "p"), n.newPod(t, "q")
	a := p.add(t, "eth0", ranged)
	p.add(t, "net1", ranged)
	q.add(t, "eth0", confOf("small", `"local": {"prefix": "10.9.0.0/24", "bits": 4}`))
	scrape(t, socket) // since frames are counted from look to look
	g := a.boot(p)
	own := g.LLAddr()
	const forged = 7
	for range forged {
		if err := g.Send(guest.Ethernet{Dst: guest.Broadcast, Src: guest.MAC{2, 9, 9, 9, 9, 9}, Type: 0x88b5, Payload: make([]byte, 50)}.Marshal()); err != nil {
			t.Fatal(err)
		}
	}
	for range 30 { // of which 20 are answered
		if err := g.Send(discover(t, own, own)); err != nil {
			t.Fatal(err)
		}
	}
	dead := n.newPod(t, "dead").add(t, "eth0", ranged)
	n.Run(t, "ip", "link", "del", dead.hostLink())
	waitFor(t, "a repair", func() bool { return scrape(t, socket)[`vmtap_repairs_total{kind="dead_gateway"}`] == 1 })
	waitFor(t, "all questions", func() bool {
		s := scrape(t, socket)
		return s[`vmtap_answers_total{kind="dhcpv4 offer"}`]+s["vmtap_questions_refused_total"] >= 30
	})
	got := scrape(t, socket)
	for name, want := range map[string]float64{
		"vmtap_vms":                                                         2,
		`vmtap_interfaces{network="vmnet"}`:                                 2,
		`vmtap_interfaces{network="small"}`:                                 1,
		`vmtap_bridge_ports_free{switch="bridge0"}`:                         1023 - 2,
		`vmtap_vmids_free{network="vmnet",prefix="100.64.0.0/10",bits="8"}`: 100 - float64(n.vmidsIn(t, 1, 100)),
		`vmtap_vmids_free{network="small",prefix="10.9.0.0/24",bits="4"}`:   15 - float64(n.vmidsIn(t, 1, 15)),
		`vmtap_repairs_total{kind="dead_gateway"}`:                          1,
		`vmtap_repairs_total{kind="dead_host_link"}`:                        0,
		`vmtap_faults{kind="dead_gateway"}`:                                 0,
		`vmtap_answers_total{kind="dhcpv4 ack"}`:                            0,
		"vmtap_order_errors_total":                                          0,
		"vmtap_answer_errors_total":                                         0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, there: %t, want %v", name, v, ok, want)
		}
	}
	waitFor(t, "as many frames as tc says, which are those that were forged at least", func() bool {
		d := scrape(t, socket)[`vmtap_guard_dropped_frames_total{network="vmnet"}`]
		return d >= forged && d == float64(a.dropped())
	})
	// Ten more a second are answered, if this machine is slow.
	if offers, refused := got[`vmtap_answers_total{kind="dhcpv4 offer"}`], got["vmtap_questions_refused_total"]; offers < 20 || offers > 30 || offers+refused < 30 {
		t.Errorf("%v offers, %v refused", offers, refused)
	}
	built := 0
	for name, v := range got {
		if regexp.MustCompile(`^vmtap_build_info\{version=".+",goversion="go1\..+"\}$`).MatchString(name) && v == 1 {
			built++
		}
	}
	if built != 1 {
		t.Errorf("%d versions: %v", built, got)
	}
	wantMetricsShown(t, got)
	if before["vmtap_vms"] != 0 || before["vmtap_order_looks_total"] >= got["vmtap_order_looks_total"] {
		t.Errorf("before: %v, after: %v", before, got)
	}
	for path, want := range map[string]int{"/healthz": 200, "/": 404, "/metrics/": 404} {
		if status, _, body := get(t, socket, path); status != want {
			t.Errorf("%s: %d, want %d: %s", path, status, want, body)
		}
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("%v, %v", info, err)
	}
}

// vmidsIn counts the vmids of a range that links of the node have.
func (n *node) vmidsIn(t *testing.T, first, last uint32) int {
	t.Helper()
	ids := map[uint32]bool{}
	for _, name := range n.hostLinks(t) {
		if id, _, ok := vmid.ParseHostLink(name); ok && id >= first && id <= last {
			ids[id] = true
		}
	}
	return len(ids)
}

// wantMetricsShown demands that docs/vmtapd.md has these, and no others, with their labels.
func wantMetricsShown(t *testing.T, got samples) {
	t.Helper()
	page, err := os.ReadFile("../../docs/vmtapd.md")
	if err != nil {
		t.Fatal(err)
	}
	shown, there := map[string]string{}, map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(vmtap_[a-z_]+)` \\| ([^|]*)\\|").FindAllStringSubmatch(string(page), -1) {
		shown[m[1]] = strings.NewReplacer("`", "", " ", "").Replace(m[2])
	}
	label := regexp.MustCompile(`([a-z_]+)="`)
	for sample := range got {
		name, rest, _ := strings.Cut(sample, "{")
		var labels []string
		for _, m := range label.FindAllStringSubmatch(rest, -1) {
			labels = append(labels, m[1])
		}
		there[name] = strings.Join(labels, ",")
	}
	expect(t, "metrics of the page", shown, there)
}
