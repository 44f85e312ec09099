package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestLinuxGroups: the policies of docs/groups.md hold for guests that are Linux
// under a VM monitor. Each is asked when it boots whom it reaches of those that run
// already.
func TestLinuxGroups(t *testing.T) {
	wantsNoVRF(t)
	const metadata = "169.254.169.254"
	for name, c := range map[string]struct {
		policies []string
		guests   []string          // in the order in which they boot
		reach    map[string]string // by whom, of those before it and the metadata address
	}{
		"web, db and admin": {
			[]string{"web may reach db", "Only admin reaches the metadata address"},
			[]string{"db", "web", "admin"},
			map[string]string{"db": "", "web": "db", "admin": metadata},
		},
		"tenants": {
			[]string{"Tenants apart"},
			[]string{"red1", "blue1", "red2"},
			map[string]string{"red1": metadata, "blue1": metadata, "red2": "red1 " + metadata},
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			ipBatch(t, n.Run, "address add "+metadata+"/32 dev lo\nlink set lo up\n")
			for _, heading := range c.policies {
				n.policy(t, heading)
			}
			booted := map[string]string{metadata: metadata} // names of addresses
			for _, id := range c.guests {
				p := n.newPod(t, id)
				a := p.add(t, "eth0", conf(inSets("", strings.TrimRight(id, "12"))))
				var answers, silent []string
				for dst, whose := range booted {
					if strings.Contains(" "+c.reach[id]+" ", " "+whose+" ") {
						answers = append(answers, dst)
					} else {
						silent = append(silent, dst)
					}
				}
				console := bootLinux(t, p, a, "vmtap.ping="+strings.Join(answers, ","), "vmtap.noping="+strings.Join(silent, ","))
				for _, dst := range answers {
					wantLine(t, console, fmt.Sprintf("guest: ping %s: answers", dst))
				}
				for _, dst := range silent {
					wantLine(t, console, fmt.Sprintf("guest: ping %s: no answer", dst))
				}
				for _, addr := range addrs(a.guestConfig()) {
					booted[addr.String()] = id
				}
			}
		})
	}
}
