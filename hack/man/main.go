// Command man writes vmtapctl's manual pages, and what completes its commands in
// shells, into a directory as they are laid out under /usr.
//
//	man DIR
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/vmtap/vmtap/cmd/vmtapctl/command"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "man:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: man DIR")
	}
	share := filepath.Join(args[0], "share")
	root := command.New("")
	return errors.Join(pages(root, filepath.Join(share, "man", "man8")), completions(root, share))
}

// pages writes a page for each command, of the section for administrators. Their
// date is SOURCE_DATE_EPOCH, if that is set.
func pages(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root.DisableAutoGenTag = true
	return doc.GenManTree(root, &doc.GenManHeader{Section: "8", Source: "vmtap", Manual: "vmtap"}, dir)
}

// completions writes the files by which shells complete commands.
func completions(root *cobra.Command, share string) error {
	for _, s := range []struct {
		path  string
		write func(path string) error
	}{
		{"bash-completion/completions/vmtapctl", func(path string) error { return root.GenBashCompletionFileV2(path, true) }},
		{"zsh/vendor-completions/_vmtapctl", root.GenZshCompletionFile},
		{"fish/vendor_completions.d/vmtapctl.fish", func(path string) error { return root.GenFishCompletionFile(path, true) }},
	} {
		path := filepath.Join(share, s.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := s.write(path); err != nil {
			return err
		}
	}
	return nil
}
