package e2e

import (
	"encoding/json"
	"testing"

	"github.com/vmtap/vmtap/test/netns"
)

// traffic is what went through a link in one direction.
type traffic struct{ Bytes, Packets int }

// trafficOf is what a link received and sent.
func trafficOf(t *testing.T, ns *netns.NS, link string) (received, sent traffic) {
	t.Helper()
	var all []struct {
		Stats struct{ RX, TX traffic } `json:"stats64"`
	}
	if err := json.Unmarshal([]byte(ns.Run(t, "ip", "-s", "-j", "link", "show", "dev", link)), &all); err != nil {
		t.Fatal(err)
	}
	return all[0].Stats.RX, all[0].Stats.TX
}
