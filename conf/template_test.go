package conf_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"text/template"

	"github.com/vmtap/vmtap/test/golden"
)

const nodeTemplate = "60-node.conflist.template"

// render makes a file of a template as containerd 1.6 and 2 do it in
// UpdateRuntimeConfig, from what the kubelet calls the node's PodCIDR: one
// string, with both families in it if there are two.
func render(t *testing.T, podCIDR string) []byte {
	t.Helper()
	parsed, err := template.ParseFiles(nodeTemplate)
	if err != nil {
		t.Fatal(err)
	}
	cidrs := strings.Split(podCIDR, ",")
	var routes []string
	for i := range cidrs {
		cidrs[i] = strings.TrimSpace(cidrs[i])
	}
	for _, family := range []struct{ mark, route string }{{".", "0.0.0.0/0"}, {":", "::/0"}} {
		if strings.Contains(podCIDR, family.mark) {
			routes = append(routes, family.route)
		}
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, struct {
		PodCIDR       string
		PodCIDRRanges []string
		Routes        []string
	}{cidrs[0], cidrs, routes}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestNodeTemplate: the node's PodCIDRs become its prefixes, whichever family
// comes first; how many VMs fit follows from the length.
func TestNodeTemplate(t *testing.T) {
	for _, c := range []struct {
		podCIDR          string
		prefix4, prefix6 string
		vms              uint32
	}{
		{"10.244.1.0/24", "10.244.1.0/24", "", 15},
		{"10.244.1.0/24,fd10:244:0:1::/64", "10.244.1.0/24", "fd10:244:0:1::/64", 15},
		{"fd10:244:0:1::/64,10.244.1.0/24", "10.244.1.0/24", "fd10:244:0:1::/64", 15},
		{"10.244.1.0/24, fd10:244:0:1::/64", "10.244.1.0/24", "fd10:244:0:1::/64", 15},
		{"1.2.3.0/24,1:2:3:4::/64", "1.2.3.0/24", "1:2:3:4::/64", 15},
		{"192.168.20.0/22,2001:db8:1234:5600::/56", "192.168.20.0/22", "2001:db8:1234:5600::/56", 63},
		{"172.16.0.0/21", "172.16.0.0/21", "", 127},
		{"10.0.0.128/25", "10.0.0.128/25", "", 7},
		{"10.0.0.192/27", "10.0.0.192/27", "", 1},
	} {
		t.Run(c.podCIDR, func(t *testing.T) {
			all := stdins(t, render(t, c.podCIDR))
			req, err := parse(all[0])
			if err != nil {
				t.Fatal(err)
			}
			want6 := netip.Prefix{}
			if c.prefix6 != "" {
				want6 = netip.MustParsePrefix(c.prefix6)
			}
			if s := req.Local.Scheme; s.Prefix4() != netip.MustParsePrefix(c.prefix4) || s.Prefix6() != want6 || s.Bits() != 4 {
				t.Errorf("prefixes %v and %v with %d bits, want %s and %s with 4", s.Prefix4(), s.Prefix6(), s.Bits(), c.prefix4, c.prefix6)
			}
			if v := req.VMID; v.Min != 1 || v.Max != c.vms {
				t.Errorf("vmids %d to %d, want 1 to %d", v.Min, v.Max, c.vms)
			}
			s := state(t, all[0])
			if guest := s.Guest.Addrs; !netip.MustParsePrefix(c.prefix4).Contains(guest.Guest4) || want6.IsValid() && !want6.Contains(guest.Guest6) {
				t.Errorf("the guest has %v and %v", guest.Guest4, guest.Guest6)
			}
			if strings.HasPrefix(c.podCIDR, "10.244.1.0/24,f") {
				golden.Compare(t, "60-node", s.String())
			}
		})
	}
}

// TestNodeTemplateRefused: a node's prefix that cannot be used fails ADD, with
// words that say why; it never leads to addresses of another prefix.
func TestNodeTemplateRefused(t *testing.T) {
	for podCIDR, words := range map[string]string{
		"fd10:244:0:1::/64":               `read local.prefix ""`, // vmtap has no guests without IPv4
		"10.244.1.0/28":                   "no VM fits with 4 address bits per VM, choose /27 or shorter",
		"10.244.1.0/24,fd10:244::1:0/112": "local prefix6 fd10:244::1:0/112: longer than /64",
	} {
		t.Run(podCIDR, func(t *testing.T) {
			_, err := parse(stdins(t, render(t, podCIDR))[0])
			if err == nil || !strings.Contains(err.Error(), words) {
				t.Errorf("%v, want %q", err, words)
			}
		})
	}
}
