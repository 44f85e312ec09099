package kata_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"
)

// field is a field of a struct of Kata's, as serde reads it.
type field struct {
	required bool
	read     func(value any) error
}

// source is what Kata 4.1.0 reads, field by field, of
// src/runtime-rs/crates/resource/src/network/dan.rs: which keys there are, which of them
// must be there (those without #[serde(default)] that are no Option), and their types.
// What network_info_from_dan.rs, utils::parse_mac and the agent's netlink.rs make of the
// strings is what the functions ask. Kata ignores other keys, so vmtap must not count on
// any.
func source() map[string]map[string]field {
	need := func(read func(any) error) field { return field{true, read} }
	may := func(read func(any) error) field { return field{false, read} }
	return map[string]map[string]field{
		"DanConfig": {
			"netns":   may(func(v any) error { return expect(v == nil, v) }), // Option<String>; one would be entered
			"devices": need(each("DanDevice")),
		},
		"DanDevice": {
			"name":         need(isText(1, 15)), // of the guest's interface
			"guest_mac":    may(isMAC),          // another one is made up if it is not there
			"device":       need(in("HostTap")),
			"network_info": need(in("NetworkInfo")),
		},
		"HostTap": { // enum Device, #[serde(tag = "type")], #[serde(rename = "host-tap")]
			"type":       need(func(v any) error { return expect(v == "host-tap", v) }),
			"tap_name":   need(isText(1, 15)),
			"queue_num":  may(isNumber(math.MaxInt64)), // usize
			"queue_size": may(isNumber(math.MaxInt64)),
		},
		"NetworkInfo": {
			"interface": need(in("Interface")),
			"routes":    may(each("Route")),
			"neighbors": may(each("ARPNeighbor")),
		},
		"Interface": {
			"ip_addresses": need(eachPrefix),
			"mtu":          may(isNumber(math.MaxInt64)), // u64
			"ntype":        may(isText(0, 64)),
			"flags":        may(isNumber(math.MaxUint32)),
		},
		"Route": {
			"dest":    may(isPrefix), // "" is the default route
			"gateway": may(isAddr),   // "" is none
			"source":  may(isText(0, 64)),
			"scope":   may(isNumber(math.MaxUint8)), // u32, of which the agent takes a byte
			"flags":   may(isNumber(math.MaxUint32)),
			"mtu":     may(isNumber(math.MaxUint32)),
		},
	}
}

func expect(ok bool, v any) error {
	if !ok {
		return fmt.Errorf("unexpected value %v", v)
	}
	return nil
}

func isText(shortest, longest int) func(any) error {
	return func(v any) error {
		s, ok := v.(string)
		return expect(ok && len(s) >= shortest && len(s) <= longest, v)
	}
}

func isNumber(largest float64) func(any) error {
	return func(v any) error {
		n, ok := v.(float64)
		return expect(ok && n >= 0 && n <= largest && n == math.Trunc(n), v)
	}
}

func isMAC(v any) error {
	s, ok := v.(string)
	return expect(ok && len(strings.Split(s, ":")) == 6 && len(s) == 17, v)
}

func isPrefix(v any) error {
	s, ok := v.(string)
	_, err := netip.ParsePrefix(s) // address, one slash, length
	return expect(ok && err == nil, v)
}

func isAddr(v any) error {
	s, ok := v.(string)
	a, err := netip.ParseAddr(s)
	return expect(ok && err == nil && a.Zone() == "", v)
}

func eachPrefix(v any) error {
	all, ok := v.([]any)
	if !ok {
		return expect(false, v)
	}
	for _, s := range all {
		if err := isPrefix(s); err != nil {
			return err
		}
	}
	return nil
}

func each(name string) func(any) error {
	return func(v any) error {
		all, ok := v.([]any)
		if !ok {
			return expect(false, v)
		}
		for _, one := range all {
			if err := in(name)(one); err != nil {
				return err
			}
		}
		return nil
	}
}

// in reads a struct.
func in(name string) func(any) error {
	return func(v any) error {
		have, ok := v.(map[string]any)
		if !ok {
			return expect(false, v)
		}
		fields := source()[name]
		for key, f := range fields {
			value, ok := have[key]
			switch {
			case ok:
				if err := f.read(value); err != nil {
					return fmt.Errorf("%s.%s: %w", name, key, err)
				}
			case f.required:
				return fmt.Errorf("%s.%s: missing", name, key)
			}
		}
		for key := range have {
			if _, ok := fields[key]; !ok {
				return fmt.Errorf("%s.%s: Kata does not read it", name, key)
			}
		}
		// Route::ip_family takes the family of dest, else of gateway; a route without
		// both is dropped without a word.
		if name == "Route" && have["dest"] == nil && have["gateway"] == nil {
			return fmt.Errorf("%v has no family, Kata drops it", have)
		}
		return nil
	}
}

// TestKataReads: each key of the texts that vmtap writes is one that Kata's source has,
// with a value of its type, and none is missing that Kata must have.
func TestKataReads(t *testing.T) {
	read := func(text string) error {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return err
		}
		return in("DanConfig")(v)
	}
	good := text(t, document(t, three(t)...))
	if err := read(good); err != nil {
		t.Errorf("%v: %s", err, good)
	}
	// And the test would see it.
	for _, c := range [][2]string{
		{`"name"`, `"Name"`},
		{`"guest_mac"`, `"guest-mac"`},
		{`"host-tap"`, `"tap"`},
		{`"tap_name"`, `"tapName"`},
		{`"ip_addresses"`, `"ipAddresses"`},
		{`/31"`, `"`},
		{`"queue_num": 1`, `"queue_num": "1"`},
		{`"mtu": 9000`, `"mtu": -1`},
		{`"gateway": "100.64.5.2"`, `"source": ""`},
		{`"network_info"`, `"networkInfo"`},
	} {
		if bad := strings.Replace(good, c[0], c[1], 1); bad == good || read(bad) == nil {
			t.Errorf("%s instead of %s is not seen", c[1], c[0])
		}
	}
}
