package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/test/guest"
	"github.com/vmtap/vmtap/test/script"
)

// dashboard is what of a dashboard of Grafana's asks Prometheus something.
type dashboard struct {
	Panels []struct {
		Title   string
		Targets []struct {
			Expr   string
			Legend string `json:"legendFormat"`
		}
	}
	Templating struct {
		List []struct{ Name, Type, Query string }
	}
}

const dashboardFile = source + "/conf/grafana/vmtap.json"

// series is a time series with its last value, as Prometheus answers.
type series struct {
	Metric map[string]string
	Value  [2]any
}

// prometheus is Debian's Prometheus on a node, that scrapes vmtapd each second.
type prometheus struct{ client http.Client }

const (
	scraped = "127.0.0.1:9847" // vmtapd
	queried = "127.0.0.1:9090" // Prometheus
)

func (n *node) prometheus(t *testing.T) *prometheus {
	t.Helper()
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	page, err := os.ReadFile(source + "/docs/vmtapd.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)`-metrics " + regexp.QuoteMeta(scraped) + "`.*?```yaml\n(scrape_configs:\n.*?)```").FindSubmatch(page)
	if shown == nil {
		t.Fatal("docs/vmtapd.md does not show how it is scraped")
	}
	write(t, config, "global:\n  scrape_interval: 500ms\n"+string(shown[1]))
	cmd := n.Command(filepath.Join(script.Output(t, source, "hack/prometheus.sh"), "prometheus"),
		"--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+queried)
	log := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("prometheus:\n%s", log)
		}
	})
	return &prometheus{http.Client{Timeout: answered, Transport: &http.Transport{DialContext: n.DialContext}}}
}

// ask asks Prometheus' API, and returns an error that it gives.
func (p *prometheus) ask(ctx context.Context, path string, query url.Values, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+queried+"/api/v1/"+path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	answer, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	a := struct {
		Status, Error string
		Data          any
	}{Data: into}
	if err := json.Unmarshal(text, &a); err != nil {
		return fmt.Errorf("%w: %s", err, text)
	}
	if a.Status != "success" {
		return fmt.Errorf("%s: %s", a.Status, a.Error)
	}
	return nil
}

// query returns what an expression is now.
func (p *prometheus) query(ctx context.Context, expression string) ([]series, error) {
	var data struct{ Result []series }
	err := p.ask(ctx, "query", url.Values{"query": {expression}}, &data)
	return data.Result, err
}

// inGrafana puts in what Grafana puts for variables when all is chosen.
func inGrafana(expression string) string {
	return strings.NewReplacer("$__rate_interval", "10s", "$node", ".*", "$network", ".*").Replace(expression)
}

// TestDashboard: Prometheus itself scrapes a vmtapd at work and answers each query of the dashboard, with the labels that
// its legends name. Each metric is on it.
func TestDashboard(t *testing.T) {
	wantsNoVRF(t)
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	n := newNode(t)
	dir := confDir(t, ", "+createConf)
	r := n.vmtapd(t, "-conf-dir", dir, "-sure-after", "100ms", "-look-every", "300ms", "-metrics", scraped)
	r.await(t, "keeping order")
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(createConf))
	n.newPod(t, "q").add(t, "eth0", conf(createConf))
	prometheus := n.prometheus(t)
	waitFor(t, "Prometheus to have scraped", func() bool {
		up, err := prometheus.query(t.Context(), `vmtap_vms == 2`)
		return err == nil && len(up) == 1
	})
	g := a.boot(p)
	own := g.LLAddr()
	for range 7 {
		forged := guest.Ethernet{Dst: guest.Broadcast, Src: guest.MAC{2, 9, 9, 9, 9, 9}, Type: 0x88b5, Payload: make([]byte, 50)}
		if err := g.Send(forged.Marshal()); err != nil {
			t.Fatal(err)
		}
		if err := g.Send(discover(t, own, own)); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "Prometheus to have two samples, with what happened", func() bool {
		for _, rate := range []string{`rate(vmtap_guard_dropped_frames_total[10s]) > 0`, `rate(vmtap_answers_total{kind="dhcpv4 offer"}[10s]) > 0`} {
			if got, err := prometheus.query(t.Context(), rate); err != nil || len(got) != 1 {
				return false
			}
		}
		return true
	})

	used := map[string]bool{}
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			for _, name := range regexp.MustCompile(`vmtap_[a-z_]+`).FindAllString(target.Expr, -1) {
				used[name] = true
			}
			got, err := prometheus.query(t.Context(), inGrafana(target.Expr))
			if err != nil || len(got) == 0 {
				t.Errorf("%s: %s: %d series, %v", panel.Title, target.Expr, len(got), err)
				continue
			}
			for _, label := range regexp.MustCompile(`\{\{(.*?)\}\}`).FindAllStringSubmatch(target.Legend, -1) {
				if got[0].Metric[label[1]] == "" {
					t.Errorf("%s: legend %s, and the series have %v", panel.Title, target.Legend, got[0].Metric)
				}
			}
			if panel.Title == "VMs" {
				expect(t, "VMs", got[0].Value[1], any("2"))
			}
		}
	}
	var there []string
	if err := prometheus.ask(t.Context(), "label/__name__/values", url.Values{"match[]": {`{__name__=~"vmtap_.*"}`}}, &there); err != nil {
		t.Fatal(err)
	}
	for _, name := range there {
		if !used[name] {
			t.Errorf("%s is not on the dashboard", name)
		}
	}
	if len(there) != len(used) {
		t.Errorf("vmtapd tells %d metrics, the dashboard has %d", len(there), len(used))
	}
	variables := 0
	for _, v := range d.Templating.List {
		m := regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`).FindStringSubmatch(v.Query)
		if m == nil {
			continue
		}
		variables++
		var values []string
		if err := prometheus.ask(t.Context(), "label/"+m[2]+"/values", url.Values{"match[]": {m[1]}}, &values); err != nil || len(values) == 0 {
			t.Errorf("variable %s: %q, %v", v.Name, values, err)
		}
	}
	expect(t, "variables with values", variables, 2)
}
