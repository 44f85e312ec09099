package e2e

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/vmtap/vmtap/test/cri"
)

// TestCRIAnnotations: pods choose by annotations what the network allows, and
// are refused otherwise, with nothing left.
func TestCRIAnnotations(t *testing.T) {
	block := createConf + `, "allow": {"vmid": "5-9", "group": ["web", "db"], "lladdr": true, "name": true},
		"capabilities": {"io.kubernetes.cri.pod-annotations": true}`
	onContainerd(t, func(t *testing.T, m *machine) {
		m.configure(t, listOf("vmnet", block))
		s := m.run(t, "web", map[string]string{
			"vmtap.dev/vmid": "7", "vmtap.dev/group": "web,db", "vmtap.dev/lladdr": "02:00:00:00:00:07", "vmtap.dev/name": "shop",
			"kubernetes.io/config.seen": "x", "other.example/vmid": "8",
		})
		expect(t, "host link", s.hostLink(), "vm7-if0")
		expect(t, "alias", m.node.link(t, s.hostLink()).Alias, "vm7-if0-default/shop")
		expect(t, "lladdr", s.guestConfig().LLAddr.String(), "02:00:00:00:00:07")
		for _, group := range []string{"web", "db"} {
			expect(t, "link of "+group, m.node.link(t, "vm7-if0."+group).Name, "vm7-if0")
		}
		s.wantIPs(t)
		s.wantCheck(t)
		before := takeAll(t, m.NS)
		for _, c := range []struct{ key, value, want string }{
			{"vmid", "10", `allow.vmid is "5-9"`},
			{"vmid", "seven", `"seven"`},
			{"vmid", "7", "vmid 7"}, // another VM has it
			{"group", "web,admin", `allow.group is ["web","db"]`},
			{"rdomain", "10", "rdomain"},
			{"switch", "bridge1", "bridge1"},
			{"vimd", "7", "vmtap.dev/vimd"},
		} {
			t.Run(c.key+" "+c.value, func(t *testing.T) {
				_, err := m.RunPod(t.Context(), m.PodConfig("refused", map[string]string{"vmtap.dev/" + c.key: c.value}))
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want an error with %q", err, c.want)
				}
				before.wantSame(t)
			})
		}
		s.MustEnd(t)
		m.wantNothing(t)
	})
}

// TestCRIAtOnce: ten pods at once, started and ended, on a switch that the first
// makes. Each has a vmid, an lladdr and addresses of its own.
func TestCRIAtOnce(t *testing.T) {
	onContainerd(t, func(t *testing.T, m *machine) {
		m.configure(t, listOf("vmnet", createConf))
		const n = 10
		pods := make([]*cri.Pod, n)
		atOnce(t, n, func(i int) (err error) {
			pods[i], err = m.RunPod(t.Context(), m.PodConfig(fmt.Sprint("web-", i), nil))
			return err
		})
		seen := map[string]bool{}
		for _, p := range pods {
			s := m.sandbox(t, p)
			s.wantIPs(t)
			s.wantCheck(t)
			for _, of := range []string{vmOf(s.attachment), s.guestConfig().LLAddr.String(), s.guestConfig().Addr4.String()} {
				if seen[of] {
					t.Errorf("%s twice", of)
				}
				seen[of] = true
			}
		}
		atOnce(t, n, func(i int) error { return errors.Join(pods[i].Stop(t.Context()), pods[i].Remove(t.Context())) })
		m.wantNothing(t)
	})
}

// atOnce runs functions side by side, and demands that all succeed.
func atOnce(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
