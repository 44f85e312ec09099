package plan

import (
	"testing"

	"github.com/vmtap/vmtap/pkg/config"
)

func TestShaper(t *testing.T) {
	for _, c := range []struct {
		name string
		rate config.Rate
		mtu  int
		want Shaper
	}{
		{"none", config.Rate{}, 1500, Shaper{}},
		{"usual", config.Rate{Bits: 8_000_000, Burst: 800_000}, 1500, Shaper{1_000_000, 100_000, 125_000}},
		{"a frame at least", config.Rate{Bits: 8_000_000, Burst: 8}, 1500, Shaper{1_000_000, 1518, 26_518}},
		{"a large frame at least", config.Rate{Bits: 8_000_000, Burst: 80_000}, 65521, Shaper{1_000_000, 65539, 90_539}},
		{"a byte per second", config.Rate{Bits: 15, Burst: 80_000}, 1500, Shaper{1, 10_000, 10_000}},
		{"as containerd sends it", config.Rate{Bits: 1_000_000, Burst: 1<<32 - 1}, 1500, Shaper{125_000, 1<<29 - 1, 1<<29 - 1 + 3125}},
		{"the most", config.Rate{Bits: 1<<64 - 1, Burst: 8 * (1<<32 - 2)}, 1500, Shaper{1<<61 - 1, 1<<32 - 2, 1<<32 - 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if s := newShaper(c.rate, c.mtu); s != c.want {
				t.Errorf("got %+v, want %+v", s, c.want)
			}
		})
	}
}
