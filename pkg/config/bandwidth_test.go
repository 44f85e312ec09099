package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// limits is the capability with the members of the runtime's object.
func limits(members string) string {
	return `"capabilities": {"bandwidth": true}, "runtimeConfig": {"bandwidth": {` + members + `}}`
}

func TestBandwidth(t *testing.T) {
	both := Bandwidth{Ingress: Rate{10_000_000, 4294967295}, Egress: Rate{20_000_000, 8}}
	for _, c := range []struct {
		name, members string
		want          Bandwidth
	}{
		{"both", limits(`"ingressRate": 10000000, "ingressBurst": 4294967295, "egressRate": 20000000, "egressBurst": 8`), both},
		{"as containerd writes it", `"capabilities": {"bandwidth": true}, "runtimeConfig": {"Bandwidth": {"IngressRate": 10000000, "IngressBurst": 4294967295, "EgressRate": 20000000, "EgressBurst": 8}}`, both},
		{"into the guest", limits(`"ingressRate": 10000000, "ingressBurst": 4294967295, "egressRate": 0, "egressBurst": 0`), Bandwidth{Ingress: both.Ingress}},
		{"from the guest", limits(`"egressRate": 20000000, "egressBurst": 8`), Bandwidth{Egress: both.Egress}},
		{"the least", limits(`"egressRate": 8, "egressBurst": 1`), Bandwidth{Egress: Rate{8, 1}}},
		{"the most", limits(`"egressRate": 18446744073709551615, "egressBurst": 34359738359`), Bandwidth{Egress: Rate{1<<64 - 1, 34359738359}}},
		{"none", limits(``), Bandwidth{}},
		{"null", `"capabilities": {"bandwidth": true}, "runtimeConfig": {"bandwidth": null}`, Bandwidth{}},
		{"not sent", `"capabilities": {"bandwidth": true}`, Bandwidth{}},
		{"not declared", `"capabilities": {"bandwidth": false}, "runtimeConfig": {"bandwidth": {"ingressRate": 8, "ingressBurst": 8}}`, Bandwidth{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := base()
			want.Bandwidth = c.want
			if diff := cmp.Diff(want, parseOK(t, input(c.members, "")), compare()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestBandwidthRefuses(t *testing.T) {
	for _, c := range []struct {
		members string
		code    Code
		want    string
	}{
		{`"ingressRate": 1000`, CodeInvalidConfig, `read runtimeConfig.bandwidth.ingressRate 1000: a rate without a burst lets nothing pass, give ingressBurst`},
		{`"ingressRate": 1000, "ingressBurst": 0`, CodeInvalidConfig, `read runtimeConfig.bandwidth.ingressRate 1000: a rate without a burst lets nothing pass, give ingressBurst`},
		{`"EgressBurst": 1000`, CodeInvalidConfig, `read runtimeConfig.bandwidth.EgressBurst 1000: a burst without a rate limits nothing, give egressRate`},
		{`"egressRate": 7, "egressBurst": 1000`, CodeInvalidConfig, `read runtimeConfig.bandwidth.egressRate 7: want 8 bits per second at least`},
		{`"egressRate": 8, "egressBurst": 34359738360`, CodeInvalidConfig, `read runtimeConfig.bandwidth.egressBurst 34359738360: want less than 4 GB, in bits`},
		{`"egressRate": -1, "egressBurst": 1`, CodeInvalidConfig, `read runtimeConfig.bandwidth.egressRate -1: want a whole number from 0 to 18446744073709551615`},
		{`"egressRate": 1.5, "egressBurst": 1`, CodeInvalidConfig, `read runtimeConfig.bandwidth.egressRate 1.5: want a whole number from 0 to 18446744073709551615`},
		{`"egressRate": "1M"`, CodeDecoding, `read runtimeConfig.bandwidth.egressRate: want a number, have a string`},
		{`"egressRat": 5`, CodeUnsupportedField, `read key "runtimeConfig.bandwidth.egressRat" 5: unknown, did you mean runtimeConfig.bandwidth.egressRate?`},
		{`"egressRate": 8, "EgressRate": 8`, CodeDecoding, `read runtimeConfig.bandwidth.egressRate: stands twice, in different cases`},
	} {
		t.Run(c.members, func(t *testing.T) {
			_, err := Parse(input(limits(c.members), ""))
			wantError(t, err, c.code, c.want)
		})
	}
	_, err := Parse(input(`"capabilities": {"bandwidth": true}, "runtimeConfig": {"bandwidth": 5}`, ""))
	wantError(t, err, CodeDecoding, `read runtimeConfig.bandwidth: want an object, have a number`)
}
