package plugin

import (
	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/kernel"
)

// A verb reads its input, opens what takes more rights than its work, and begins
// the process that runs other plugins. Then it gives up all rights but those of
// its work.

// confineTo leaves what a call needs. The IPAM plugin's process dies with this
// one.
func confineTo(l confine.Limits, i *ipam) error {
	l.Signals = i != nil
	_, err := confine.Process(l)
	return confineError(err)
}

// toMake is what ADD needs, and STATUS.
func toMake(req *config.Request) confine.Limits {
	return kernel.ToMake(req.Tap.SELinuxContext != "", req.DANDir)
}

func confineError(err error) error {
	if err != nil {
		return config.Errorf(config.CodeIO, "give up rights that the call does not need: %w", err)
	}
	return nil
}
