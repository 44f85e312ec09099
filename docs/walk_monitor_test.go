package docs

import (
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/pkg/kata"
	"github.com/vmtap/vmtap/pkg/plan"
)

// TestWalkMonitors: what the pages give to VM monitors is what ADD answered.
func TestWalkMonitors(t *testing.T) {
	uses := []struct{ what, pattern string }{
		{"ifname", `ifname=([^,]+),`},
		{"mac", `,mac=(\S+)`},
		{"host_dev_name", `"host_dev_name": "([^"]+)"`},
		{"guest_mac", `"guest_mac": "([^"]+)"`},
		{"guest's namespace, tap and lladdr", `hack/guest/run.sh (\S+ \S+ \S+)`},
		{"guest's address", `vmtap.addr=(\S+)`},
		{"guest's gateway", `vmtap.gw=(\S+)`},
		{"kernel's ip", "`(ip=[^`]+)`"},
	}
	found := map[string]int{}
	for _, w := range walks() {
		_, state := w.made(t)
		_, r := w.answer(t)
		guest, first := r.Interfaces[len(r.Interfaces)-1], r.IPs[0]
		tap, namespace := state.Port().Name, "node"
		if state.Port().Pod {
			namespace = "web"
		}
		want := map[string]string{
			"ifname": tap, "mac": guest.Mac, "host_dev_name": tap, "guest_mac": guest.Mac,
			"guest's namespace, tap and lladdr": fmt.Sprint(namespace, " ", tap, " ", guest.Mac),
			"guest's address":                   first.Address.String(),
			"guest's gateway":                   first.Gateway.String(),
			"kernel's ip":                       fmt.Sprintf("ip=%s::%s:%s::eth0:off", first.Address.IP, first.Gateway, net.IP(first.Address.Mask)),
		}
		page := read(t, w.page)
		for _, use := range uses {
			for _, m := range regexp.MustCompile(use.pattern).FindAllStringSubmatch(page, -1) {
				found[use.what]++
				if m[1] != want[use.what] {
					t.Errorf("%s: %s is %s, want %s", w.page, use.what, m[1], want[use.what])
				}
			}
		}
	}
	for _, use := range uses {
		if found[use.what] == 0 {
			t.Errorf("no page has the %s", use.what)
		}
	}
}

// firecrackerReads reads a result as firecracker-go-sdk does: the guest is the one
// interface whose sandbox is the container id, the tap the one other of its
// name, and the guest has one address. Each field has its values.
func firecrackerReads(r *types100.Result) (map[string][]string, error) {
	var guests, taps []int
	for i, n := range r.Interfaces {
		if n.Sandbox == walkContainer() {
			guests = append(guests, i)
		}
	}
	if len(guests) != 1 {
		return nil, fmt.Errorf("%d guests", len(guests))
	}
	guest := r.Interfaces[guests[0]]
	for i, n := range r.Interfaces {
		if i != guests[0] && n.Name == guest.Name {
			taps = append(taps, i)
		}
	}
	if len(taps) != 1 || r.Interfaces[taps[0]].Sandbox != walkNetns {
		return nil, fmt.Errorf("taps %v", taps)
	}
	var ips []string
	for _, ip := range r.IPs {
		if *ip.Interface == guests[0] {
			ips = append(ips, ip.Address.String(), ip.Gateway.String())
		}
	}
	if len(ips) != 2 {
		return nil, fmt.Errorf("addresses %v", ips)
	}
	var routes []string
	for _, route := range r.Routes {
		routes = append(routes, route.Dst.String())
	}
	return map[string][]string{
		"TapName": {guest.Name}, "NetNSPath": {walkNetns}, "VMMacAddr": {guest.Mac}, "VMIPConfig": ips, "VMRoutes": routes,
	}, nil
}

// TestWalkVMConf: firecracker-go-sdk reads from the results what the pages say,
// and cannot read those of which they say so.
func TestWalkVMConf(t *testing.T) {
	for _, w := range walks() {
		_, r := w.answer(t)
		page := read(t, w.page)
		want, err := firecrackerReads(r)
		if shown := strings.Contains(page, "| `VMIPConfig` |"); shown != (err == nil) {
			t.Errorf("%s: what vmconf reads is shown: %t, vmconf says %v", w.page, shown, err)
			continue
		}
		if err != nil {
			continue
		}
		have := map[string][]string{}
		for _, row := range rows(t, page, "field") {
			have[spans(row[0])[0]] = spans(row[1])
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s: -vmconf +page:\n%s", w.page, diff)
		}
	}
}

// TestWalkKata: the example and its file for Kata are as conf has the one and ADD
// writes the other.
func TestWalkKata(t *testing.T) {
	w := walk{"kata.md", "../conf/54-kata.conflist"}
	page := read(t, w.page)
	all := blocks(page)
	of := func(language string) string {
		i := slices.IndexFunc(all, func(b block) bool { return b.language == language })
		if i < 0 {
			t.Fatalf("%s has no block of %s", w.page, language)
		}
		return all[i].text
	}
	if shown := of("json"); shown != read(t, w.conf) {
		t.Errorf("the example is not that of %s:\n%s", w.conf, shown)
	}
	req, state := w.made(t)
	device, err := kata.NewDevice(&req, &state)
	if err != nil {
		t.Fatal(err)
	}
	var d kata.Document
	d.Put(device)
	want, err := d.Text()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), of("jsonc")); diff != "" {
		t.Errorf("-written +page:\n%s", diff)
	}
	dan := plan.DANDirOf(state.HostLink.Name, state.HostLink.AltNames)
	i := slices.IndexFunc(state.HostLink.AltNames, func(name string) bool { return strings.Contains(name, ":dan:") })
	for _, want := range []string{
		"cat " + dan + "/" + walkContainer() + ".json", "altname `" + state.HostLink.AltNames[i] + "`",
		"cnitool add " + req.Network + " ", "cnitool check " + req.Network + " ", "cnitool del " + req.Network + " ",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s lacks %s", w.page, want)
		}
	}
}
