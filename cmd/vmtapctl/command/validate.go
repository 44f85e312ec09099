package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/containernetworking/cni/libcni"
	"github.com/spf13/cobra"

	"github.com/vmtap/vmtap/pkg/netconf"
)

func validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE...",
		Short: "say what is wrong with configurations",
		Long: `Read configurations as a container runtime does, and vmtap's blocks in them as the
plugin does, and say what is wrong. FILE is a .conflist with a list of plugins, or
a .conf or .json with one; a directory, such as /etc/cni/net.d, stands for all of
them in it; "-" is standard input.

There is a line for each network. The exit status is 1 if one has a fault, or if
none of them uses vmtap.`,
		Example: "  vmtapctl validate /etc/cni/net.d\n  vmtapctl validate 20-switch.conflist\n  helm template . | yq .data.conflist | vmtapctl validate -",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			v := validation{w: c.OutOrStdout(), seen: map[string]string{}}
			for _, arg := range args {
				if err := v.file(arg, c.InOrStdin()); err != nil {
					return err
				}
			}
			return v.end()
		},
	}
}

// validation is one run of validate.
type validation struct {
	w              io.Writer
	seen           map[string]string // the file that configures a directory's network
	faults, blocks int
}

// file validates a file, all files of a directory, or stdin.
func (v *validation) file(path string, stdin io.Reader) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		files, err := netconf.Files(path)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := v.file(f, nil); err != nil {
				return err
			}
		}
		return nil
	}
	list, err := load(path, stdin)
	return v.list(path, list, err)
}

// list says of a network what is wrong, or that nothing is.
func (v *validation) list(file string, list *libcni.NetworkConfigList, err error) error {
	if err != nil {
		v.faults++
		_, err = fmt.Fprintf(v.w, "%s: %v\n", file, err)
		return err
	}
	blocks, faults := netconf.Faults(list)
	v.blocks += blocks
	place := filepath.Join(filepath.Dir(file), list.Name) // in one directory they are in each other's way
	if first, double := v.seen[place]; double && blocks > 0 {
		faults = append(faults, fmt.Errorf("%s configures a network of this name, too: runtimes take the first file alone", first))
	} else {
		v.seen[place] = file
	}
	v.faults += len(faults)
	about := fmt.Sprintf("%s: network %s: ", file, list.Name)
	for _, f := range faults {
		if _, err := fmt.Fprintf(v.w, "%s%v\n", about, f); err != nil {
			return err
		}
	}
	switch {
	case len(faults) > 0:
		return nil
	case blocks == 0:
		about += "does not use vmtap"
	default:
		about += "ok"
	}
	_, err = fmt.Fprintln(v.w, about)
	return err
}

func (v *validation) end() error {
	switch {
	case v.faults == 1:
		return errors.New("validate: there is 1 fault")
	case v.faults > 1:
		return fmt.Errorf("validate: there are %d faults", v.faults)
	case v.blocks == 0:
		return errors.New("validate: no network uses vmtap")
	}
	return nil
}
