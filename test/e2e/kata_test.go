package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/vmid"
	"github.com/vmtap/vmtap/test/cni"
	"github.com/vmtap/vmtap/test/guest"
)

// layer2 is an interface without addresses, on the switch that createConf makes.
const layer2 = `"switch": {"interface": "bridge0", "name": "uplink", "id": 7, "create": true}`

// danDir is a directory of sandboxes' files for Kata.
type danDir struct{ path string }

// newDANDir returns one that is not there yet. Its path has only what kata.dir may have.
func newDANDir(t testing.TB) danDir {
	t.Helper()
	parent, err := os.MkdirTemp("", "vmtap-dan-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(parent); err != nil {
			t.Error(err)
		}
	})
	return danDir{filepath.Join(parent, "run", "dans")}
}

// block is a block of placement host that is listed there.
func (d danDir) block(more string) string {
	return fmt.Sprintf(`"placement": "host", "kata": {"dan": true, "dir": %q}, %s`, d.path, more)
}

// files are what the directory holds, drafts included, with the text of each.
func (d danDir) files(t testing.TB) map[string]string {
	t.Helper()
	if d.path == "" {
		return nil
	}
	entries, err := os.ReadDir(d.path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(d.path, e.Name()))
		if err != nil {
			text = []byte(err.Error())
		}
		files[e.Name()] = string(text)
	}
	return files
}

func (d danDir) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(d.path, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// danConfig is what Kata's runtime reads of a file, in the words of its dan.rs.
type danConfig struct {
	Netns   *string `json:"netns"`
	Devices []struct {
		Name     string `json:"name"`
		GuestMAC string `json:"guest_mac"`
		Device   struct {
			Type     string `json:"type"`
			TapName  string `json:"tap_name"`
			QueueNum int    `json:"queue_num"`
		} `json:"device"`
		NetworkInfo struct {
			Interface struct {
				IPAddresses []string `json:"ip_addresses"`
				MTU         int      `json:"mtu"`
			} `json:"interface"`
			Routes []struct {
				Dest    string `json:"dest"`
				Gateway string `json:"gateway"`
			} `json:"routes"`
		} `json:"network_info"`
	} `json:"devices"`
}

func (d danDir) read(t testing.TB, sandbox string) danConfig {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.path, sandbox+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var c danConfig
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return c
}

// taps are the taps that a sandbox's file lists, in order; none without a file.
func (d danDir) taps(t testing.TB, sandbox string) []string {
	t.Helper()
	taps := []string{}
	if _, ok := d.files(t)[sandbox+".json"]; !ok {
		return taps
	}
	for _, dev := range d.read(t, sandbox).Devices {
		taps = append(taps, dev.Device.TapName)
	}
	return taps
}

func (d danDir) wantEmpty(t testing.TB, about string) {
	t.Helper()
	if files := d.files(t); len(files) > 0 {
		t.Errorf("%s: files are left: %v", about, files)
	}
}

// TestKataGuest does with the file alone what Kata does: it opens the taps in their
// order, as many queues as it is told, and gives the guest what is listed. Each
// interface reaches the host over IPv4 and IPv6.
func TestKataGuest(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	dir := newDANDir(t)
	p := n.newPod(t, "sandbox-1")
	eth0 := p.add(t, "eth0", conf(dir.block(createConf+`, "routes": [{"dst": "192.0.2.0/24", "mtu": 1400}]`)))
	net1 := p.add(t, "net1", confOf("other", dir.block(`"local": true`)))
	net2 := p.add(t, "net2", confOf("layer2", dir.block(layer2)))

	info, err := os.Stat(filepath.Join(dir.path, "sandbox-1.json"))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "file's mode", info.Mode(), os.FileMode(0o600))
	if info, err = os.Stat(dir.path); err != nil {
		t.Fatal(err)
	}
	expect(t, "directory's mode", info.Mode().Perm(), os.FileMode(0o700))

	c := dir.read(t, "sandbox-1")
	if c.Netns != nil {
		t.Errorf("netns is %q, want null: the taps are in the host's", *c.Netns)
	}
	if len(c.Devices) != 3 {
		t.Fatalf("%d devices, want 3: %v", len(c.Devices), dir.files(t))
	}
	for i, a := range []*attachment{eth0, net1, net2} {
		dev := &c.Devices[i]
		expect(t, "name", dev.Name, a.call.IfName)
		expect(t, "type", dev.Device.Type, "host-tap")
		expect(t, "tap", dev.Device.TapName, a.hostLink())
		expect(t, "queues", dev.Device.QueueNum, 1)
		expect(t, "guest_mac", dev.GuestMAC, a.Interfaces[len(a.Interfaces)-1].Mac)
		expect(t, "mtu", dev.NetworkInfo.Interface.MTU, 1500)
		g := guest.Config{LLAddr: guest.ParseMAC(dev.GuestMAC)}
		for _, s := range dev.NetworkInfo.Interface.IPAddresses {
			if prefix := netip.MustParsePrefix(s); prefix.Addr().Is4() {
				g.Addr4 = prefix
			} else {
				g.Addr6 = prefix
			}
		}
		for _, r := range dev.NetworkInfo.Routes {
			if r.Dest != "" {
				continue // else the default route
			}
			if gw := netip.MustParseAddr(r.Gateway); gw.Is4() {
				g.Gateway4 = gw
			} else {
				g.Gateway6 = gw
			}
		}
		if a == net1 { // the default routes are eth0's
			expect(t, "routes", len(dev.NetworkInfo.Routes), 0)
			g.Gateway4, g.Gateway6 = a.guestConfig().Gateway4, a.guestConfig().Gateway6
		}
		vm := guest.Open(t, n.NS, dev.Device.TapName, g)
		if a == net2 {
			expect(t, "addresses", dev.NetworkInfo.Interface.IPAddresses, []string{})
			continue
		}
		for _, gateway := range []netip.Addr{g.Gateway4, g.Gateway6} {
			if err := vm.Ping(gateway, answered); err != nil {
				t.Errorf("%s: %v", dev.Name, err)
			}
		}
	}
	expect(t, "routes", len(c.Devices[0].NetworkInfo.Routes), 3)

	net1.del() // one goes, the others stay listed
	expect(t, "taps", dir.taps(t, "sandbox-1"), []string{eth0.hostLink(), net2.hostLink()})
	for _, a := range []*attachment{eth0, net2} {
		if fault := n.Check(t, a.call); fault != nil {
			t.Errorf("CHECK of %s: %s", a.call.IfName, fault)
		}
	}
	net1 = p.add(t, "net1", confOf("other", dir.block(`"local": true`))) // and has its place again
	expect(t, "taps", dir.taps(t, "sandbox-1"), []string{eth0.hostLink(), net1.hostLink(), net2.hostLink()})
	for _, a := range []*attachment{net2, eth0, net1} {
		a.del()
	}
	dir.wantEmpty(t, "after the last DEL")
}

// TestKataQueues: of a tap with several queues Kata chooses how many it opens.
func TestKataQueues(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	dir := newDANDir(t)
	p := n.newPod(t, "p")
	p.add(t, "eth0", conf(dir.block(`"tap": {"multiQueue": true}`)))
	expect(t, "queues", dir.read(t, "p").Devices[0].Device.QueueNum, 0)
}

// TestKataLeased: what an IPAM plugin gives is listed, and CHECK finds it so.
func TestKataLeased(t *testing.T) {
	n := newIPAMNode(t)
	dir, pool := newDANDir(t), newPool(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(dir.block(`"switch": {"interface": "bridge0", "create": true}, "ipam": `+pool.dual())))
	dev := dir.read(t, "p").Devices[0]
	expect(t, "addresses", dev.NetworkInfo.Interface.IPAddresses, []string{"10.1.0.2/24", "2001:db8::2/64"})
	expect(t, "routes", fmt.Sprint(dev.NetworkInfo.Routes), "[{ 10.1.0.1} { 2001:db8::1}]")
	dir.write(t, "p.json", strings.Replace(dir.files(t)["p.json"], "10.1.0.1", "10.1.0.7", 1))
	wantFault(t, n.Check(t, a.call), 101, dir.path+"/p.json: device eth0: routes is", "10.1.0.7")
	a.del()
	dir.wantEmpty(t, "after DEL")

	// What the file cannot say is not left out.
	before := takeAll(t, n.NS)
	limited := strings.Replace(pool.dual(), `{"dst": "::/0"}`, `{"dst": "2001:db8:1::/48", "advmss": 1300}`, 1)
	_, fault := n.Add(t, p.call("eth0", strings.Replace(conf(dir.block(`"switch": {"interface": "bridge0", "create": true}, "ipam": `+limited)), "1.0.0", "1.1.0", 1)))
	wantFault(t, fault, 7, "list route to 2001:db8:1::/48 for Kata", "advmss", "host-local")
	before.wantSame(t)
	dir.wantEmpty(t, "after an ADD that was refused")
}

// TestKataCheck: CHECK names what Kata would read otherwise.
func TestKataCheck(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	dir := newDANDir(t)
	p := n.newPod(t, "p")
	a := p.add(t, "eth0", conf(dir.block(createConf)))
	p.add(t, "net1", confOf("other", dir.block(`"local": true`)))
	path := dir.path + "/p.json"
	good := dir.files(t)["p.json"]
	altName := a.hostLink() + ":dan:" + strings.ReplaceAll(dir.path, "/", "+")
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T) (mend func())
		words []string
	}{
		{"missing", func(t *testing.T) func() {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			return func() {}
		}, []string{path + ": missing"}},
		{"no JSON", dir.spoil(good[:100]), []string{path + ": it is not vmtap's: it is not Kata's JSON"}},
		{"not listed", dir.spoil(strings.Replace(good, `"eth0"`, `"eth9"`, 1)), []string{path + ": device eth0 is missing"}},
		{"lladdr", dir.spoil(strings.Replace(good, a.Interfaces[len(a.Interfaces)-1].Mac, "02:00:00:00:00:01", 1)), []string{`device eth0: guest_mac is "02:00:00:00:00:01", want`}},
		{"tap", dir.spoil(strings.Replace(good, a.hostLink(), "vm9-if9", 1)), []string{`device eth0: device is {"type":"host-tap","tap_name":"vm9-if9"`, a.hostLink()}},
		{"address", dir.spoil(strings.Replace(good, a.IPs[0].Address.IP.String()+"/31", "192.0.2.1/24", 1)), []string{"device eth0: interface is", "192.0.2.1/24", a.IPs[0].Address.String()}},
		{"mtu", dir.spoil(strings.Replace(good, `"mtu": 1500`, `"mtu": 9000`, 1)), []string{"device eth0: interface is", "9000"}},
		{"gateway", dir.spoil(strings.Replace(good, `"gateway": "`+a.IPs[0].Gateway.String()+`"`, `"gateway": "192.0.2.9"`, 1)), []string{"device eth0: routes is", "192.0.2.9"}},
		{"what vmtap does not write", dir.spoil(strings.Replace(good, `"mtu": 1500`, `"mtu": 1500, "flags": 128`, 1)), []string{path + ": it is not as vmtap wrote it"}},
		{"another namespace", dir.spoil(strings.Replace(good, `"netns": null`, `"netns": "/run/netns/x"`, 1)), []string{`its devices are in namespace "/run/netns/x"`}},
		{"no record", func(t *testing.T) func() {
			n.Run(t, "ip", "link", "property", "del", "dev", a.hostLink(), "altname", altName)
			return func() { n.Run(t, "ip", "link", "property", "add", "dev", a.hostLink(), "altname", altName) }
		}, []string{`altname "` + altName + `" is missing`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			mend := c.spoil(t)
			wantFault(t, n.Check(t, a.call), 101, c.words...)
			mend()
			dir.write(t, "p.json", good)
			if fault := n.Check(t, a.call); fault != nil {
				t.Errorf("CHECK of what is as it was: %s", fault)
			}
		})
	}
}

// spoil writes another text into the file of sandbox p.
func (d danDir) spoil(text string) func(t *testing.T) func() {
	return func(t *testing.T) func() {
		t.Helper()
		if d.files(t)["p.json"] == text {
			t.Fatal("nothing was changed")
		}
		d.write(t, "p.json", text)
		return func() {}
	}
}

// TestKataDel: DEL finds the file by what stands on the host link, whatever the
// runtime says, and what is listed without a host link by the configuration.
func TestKataDel(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	dir := newDANDir(t)
	second := n.newPod(t, "stays").add(t, "eth0", conf(dir.block(createConf)))
	stays := dir.files(t)
	for _, c := range []struct {
		name   string
		before func(t *testing.T, a *attachment)
		call   func(cni.Call) cni.Call
	}{
		{name: "at stop"},
		{name: "without namespace and prevResult", call: func(c cni.Call) cni.Call { c.Netns = ""; return c.With(nil) }},
		{name: "without kata by now", call: func(c cni.Call) cni.Call { c.Conf = conf(""); return c.With(nil) }},
		{name: "with another directory by now", call: func(c cni.Call) cni.Call {
			c.Conf = conf(newDANDir(t).block(createConf))
			return c.With(nil)
		}},
		{name: "with a broken configuration", call: func(c cni.Call) cni.Call { c.Conf = conf(`"kata": 7, "placement": 7`); return c.With(nil) }},
		{name: "with the tap gone", before: func(t *testing.T, a *attachment) { n.Run(t, "ip", "link", "del", a.hostLink()) }},
		{name: "with tap and gateway gone", before: func(t *testing.T, a *attachment) {
			gateway := a.gateway()
			n.Run(t, "ip", "link", "del", a.hostLink())
			n.Run(t, "ip", "link", "del", gateway)
		}},
		{name: "with the file gone", before: func(t *testing.T, _ *attachment) {
			if err := os.Remove(dir.path + "/p.json"); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "with a draft of a call that was killed", before: func(t *testing.T, _ *attachment) { dir.write(t, ".p.json.new", "{") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := takeAll(t, n.NS)
			a := n.newPod(t, "p").add(t, "eth0", conf(dir.block(createConf)))
			if c.before != nil {
				c.before(t, a)
			}
			call := a.call
			if c.call != nil {
				call = c.call(call)
			}
			for range 2 {
				if fault := n.Del(t, call); fault != nil {
					t.Errorf("DEL: %s", fault)
				}
			}
			expect(t, "files", dir.files(t), stays)
			before.wantSame(t)
		})
	}
	// An attachment of another network is not DEL's.
	call := second.call.With(nil)
	call.Conf = confOf("other", dir.block(createConf))
	if fault := n.Del(t, call); fault != nil {
		t.Errorf("DEL: %s", fault)
	}
	expect(t, "files", dir.files(t), stays)
}

// TestKataForeign: what somebody else wrote is not changed, and an ADD that would have
// to is refused before it changes anything.
func TestKataForeign(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	dir := newDANDir(t)
	n.newPod(t, "first").add(t, "eth0", conf(dir.block(createConf))).del()
	before := takeAll(t, n.NS)
	p := n.newPod(t, "p")
	call := p.call("eth0", conf(dir.block(createConf)))
	for _, text := range []string{
		"", "{}", `{"devices": []}`,
		`{"devices": [{"name": "eth0", "device": {"type": "vhost-user", "path": "/run/sock"}, "network_info": {"interface": {"ip_addresses": []}}}]}`,
		`{"devices": [{"name": "eth0", "device": {"type": "host-tap", "tap_name": "tap0"}, "network_info": {"interface": {"ip_addresses": []}}}]}`,
	} {
		dir.write(t, "p.json", text)
		_, fault := n.Add(t, call)
		wantFault(t, fault, 100, "use "+dir.path+"/p.json: somebody else wrote it", "remove it or drop kata.dan")
		if fault := n.Del(t, call); fault != nil {
			t.Errorf("DEL: %s", fault)
		}
		n.gc(t, dir.gc("null"))
		n.gc(t, dir.gc(valid()))
		expect(t, "files", dir.files(t), map[string]string{"p.json": text})
		before.wantSame(t, text)
	}

	// Nor is a link followed, or a pipe waited for.
	path := dir.path + "/p.json"
	for what, put := range map[string]func() error{
		"a link":      func() error { return os.Symlink("/etc/hostname", path) },
		"a pipe":      func() error { return unix.Mkfifo(path, 0o600) },
		"a directory": func() error { return os.Mkdir(path, 0o700) },
	} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := put(); err != nil {
			t.Fatal(err)
		}
		_, fault := n.Add(t, call)
		wantFault(t, fault, 100, "use "+path+": somebody else wrote it", "it is no file")
		if fault := n.Del(t, call); fault != nil {
			t.Errorf("DEL with %s there: %s", what, fault)
		}
	}
	before.wantSame(t)
}

// gc is a GC of network vmnet that has this directory.
func (d danDir) gc(valid string) cni.Call {
	c := gcConf("vmnet", valid)
	c.Conf = extended(c.Conf, d.block(createConf))
	return c
}

// TestKataDirectory: a directory that cannot be one is refused before anything is
// changed, and STATUS says so before.
func TestKataDirectory(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	dir := newDANDir(t)
	status := func() *cni.Error {
		return n.Status(t, cni.Call{Conf: strings.Replace(conf(dir.block(createConf)), "1.0.0", "1.1.0", 1)})
	}
	if fault := status(); fault != nil {
		t.Errorf("STATUS without the directory, which ADD makes: %s", fault)
	}
	if err := os.MkdirAll(filepath.Dir(dir.path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := takeAll(t, n.NS)
	call := n.newPod(t, "p").call("eth0", conf(dir.block(createConf)))
	_, fault := n.Add(t, call)
	wantFault(t, fault, 7, "write to kata.dir "+dir.path)
	if fault := n.Del(t, call); fault != nil {
		t.Errorf("DEL: %s", fault)
	}
	n.gc(t, gcConf("vmnet", "null"))
	before.wantSame(t)
	wantFault(t, status(), 50, "write to kata.dir "+dir.path)
}

// TestKataGC: what is not valid goes from links and files, what is stays, and so does
// nothing that is listed and gone, whatever its network.
func TestKataGC(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	dir, other := newDANDir(t), newDANDir(t)
	p := n.newPod(t, "stays")
	stays := p.add(t, "eth0", conf(dir.block(createConf)))
	files := dir.files(t)
	before := takeAll(t, n.NS)
	check := func(about string) {
		t.Helper()
		expect(t, "files "+about, dir.files(t), files)
		other.wantEmpty(t, about)
		before.wantSame(t, about)
		if fault := n.Check(t, stays.call); fault != nil {
			t.Errorf("CHECK %s: %s", about, fault)
		}
	}

	goes := n.newPod(t, "goes")
	goes.add(t, "eth0", conf(dir.block(createConf)))
	goes.add(t, "net1", conf(dir.block(createConf)))
	p.add(t, "net1", conf(dir.block(createConf)))
	n.newPod(t, "moved").add(t, "eth0", conf(other.block(createConf))) // the configuration had another directory
	n.gc(t, dir.gc(valid("stays@eth0")))
	check("after GC with a list")

	// Without a list, what is listed and has no host link.
	a := n.newPod(t, "dead").add(t, "eth0", confOf("layer2", dir.block(layer2)))
	n.Run(t, "ip", "link", "del", a.hostLink())
	b := p.add(t, "net1", confOf("layer2", dir.block(layer2)))
	n.Run(t, "ip", "link", "del", b.hostLink())
	dir.write(t, ".killed.json.new", "{")
	dir.write(t, ".stays.json.new", "{")
	n.gc(t, dir.gc("null"))
	check("after GC without a list")

	// What is listed by now in another directory.
	a = n.newPod(t, "again").add(t, "eth0", conf(dir.block(createConf)))
	listed := dir.files(t)["again.json"]
	a.del()
	again := n.newPod(t, "again").add(t, "eth0", conf(other.block(createConf)))
	expect(t, "the same file", other.files(t)["again.json"], listed)
	dir.write(t, "again.json", listed)
	n.gc(t, dir.gc("null"))
	expect(t, "files", dir.files(t), files)
	if fault := n.Check(t, again.call); fault != nil {
		t.Errorf("CHECK: %s", fault)
	}
	again.del()

	// What another call works on stays: a call of its own ends it.
	a = n.newPod(t, "dead").add(t, "eth0", confOf("layer2", dir.block(layer2)))
	n.Run(t, "ip", "link", "del", a.hostLink())
	release := holdLock(t, vmid.LockOffset("dead", ""))
	n.gc(t, dir.gc("null"))
	if len(dir.taps(t, "dead")) != 1 {
		t.Error("GC changed the file of a sandbox on which another call works")
	}
	release()
	n.gc(t, dir.gc("null"))
	check("after the other call")
}

// TestKataCtlGC: vmtapctl gc, which has no configuration, takes what it removes out of
// the files as well.
func TestKataCtlGC(t *testing.T) {
	wantsNoVRF(t)
	n := newCacheNode(t)
	dir := newDANDir(t)
	n.listed(t, n.newPod(t, "a"), "vmnet", "1.0.0", createConf)
	n.newPod(t, "b").add(t, "eth0", conf(dir.block(createConf)))
	wantLines(t, n.ctl("gc", "--yes", "--wait", "0s"), 0, "b@eth0: no runtime lists it, nor anything else of its container: host link "+n.link(t, "b@eth0").Name+" of network vmnet")
	dir.wantEmpty(t, "after vmtapctl gc")
}

// TestKataAtOnce: all interfaces of a sandbox come and go at once, and the file lists
// what is there, in order, whole whenever it is read.
func TestKataAtOnce(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	dir := newDANDir(t)
	p := n.newPod(t, "p")
	m := &many{}
	const interfaces = 8
	for i := range interfaces {
		m.calls = append(m.calls, p.call(fmt.Sprint("net", i), confOf(fmt.Sprint("vmnet", i%2), dir.block(createConf))))
	}
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() { // Kata reads without a lock
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			text, err := os.ReadFile(dir.path + "/p.json")
			if err == nil && !json.Valid(text) {
				t.Errorf("half a file was read: %q", text)
			}
		}
	}()
	for range 2 {
		m.start(n, cni.ADD)(t)
		expect(t, "listed", len(dir.taps(t, "p")), interfaces)
		for i, tap := range dir.taps(t, "p") {
			if !strings.HasSuffix(tap, fmt.Sprint("-if", i)) {
				t.Errorf("device %d is %s: they are not in order", i, tap)
			}
		}
		for i := range m.calls {
			m.calls[i] = m.calls[i].With(m.results[i].stdout)
			if fault := n.Check(t, m.calls[i]); fault != nil {
				t.Errorf("CHECK of %s: %s", m.calls[i].IfName, fault)
			}
		}
		m.start(n, cni.DEL)(t)
		dir.wantEmpty(t, "after all DELs at once")
		for i := range m.calls {
			m.calls[i] = m.calls[i].With(nil)
		}
	}
	close(stop)
	<-ended
}

// TestKataPlan: vmtapctl plan says where the interface will be listed, and lists nothing.
func TestKataPlan(t *testing.T) {
	wantsNoVRF(t)
	n := newNode(t)
	dir := newDANDir(t)
	out, err := n.plans(t, conf(dir.block(createConf)), "--container-id", "p").Output()
	if err != nil {
		t.Fatal(err)
	}
	wantWords(t, string(out), "# listed for Kata in "+dir.path+"/p.json\n", ":dan:"+strings.ReplaceAll(dir.path, "/", "+")+"\n")
	if _, err := os.Stat(dir.path); !os.IsNotExist(err) {
		t.Errorf("the directory was made: %v", err)
	}
}
