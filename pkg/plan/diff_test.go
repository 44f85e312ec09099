package plan

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/filter"
)

// notCompared are the fields of Link that say nothing about the kernel: who
// made it, where it is looked for, whose it is, who gives its addresses, what
// whoever opens a tap may change, what the kernel tells nobody, and what a bridge
// makes of VLANs, which is looked at before there is a State.
var notCompared = []string{"Foreign", "VnetHdr", "SELinuxContext", "Pod", "Guests", "Leased", "VLANs"}

// ofTaken are the fields that count of an earlier plugin's interface.
var ofTaken = []string{"LLAddr", "Ingress"}

// notOfGuests are the fields of a guest's own interface that others may
// change.
var notOfGuests = []string{"NoAutoLL", "NoIPv6", "Owner", "MultiQueue", "AltNames", "Routes", "Neighbours", "Sysctls", "Ingress", "Egress"}

// ofForeign are the fields that count of somebody else's bridge, and what no
// bridge has.
var ofForeign = []string{"Name", "Kind", "Alias", "Master", "Up", "Table", "Unreachable"}

// ofVRF are the fields that count of a VRF, whoever made it.
var ofVRF = []string{"Name", "Kind", "Up", "Table", "Unreachable"}

// counts reports whether a difference in a field of a link is one.
func counts(at Named, field string) bool {
	switch {
	case at.Kind == KindVRF:
		return slices.Contains(ofVRF, field)
	case at.Foreign && at.Kind == KindBridge:
		return slices.Contains(ofForeign, field)
	case at.Foreign:
		return slices.Contains(ofTaken, field)
	case at.Pod && at.Name == "eth0" && field == "MTU": // CNI_IFNAME, which a later plugin may tune
		return false
	case at.Guests && slices.Contains(notOfGuests, field):
		return false
	}
	return !slices.Contains(notCompared, field)
}

// edit is one change of one field of a link.
type edit struct {
	name string
	do   func(field reflect.Value)
}

// edits returns ways to change a field, each of which is one difference.
func edits(t *testing.T, field reflect.Value) []edit {
	t.Helper()
	if _, ok := field.Interface().(Owner); ok {
		return ownerEdits()
	}
	if _, ok := field.Interface().(Shaper); ok {
		return []edit{
			{"rate", func(f reflect.Value) { f.Field(0).SetUint(f.Field(0).Uint() + 1) }},
			{"burst", func(f reflect.Value) { f.Field(1).SetUint(f.Field(1).Uint() + 1) }},
			{"limit", func(f reflect.Value) { f.Field(2).SetUint(f.Field(2).Uint() + 1) }},
		}
	}
	if _, ok := field.Interface().(BridgePort); ok {
		return portEdits(t, field)
	}
	if _, ok := field.Interface().(BridgeVLANs); ok {
		return []edit{{"changed", func(f reflect.Value) { f.Field(1).SetBool(!f.Field(1).Bool()) }}}
	}
	switch field.Kind() {
	case reflect.String:
		return []edit{{"changed", func(f reflect.Value) { f.SetString(f.String() + "x") }}}
	case reflect.Bool:
		return []edit{{"changed", func(f reflect.Value) { f.SetBool(!f.Bool()) }}}
	case reflect.Int:
		return []edit{{"changed", func(f reflect.Value) { f.SetInt(f.Int() + 1) }}}
	case reflect.Uint32:
		return []edit{{"changed", func(f reflect.Value) { f.SetUint(f.Uint() + 1) }}}
	case reflect.Array: // an lladdr
		return []edit{{"changed", func(f reflect.Value) { f.Index(5).SetUint(f.Index(5).Uint() ^ 1) }}}
	case reflect.Slice:
		return sliceEdits(t, field)
	}
	t.Fatalf("a field of type %s: say how to change it", field.Type())
	return nil
}

// portEdits change each field of a port.
func portEdits(t *testing.T, port reflect.Value) []edit {
	t.Helper()
	var all []edit
	for i := range port.NumField() {
		for _, e := range edits(t, port.Field(i)) {
			all = append(all, edit{port.Type().Field(i).Name + " " + e.name, func(f reflect.Value) { e.do(f.Field(i)) }})
		}
	}
	return all
}

// sliceEdits take each element away, the last first for what is in order, and
// add one.
func sliceEdits(t *testing.T, field reflect.Value) []edit {
	t.Helper()
	all := []edit{{"one more", func(f reflect.Value) { f.Set(reflect.Append(f, oneMore(t, f.Type().Elem()))) }}}
	for i := range field.Len() {
		if _, ordered := field.Interface().([]Filter); ordered && i < field.Len()-1 {
			continue // the others would move up, which is more than one difference
		}
		all = append(all, edit{"one less", func(f reflect.Value) {
			f.Set(reflect.AppendSlice(f.Slice3(0, i, i), f.Slice(i+1, f.Len())))
		}})
	}
	return all
}

// oneMore returns an element that no list of the tested State has.
func oneMore(t *testing.T, elem reflect.Type) reflect.Value {
	t.Helper()
	for _, v := range []any{
		"one-more",
		Addr{Prefix: netip.MustParsePrefix("192.0.2.1/24")},
		netip.MustParsePrefix("2001:db8::/32"),
		Sysctl{"log_martians", 1},
		Neighbour{netip.MustParseAddr("192.0.2.1"), lladdr("02:00:00:00:00:01")},
		Filter{Redirect: "one-more"},
		PortVLAN{VLANRange: config.VLANRange{Min: 4000, Max: 4001}},
		FDBEntry{LLAddr: lladdr("02:00:00:00:00:77"), Static: true},
	} {
		if reflect.TypeOf(v) == elem {
			return reflect.ValueOf(v)
		}
	}
	t.Fatalf("a list of %s: give one more", elem)
	return reflect.Value{}
}

func ownerEdits() []edit {
	on := func(change func(o *Owner)) func(reflect.Value) {
		return func(f reflect.Value) {
			if o, ok := f.Addr().Interface().(*Owner); ok {
				change(o)
			}
		}
	}
	return []edit{
		{"user", on(func(o *Owner) { o.UID, o.HasUID = o.UID+1, true })},
		{"group", on(func(o *Owner) { o.GID, o.HasGID = o.GID+1, true })},
		{"no user", on(func(o *Owner) { o.HasUID = !o.HasUID })},
		{"no group", on(func(o *Owner) { o.HasGID = !o.HasGID })},
	}
}

// forEachEdit calls f with a copy of a State in which one field of one link
// is changed in one way.
func forEachEdit(t *testing.T, made func(t *testing.T) State, f func(t *testing.T, have *State, at Named, field string)) {
	t.Helper()
	want := made(t)
	for i, n := range want.Links() {
		if n.Name == "" {
			continue
		}
		for _, field := range reflect.VisibleFields(reflect.TypeFor[Link]()) {
			for _, e := range edits(t, reflect.ValueOf(n.Link).Elem().FieldByIndex(field.Index)) {
				t.Run(strings.Join([]string{n.Role, field.Name, e.name}, "/"), func(t *testing.T) {
					have := made(t)
					e.do(reflect.ValueOf(have.Links()[i].Link).Elem().FieldByIndex(field.Index))
					f(t, &have, n, field.Name)
				})
			}
		}
	}
}

// Every field of every link that is not as it should be is named by one line
// with the link's role and name. A new field of Link is tested by itself.
func TestDiffNamesEveryField(t *testing.T) {
	made := func(t *testing.T) State { t.Helper(); return aCase{request: full, claim: first}.state(t) }
	want := made(t)
	for _, n := range want.Links() {
		if n.Name == "" && n.Role != "interface" { // of placement chained, which has nothing else
			t.Fatalf("there is no %s: not a full State", n.Role)
		}
	}
	forEachEdit(t, made, func(t *testing.T, have *State, at Named, field string) {
		t.Helper()
		checkLines(t, Diff(&want, have), at, counts(at, field))
	})
}

// The same of every placement, and of what the guest's own interface has that
// is the guest's.
func TestDiffOfPlacements(t *testing.T) {
	for _, c := range placements() {
		t.Run(c.name, func(t *testing.T) {
			want := c.state(t)
			forEachEdit(t, c.state, func(t *testing.T, have *State, at Named, field string) {
				t.Helper()
				lines := Diff(&want, have)
				if at.Guests && field == "Addrs" && len(have.HostPeer.Addrs) > len(want.HostPeer.Addrs) {
					checkLines(t, lines, at, false)
					return
				}
				checkLines(t, lines, at, counts(at, field))
			})
		})
	}
}

// Of somebody else's bridge only what vmd sets counts.
func TestDiffOfForeignBridge(t *testing.T) {
	made := func(t *testing.T) State {
		t.Helper()
		return aCase{request: onSwitch, bridge: theirs("", 1500), claim: first}.state(t)
	}
	want := made(t)
	forEachEdit(t, made, func(t *testing.T, have *State, at Named, field string) {
		t.Helper()
		checkLines(t, Diff(&want, have), at, counts(at, field))
	})
}

// checkLines fails unless there is one line about the link, or none if the
// change does not count.
func checkLines(t *testing.T, lines []string, at Named, counts bool) {
	t.Helper()
	switch {
	case !counts && len(lines) != 0:
		t.Errorf("got %q, want no difference", lines)
	case counts && (len(lines) != 1 || !strings.HasPrefix(lines[0], at.Role+" "+at.Name+": ")):
		t.Errorf("got %q, want one line about the %s %s", lines, at.Role, at.Name)
	}
}

func TestDiffOfTheSameIsEmpty(t *testing.T) {
	for _, c := range states() {
		t.Run(c.name, func(t *testing.T) {
			want, have := c.state(t), c.state(t)
			if lines := Diff(&want, &have); len(lines) != 0 {
				t.Errorf("got %q", lines)
			}
		})
	}
}

// The kernel lists altnames, addresses and routes in an order of its own.
func TestDiffIgnoresOrder(t *testing.T) {
	want, have := aCase{request: full, claim: first}.state(t), aCase{request: full, claim: first}.state(t)
	slices.Reverse(have.HostLink.AltNames)
	slices.Reverse(have.Gateway.Addrs)
	slices.Reverse(have.Gateway.Routes)
	slices.Reverse(have.Gateway.Sysctls)
	if lines := Diff(&want, &have); len(lines) != 0 {
		t.Errorf("got %q", lines)
	}
}

func TestDiffNamesMissingAndExtraLinks(t *testing.T) {
	want := aCase{request: full, claim: first}.state(t)
	for i, n := range want.Links() {
		if n.Name == "" {
			continue
		}
		t.Run(n.Role, func(t *testing.T) {
			without := aCase{request: full, claim: first}.state(t)
			*without.Links()[i].Link = Link{}
			where := ""
			if n.Pod {
				where = " in the pod's namespace"
			}
			for _, c := range []struct {
				want, have *State
				line       string
			}{
				{&want, &without, n.Role + " " + n.Name + ": missing" + where},
				{&without, &want, n.Role + " " + n.Name + ": should not be there" + where},
			} {
				if got := Diff(c.want, c.have); !slices.Equal(got, []string{c.line}) {
					t.Errorf("got %q, want %q", got, c.line)
				}
			}
		})
	}
}

// What the lines say.
func TestDiffLines(t *testing.T) {
	s := aCase{request: full, claim: first}.state(t)
	guardOf := func(l Link) string { return l.Ingress[len(l.Ingress)-1].String() }
	for _, c := range []struct {
		name   string
		change func(s *State)
		lines  []string
	}{
		{"mtu", func(s *State) { s.HostPeer.MTU = 1400 }, []string{"host link's pod end vm5-if0: mtu is 1400, want 1500"}},
		{"tap's mtu", func(s *State) { s.Tap.MTU = 1400 }, nil},
		{"down", func(s *State) { s.HostLink.Up = false }, []string{"host link vm5-if0: up is off, want on"}},
		{"master", func(s *State) { s.HostLink.Master = "" }, []string{`host link vm5-if0: master is "", want "bridge0"`}},
		{"address", func(s *State) { s.Tap.LLAddr[0] = 6 }, []string{"tap eth0: address is 06:11:22:33:44:55, want 02:11:22:33:44:55"}},
		{"owner", func(s *State) { s.Tap.Owner = Owner{} }, []string{"tap eth0: owner is anyone, want user 0 group 107"}},
		{"altname", func(s *State) { s.Gateway.AltNames[0] = "x" }, []string{
			`gateway vm5-gw0: altname "gw:c1@eth0" is missing`, `gateway vm5-gw0: altname "x" should not be there`,
		}},
		{"prefix length", func(s *State) { s.Gateway.Addrs[0].Prefix = netip.MustParsePrefix("100.64.5.2/24") }, []string{
			"gateway vm5-gw0: address 100.64.5.2/31 is missing", "gateway vm5-gw0: address 100.64.5.2/24 should not be there",
		}},
		{"prefix route", func(s *State) { s.Gateway.Addrs[2].NoPrefixRoute = false }, []string{
			"gateway vm5-gw0: address fe80::6440:503:0:1/128 noprefixroute is missing", "gateway vm5-gw0: address fe80::6440:503:0:1/128 should not be there",
		}},
		{"sysctl", func(s *State) { s.Gateway.Sysctls[2].Value = 2 }, []string{
			"gateway vm5-gw0: sysctl rp_filter = 1 is missing", "gateway vm5-gw0: sysctl rp_filter = 2 should not be there",
		}},
		{"route", func(s *State) { s.Gateway.Routes = nil }, []string{
			"gateway vm5-gw0: route fd00::6440:503:0:2/128 is missing", "gateway vm5-gw0: route fe80::11:22ff:fe33:4455/128 is missing",
		}},
		{"redirect", func(s *State) { s.HostPeer.Ingress[0].Redirect = "eth1" }, []string{
			"host link's pod end vm5-if0: ingress filter 1 is to all frames: eth1, want all frames: eth0",
		}},
		{"drop", func(s *State) { s.HostPeer.Ingress[0].Redirect = "" }, []string{
			"host link's pod end vm5-if0: ingress filter 1 is to all frames: drop, want all frames: eth0",
		}},
		{"program", func(s *State) { s.Bridge.Ingress[0].Match = filter.Program{{Op: 6}} }, []string{
			"switch bridge0: ingress filter 1 matches other frames, want frames that 1 instructions match: drop",
		}},
		{"guard", func(s *State) { s.HostLink.Ingress[0].Match = filter.DropAll() }, []string{
			"host link vm5-if0: guard (ingress filter 1) matches other frames, want " + guardOf(s.HostLink),
		}},
		{"no guard", func(s *State) { s.Gateway.Ingress = nil }, []string{
			"gateway vm5-gw0: guard (ingress filter 1) (" + guardOf(s.Gateway) + ") is missing",
		}},
		{"void guard", func(s *State) { s.HostLink.Ingress[0].Void = true }, []string{
			"host link vm5-if0: guard (ingress filter 1) is void, not asked about all frames or not heard, want " + guardOf(s.HostLink),
		}},
		{"neighbour", func(s *State) { s.Gateway.Neighbours[0].LLAddr[5]++ }, []string{
			"gateway vm5-gw0: neighbour 100.64.5.3 lladdr 02:11:22:33:44:55 is missing", "gateway vm5-gw0: neighbour 100.64.5.3 lladdr 02:11:22:33:44:56 should not be there",
		}},
		{"order of filters", func(s *State) { slices.Reverse(s.Tap.Ingress) }, []string{
			"tap eth0: ingress filter 1 matches other frames, want frames that 71 instructions match: vm5-gw0",
			"tap eth0: ingress filter 2 matches other frames, want all frames: vm5-if0",
		}},
		{"two links", func(s *State) { s.Bridge.Alias, s.GatewayPeer.NoARP = "", false }, []string{
			`switch bridge0: alias is "", want "switch0-uplink"`, "gateway's pod end vm5-gw0: noarp is off, want on",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want, have := aCase{request: full, claim: first}.state(t), aCase{request: full, claim: first}.state(t)
			c.change(&have)
			if got := Diff(&want, &have); !slices.Equal(got, c.lines) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.lines, "\n"))
			}
		})
	}
}
