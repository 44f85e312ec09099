package kata_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/kata"
	"github.com/vmtap/vmtap/test/golden"
)

func document(t testing.TB, devices ...kata.Device) *kata.Document {
	t.Helper()
	var d kata.Document
	for _, dev := range devices {
		d.Put(dev)
	}
	return &d
}

func text(t testing.TB, d *kata.Document) string {
	t.Helper()
	b, err := d.Text()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// three are three interfaces of a VM: on a switch, local, with routes and a large mtu;
// local without IPv6, with several queues; and without addresses.
func three(t testing.TB) []kata.Device {
	t.Helper()
	return []kata.Device{
		device(t, 0, localAndMore),
		device(t, 1, `, "local": {"inet6": false}, "tap": {"multiQueue": true}`),
		device(t, 2, onSwitch),
	}
}

// TestText is the contract with Kata: this text it reads.
func TestText(t *testing.T) {
	all := three(t)
	golden.Compare(t, "three", text(t, document(t, all[2], all[0], all[1])))
	req, state := leased(t,
		config.Route{Dst: netip.MustParsePrefix("0.0.0.0/0"), GW: netip.MustParseAddr("10.1.0.1")},
		config.Route{Dst: netip.MustParsePrefix("192.0.2.0/24"), OnLink: true},
		config.Route{Dst: netip.MustParsePrefix("2001:db8:1::/48")},
		config.Route{Dst: netip.MustParsePrefix("::/0"), OnLink: true})
	dev, err := kata.NewDevice(req, state)
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, "leased", text(t, document(t, dev)))
}

func TestNewDeviceRefuses(t *testing.T) {
	for _, r := range []config.Route{{AdvMSS: 1300}, {Priority: 5}} {
		r.Dst = netip.MustParsePrefix("10.0.0.0/8")
		if kata.HasPlace(r) {
			t.Errorf("%+v has a place", r)
		}
		_, err := kata.NewDevice(leased(t, r))
		want := "list route to 10.0.0.0/8 for Kata: its file has no place for the advmss and priority that host-local gave"
		if err == nil || err.Error() != want {
			t.Errorf("%+v: %v, want %s", r, err, want)
		}
	}
}

// TestPut: what has the device's name or its tap is replaced, and the order is that of
// the interfaces' numbers, 10 after 9.
func TestPut(t *testing.T) {
	dev := func(name, tap string) kata.Device {
		return kata.Device{Name: name, Tap: kata.Tap{Type: "host-tap", Name: tap}}
	}
	d := document(t, dev("c", "vm5-if10"), dev("a", "vm5-if9"), dev("b", "vm5-if0"), dev("a", "vm5-if3"), dev("d", "vm5-if10"))
	var have []string
	for _, dev := range d.Devices {
		have = append(have, dev.Name+" "+dev.Tap.Name)
	}
	if diff := cmp.Diff([]string{"b vm5-if0", "a vm5-if3", "d vm5-if10"}, have); diff != "" {
		t.Error(diff)
	}
}

// TestDefaultRoutes: each family's is the first interface's that has one, whichever was
// added first, and CHECK of the others does not ask for theirs.
func TestDefaultRoutes(t *testing.T) {
	all := []kata.Device{device(t, 0, `, "local": {"inet6": false}`), device(t, 1, `, "local": true`), device(t, 2, `, "local": true`)}
	for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
		d := &kata.Document{}
		for _, i := range order {
			d.Put(device(t, i, []string{`, "local": {"inet6": false}`, `, "local": true`, `, "local": true`}[i]))
		}
		var have []string
		for _, dev := range d.Devices {
			for _, r := range dev.NetworkInfo.Routes {
				have = append(have, dev.Name+" "+r.Gateway)
			}
		}
		if diff := cmp.Diff([]string{"eth0 100.64.5.2", "net1 fd00::6440:505:0:1"}, have); diff != "" {
			t.Errorf("added as %v: %s", order, diff)
		}
		for _, dev := range all {
			if lines := kata.Differences([]byte(text(t, d)), dev, false); len(lines) > 0 {
				t.Error(lines)
			}
		}
		d.Keep(func(dev *kata.Device) bool { return dev.Name != "eth0" })
		if lines := kata.Differences([]byte(text(t, d)), all[1], false); len(lines) > 0 {
			t.Errorf("after the first went: %v", lines)
		}
	}
	first := all[0]
	first.NetworkInfo.Routes = nil
	if lines := kata.Differences([]byte(out(t, first)), all[0], false); len(lines) == 0 {
		t.Error("the first has no default route, and nobody says so")
	}
	both := out(t, all...)
	if lines := kata.Differences([]byte(both), all[1], false); len(lines) != 1 || lines[0] != "it is not as vmtap wrote it" {
		t.Errorf("two have a default route: %v", lines)
	}
}

func TestKeep(t *testing.T) {
	d := document(t, three(t)...)
	if d.Keep(func(*kata.Device) bool { return true }) || len(d.Devices) != 3 {
		t.Errorf("%d are kept of 3", len(d.Devices))
	}
	if !d.Keep(func(dev *kata.Device) bool { return dev.Name != "net1" }) || len(d.Devices) != 2 || d.Devices[1].Name != "net2" {
		t.Errorf("%v are kept", d.Devices)
	}
}

func TestParse(t *testing.T) {
	d := document(t, three(t)...)
	have, err := kata.Parse([]byte(text(t, d)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, have); diff != "" {
		t.Error(diff)
	}
	bare, err := kata.Parse([]byte(`{"devices": [{"name": "a", "device": {"type": "host-tap", "tap_name": "vm1-if0"}}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if written := text(t, bare); strings.Count(written, "null") != 1 || strings.Count(written, "[]") != 2 {
		t.Errorf("without lists it is written as %s", written)
	}
	good := text(t, document(t, device(t, 0, "")))
	for _, c := range []struct{ text, want string }{
		{"", "it is not Kata's JSON: unexpected end of JSON input"},
		{good[:40], "it is not Kata's JSON: unexpected end of JSON input"},
		{good + good, "it is not Kata's JSON: invalid character '{' after top-level value"},
		{"null", "it has no devices"},
		{"{}", "it has no devices"},
		{`{"devices": []}`, "it has no devices"},
		{strings.Replace(good, "null", `"/run/netns/x"`, 1), `its devices are in namespace "/run/netns/x"`},
		{strings.Replace(good, "host-tap", "vhost-user", 1), `device "eth0" is of type "vhost-user", tap "vm5-if0"`},
		{strings.Replace(good, "vm5-if0", "tap0", 1), `device "eth0" is of type "host-tap", tap "tap0"`},
		{strings.Replace(good, "eth0", "", 1), `device "" is of type`},
		{strings.Replace(good, "eth0", strings.Repeat("e", 16), 1), `device "eeeeeeeeeeeeeeee" is of type`},
	} {
		if _, err := kata.Parse([]byte(c.text)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%.60s: %v, want %s", c.text, err, c.want)
		}
	}
}

func TestDifferences(t *testing.T) {
	all := three(t)
	good := text(t, document(t, all...))
	one := text(t, document(t, all[0]))
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"none", good, nil},
		{"alone", one, nil},
		{"no file of vmtap's", "{", []string{"it is not vmtap's: it is not Kata's JSON: unexpected end of JSON input"}},
		{"others only", text(t, document(t, all[1:]...)), []string{"device eth0 is missing"}},
		{"everything", strings.NewReplacer("02:77:9d:67:d4:0d", "02:00:00:00:00:01", "vm5-if0", "vm6-if0", "9000", "1500", "100.64.5.2", "100.64.5.4").Replace(one), []string{
			`device eth0: guest_mac is "02:00:00:00:00:01", want "02:77:9d:67:d4:0d"`,
			`device eth0: device is {"type":"host-tap","tap_name":"vm6-if0","queue_num":1}, want {"type":"host-tap","tap_name":"vm5-if0","queue_num":1}`,
			`device eth0: interface is {"ip_addresses":["100.64.5.3/31","fd00::6440:503:0:2/96"],"mtu":1500}, want {"ip_addresses":["100.64.5.3/31","fd00::6440:503:0:2/96"],"mtu":9000}`,
			`device eth0: routes is ` + routes("100.64.5.4") + `, want ` + routes("100.64.5.2"),
		}},
		{"unknown to vmtap", strings.Replace(one, `"mtu": 9000`, `"mtu": 9000, "ntype": "tuntap"`, 1), []string{"it is not as vmtap wrote it"}},
		{"out of order", out(t, all[1], all[0]), []string{"it is not as vmtap wrote it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, kata.Differences([]byte(c.text), all[0], false)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// out is a text with devices in this order.
func out(t *testing.T, devices ...kata.Device) string {
	t.Helper()
	return text(t, &kata.Document{Devices: devices})
}

func routes(gateway string) string {
	return fmt.Sprintf(`[{"gateway":%q},{"gateway":"fd00::6440:503:0:1"},{"dest":"10.0.0.0/8","gateway":%q,"mtu":1400},{"dest":"2001:db8::/32","gateway":"fd00::9"}]`, gateway, gateway)
}

// TestDifferencesLeased: of a lease's routes only those are known that prevResult has,
// among later plugins'; the file may have fewer, but no others.
func TestDifferencesLeased(t *testing.T) {
	first := config.Route{Dst: netip.MustParsePrefix("10.0.0.0/8"), GW: netip.MustParseAddr("10.1.0.1")}
	second := config.Route{Dst: netip.MustParsePrefix("10.9.0.0/16"), GW: netip.MustParseAddr("10.1.0.7")}
	fewer, err1 := kata.NewDevice(leased(t, first))
	all, err2 := kata.NewDevice(leased(t, first, second))
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if lines := kata.Differences([]byte(out(t, fewer)), all, true); len(lines) > 0 {
		t.Error(lines)
	}
	if lines := kata.Differences([]byte(out(t, fewer)), all, false); len(lines) != 1 {
		t.Error(lines)
	}
	if lines := kata.Differences([]byte(out(t, all)), fewer, true); len(lines) != 1 || !strings.Contains(lines[0], "10.1.0.7") {
		t.Error(lines)
	}
}

// FuzzParse: what is read is written as it is read, in one form.
func FuzzParse(f *testing.F) {
	f.Add([]byte(text(f, document(f, three(f)...))))
	f.Add([]byte(`{"devices": [{"name": "a", "device": {"type": "host-tap", "tap_name": "vm1-if0"}}]}`))
	f.Add([]byte(`{"netns": "x", "devices": null}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		d, err := kata.Parse(in)
		if err != nil {
			if d != nil || strings.Contains(err.Error(), "\x00") {
				t.Errorf("%v with %v", err, d)
			}
			return
		}
		written := text(t, d)
		again, err := kata.Parse([]byte(written))
		if err != nil {
			t.Fatalf("%v: %s", err, written)
		}
		if got := text(t, again); got != written {
			t.Errorf("written again it is\n%s\nwas\n%s", got, written)
		}
		d.Put(d.Devices[0])
		if len(kata.Differences([]byte(text(t, d)), d.Devices[0], false)) > 0 {
			t.Errorf("differs from itself: %s", text(t, d))
		}
	})
}
