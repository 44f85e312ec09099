package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/guest"
)

// TestGuestGetsNothingShown runs the commands of docs/isolation.md's section
// "The guest gets nothing" beside a guest that uses another lladdr. What they
// show has the form that the page shows.
func TestGuestGetsNothingShown(t *testing.T) {
	wantsNoVRF(t)
	page, err := os.ReadFile("../../docs/isolation.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## The guest gets nothing\n")
	if !ok {
		t.Fatal("the page has no such section")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	n := newNode(t)
	p := n.newPod(t, "p")
	call := p.call("eth0", switchConf)
	call.Args = "VMID=5;VMNAME=web"
	a := n.add(t, call)
	g, c := a.boot(p), a.guestConfig()
	for _, dst := range gateways(c) { // something passes
		if err := g.Ping(dst, answered); err != nil {
			t.Fatal(err)
		}
	}
	forged := guest.Ethernet{
		Dst: guest.Broadcast, Src: guest.ParseMAC("02:00:00:00:00:99"), Type: guest.TypeARP,
		Payload: guest.ARP{Op: guest.ARPRequest, SenderMAC: c.LLAddr, Sender: c.Addr4.Addr(), Target: c.Addr4.Addr()}.Marshal(),
	}.Marshal()
	toGateway := guest.Echo{Data: []byte("forged")}.Packet(c.Gateway4, c.Gateway4)
	if err := g.SendIP(guest.ParseMAC(n.link(t, a.gateway()).Address), toGateway); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // again and again, since tcpdump sees what is sent after it began to look
		for {
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
				_ = g.Send(forged) // the link is there as long as the test runs
			}
		}
	}()
	defer close(done)
	waitFor(t, "frames that are dropped on both ways", func() bool {
		return n.dropped(t, a.hostLink()) > 0 && n.dropped(t, a.gateway()) > 0
	})
	commands := 0
	for _, shown := range regexp.MustCompile("(?ms)^```\n(.*?)^```$").FindAllStringSubmatch(section, -1) {
		for _, part := range strings.Split("\n"+shown[1], "\n$ ")[1:] {
			command, output, _ := strings.Cut(part, "\n")
			commands++
			have := n.Run(t, "sh", "-c", command)
			for line := range strings.Lines(output) {
				if !form(line).MatchString(have) {
					t.Errorf("%s: shows no line like\n%sbut\n%s", command, line, have)
				}
			}
		}
	}
	if commands < 5 {
		t.Errorf("%d commands in the section", commands)
	}
	for _, l := range []string{a.hostLink(), a.gateway()} {
		if n.dropped(t, l) == 0 {
			t.Errorf("%s: nothing is dropped", l)
		}
	}
}

// form matches lines that differ from one in numbers, lladdrs and spaces alone.
func form(line string) *regexp.Regexp {
	var words []string
	for _, w := range strings.Fields(line) {
		w = regexp.QuoteMeta(w)
		w = strings.ReplaceAll(w, `\.\.\.`, `.*`)
		w = regexp.MustCompile(`([0-9a-f]{2}:){5}[0-9a-f]{2}`).ReplaceAllString(w, `([0-9a-f]{2}:){5}[0-9a-f]{2}`)
		w = regexp.MustCompile(`@if[0-9]+`).ReplaceAllString(w, `@if[0-9]+`)
		if !strings.Contains(w, "[") {
			w = regexp.MustCompile(`\b[0-9]+\b`).ReplaceAllString(w, `[0-9]+`)
		}
		words = append(words, w)
	}
	return regexp.MustCompile(`(?m)^\s*` + strings.Join(words, `\s+`))
}
