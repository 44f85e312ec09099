package netconf

import (
	"fmt"
	"os"
	"strings"

	"github.com/containernetworking/cni/libcni"

	"github.com/vmtap/vmtap/pkg/config"
)

// Faults returns how many of a list's plugins are vmtap, and what is wrong with
// them: of each the first thing, in the plugin's own words.
func Faults(list *libcni.NetworkConfigList) (blocks int, faults []error) {
	stdins, err := Blocks(list)
	if err != nil {
		return 0, []error{err}
	}
	fault := func(i int, err error) {
		if len(stdins) > 1 {
			err = fmt.Errorf("vmtap's block %d: %w", i+1, err)
		}
		faults = append(faults, err)
	}
	for i, stdin := range stdins {
		req, err := config.ParseNetwork(config.Input{Stdin: stdin, MachineID: MachineID})
		switch {
		case err != nil:
			fault(i, err)
		case i == 0 && req.Placement == config.PlacementChained && list.Plugins[0].Network.Type == Type:
			fault(i, config.Errorf(config.CodeInvalidConfig, "use placement chained: vmtap stands first, put it after the plugin that makes the interface"))
		}
	}
	return len(stdins), faults
}

// MachineID returns this machine's id, for config.Input.
func MachineID() (string, error) {
	id, err := os.ReadFile("/etc/machine-id")
	return strings.TrimSpace(string(id)), err
}
