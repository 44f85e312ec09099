// Package command is vmtapctl's command line: what its commands are called, what
// they take, and what they hand to whom. hack/man makes manual pages of it.
package command

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// The exit statuses, in words of the manual.
const (
	statusFault = 1
	statusUsage = 2
)

// errUsage is wrapped by errors about the command line that only a command finds.
var errUsage = errors.New("see --help")

// Run runs vmtapctl and returns its exit status: 0, or 1 if something is wrong or
// not found, or 2 if the command line is.
func Run(version string, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := New(version)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	begun := false
	root.PersistentPreRun = func(*cobra.Command, []string) { begun = true } // the command line was understood
	err := root.Execute()
	switch {
	case err == nil:
		return 0
	case !begun, errors.Is(err, errUsage):
		fmt.Fprintln(stderr, "vmtapctl:", err)
		return statusUsage
	}
	fmt.Fprintln(stderr, "vmtapctl:", err)
	return statusFault
}

// New returns the root of the commands.
func New(version string) *cobra.Command {
	root := &cobra.Command{
		Use:   "vmtapctl",
		Short: "show, check and clean up what vmtap made on this node",
		Long: `Show, check and clean up what the CNI plugin vmtap made on this node, and say of
configurations what it would make of them.

The exit status is 0, or 1 if something is wrong or nothing was found, or 2 if
the command line is wrong.`,
		Version:       version,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := c.Help(); err != nil {
				return err
			}
			return fmt.Errorf("choose a command: none given, %w", errUsage)
		},
	}
	root.AddCommand(showCommand(), addrCommand(), validateCommand(), planCommand(), checkCommand(), gcCommand())
	return root
}

// choice is the value of a flag that is one of a few words.
type choice struct {
	value string
	words []string
}

func (c *choice) String() string { return c.value }

// Type returns what --help calls the value, for pflag.
func (c *choice) Type() string { return "word" }

// Set takes a word from the command line, for pflag.
func (c *choice) Set(s string) error {
	if !slices.Contains(c.words, s) {
		return fmt.Errorf("want %s", strings.Join(c.words, " or "))
	}
	c.value = s
	return nil
}
