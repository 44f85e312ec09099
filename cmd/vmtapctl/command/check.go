package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/containernetworking/cni/pkg/types"
	"github.com/spf13/cobra"

	"github.com/vmtap/vmtap/pkg/control"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/netconf"
	"github.com/vmtap/vmtap/pkg/plan"
)

func checkCommand() *cobra.Command {
	var from caches
	var confDir string
	var binDirs []string
	c := &cobra.Command{
		Use:   "check",
		Short: "compare all attachments with what they should be",
		Long: `Compare all attachments on this node with what ADD made of them, and say what is
odd on the node. It has the plugin run the CHECK of each attachment that a
runtime's cache lists, with the configuration and the result of its ADD. What no
cache lists is not compared. It changes nothing.

There is a line for each difference. The exit status is 1 if an attachment
differs, or a cache could not be read; what is odd need not be wrong.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			attached, odd, err := look()
			if err != nil {
				return err
			}
			all, err := compare(attached, &from, confDir, binDirs)
			differ, printErr := control.Check(c.OutOrStdout(), all, odd)
			if differ > 0 {
				err = errors.Join(err, fmt.Errorf("check: %d of %d attachments differ", differ, len(all)))
			}
			return errors.Join(err, printErr)
		},
	}
	from.add(c)
	c.Flags().StringVar(&confDir, "conf-dir", "/etc/cni/net.d", "where networks are configured, for plugins that files of their own add")
	c.Flags().StringSliceVar(&binDirs, "bin-dir", []string{"/opt/cni/bin"}, "where the plugins are")
	return c
}

// look returns all attachments that the kernel has, and what is odd.
func look() (attached []plan.Attached, odd []string, err error) {
	s, err := kernel.Open()
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	if attached, err = s.Attached(); err != nil {
		return nil, nil, err
	}
	host, err := s.Look()
	odd = plan.Odd(&host)
	if err != nil {
		odd = append(odd, fmt.Sprintf("not all could be looked at: %v", err))
	}
	return control.Select(attached, control.Filter{}), odd, nil
}

// compare compares what the caches list, and names what they do not.
func compare(attached []plan.Attached, from *caches, confDir string, binDirs []string) ([]control.Checked, error) {
	checker := netconf.Checker{BinDirs: binDirs}
	if err := checker.Ready(); err != nil {
		return nil, err
	}
	known := map[string]control.Checked{}
	var alone []control.Checked // without a host link
	err := from.each(func(dir string, all []netconf.Cached) {
		checker.CacheDir = dir
		for i := range all {
			if result, ok := checkOne(&checker, &all[i], confDir); ok {
				known[result.Name] = result
				alone = append(alone, result)
			}
		}
	})
	if len(attached) == 0 && errors.Is(err, fs.ErrNotExist) {
		err = nil // nothing was ever made here
	}
	var results []control.Checked
	for i := range attached {
		a := &attached[i]
		name := plan.AttachmentName(a.ContainerID, a.IfName)
		result, ok := known[name]
		if !ok {
			result = control.Checked{Name: name, NotCompared: "no cache lists it"}
		}
		result.Attached = a
		results = append(results, result)
		delete(known, name)
	}
	for _, result := range alone {
		if _, ok := known[result.Name]; ok {
			results = append(results, result)
		}
	}
	return results, err
}

// checkOne compares an attachment. It reports false if that is not vmtap's or went
// meanwhile.
func checkOne(checker *netconf.Checker, a *netconf.Cached, confDir string) (control.Checked, bool) {
	result := control.Checked{Name: plan.AttachmentName(a.ContainerID, a.IfName)}
	list, err := a.Find(confDir)
	if err != nil {
		result.NotCompared = fmt.Sprintf("its configuration in %s cannot be read: %v", a.Path, err)
		return result, true
	}
	if list == nil {
		return result, false
	}
	err = checker.Check(a, list)
	if _, gone := os.Stat(a.Path); err != nil && gone != nil {
		return result, false // its DEL came between
	}
	var fault *types.Error
	switch {
	case errors.Is(err, netconf.ErrNoCheck):
		result.NotCompared = fmt.Sprintf("version %s of its configuration has no CHECK", list.CNIVersion)
	case errors.As(err, &fault):
		result.Differences = control.Differences(result.Name, fault.Msg)
	case err != nil:
		result.Differences = []string{err.Error()}
	}
	return result, true
}
