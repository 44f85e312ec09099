package e2e

import (
	"net/http"

	"github.com/vmtap/vmtap/test/cri"
	"github.com/vmtap/vmtap/test/netns"
)

// webClient asks web servers from a namespace, by a new connection each time.
func webClient(ns *netns.NS) *http.Client {
	return &http.Client{Timeout: cri.Timeout, Transport: &http.Transport{DialContext: ns.DialContext, DisableKeepAlives: true}}
}
