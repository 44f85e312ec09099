package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	const ips = `"ips": [
    {"address": "100.64.1.3/31", "gateway": "100.64.1.2", "interface": 2},
    {"address": "fd00::6440:103:0:2/96", "gateway": "fd00::6440:103:0:1", "interface": 1},
    {"address": "10.0.0.1/32"},
    {"address": "100.64.1.3/31", "gateway": "100.64.1.2", "interface": 1}
  ]`
	const addresses = `addresses=100.64.1.3/31,fd00::6440:103:0:2/96,10.0.0.1/32
gateways=100.64.1.2,fd00::6440:103:0:1
`
	for name, c := range map[string]struct{ interfaces, before, after string }{
		"pod": {`{"name": "vm1-if0", "mac": "0a:01:64:40:01:03"},
    {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/pod"},
    {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "abc", "mtu": 1500}`, "lladdr=02:00:00:00:00:01\n", "mtu=1500\ntap=eth0\nwhere=pod\n"},
		"host": {`{"name": "bridge0", "mac": "0a:05:00:00:00:00"}, {"name": "vm1-if0", "mac": "0a:01:64:40:01:03"}, {"name": "vm1-gw0", "mac": "0a:03:64:40:01:03"},
    {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "abc"}`, "lladdr=02:00:00:00:00:01\n", "mtu=0\ntap=vm1-if0\nwhere=host\n"},
		"chained": {`{"name": "veth1", "mac": "0a:00:00:00:00:01"}, {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/pod"},
    {"name": "tap0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/pod"}, {"name": "tap0", "mac": "02:00:00:00:00:01", "sandbox": "abc"}`, "lladdr=02:00:00:00:00:01\n", "mtu=0\ntap=tap0\nwhere=pod\n"},
		"no VM": {`{"name": "vm1-if0", "mac": "0a:01:64:40:01:03"}, {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/pod"}`, "lladdr=02:00:00:00:00:01\n", "mtu=0\ntap=\nwhere=pod\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := run(strings.NewReader(`{"interfaces": [`+c.interfaces+`], `+ips+`}`), &out); err != nil {
				t.Fatal(err)
			}
			if want := c.before + addresses + c.after; out.String() != want {
				t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
			}
		})
	}
	for _, none := range []string{``, `{"name": "eth0", "sandbox": "/x"}`, `{"name": "br0", "mac": "x"}`, `{"name": "eth0", "mac": "x", "sandbox": "abc"}`} {
		var out strings.Builder
		if err := run(strings.NewReader(`{"interfaces": [`+none+`]}`), &out); err == nil {
			t.Errorf("a result without a guest is accepted: %s", none)
		}
	}
}
