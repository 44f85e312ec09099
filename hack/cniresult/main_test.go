package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	const in = `{
  "cniVersion": "1.0.0",
  "interfaces": [
    {"name": "vm1-if0", "mac": "0a:01:64:40:01:03"},
    {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "/run/netns/pod"},
    {"name": "eth0", "mac": "02:00:00:00:00:01", "sandbox": "abc", "mtu": 1500}
  ],
  "ips": [
    {"address": "100.64.1.3/31", "gateway": "100.64.1.2", "interface": 2},
    {"address": "fd00::6440:103:0:2/96", "gateway": "fd00::6440:103:0:1", "interface": 1},
    {"address": "10.0.0.1/32"}
  ]
}`
	const want = `lladdr=02:00:00:00:00:01
addresses=100.64.1.3/31,fd00::6440:103:0:2/96,10.0.0.1/32
gateways=100.64.1.2,fd00::6440:103:0:1
mtu=1500
`
	var out strings.Builder
	if err := run(strings.NewReader(in), &out); err != nil {
		t.Fatal(err)
	}
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
	if err := run(strings.NewReader(`{"interfaces": [{"name": "eth0", "mac": "x", "sandbox": "/x"}]}`), &out); err == nil {
		t.Error("a result without a VM's interface is accepted")
	}
}
