package kernel

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/kata"
	"github.com/vmtap/vmtap/pkg/plan"
)

// A sandbox's file for Kata is written under the VM's lock, after the links that it
// lists stand and before ADD answers, and it loses an interface before the links go. So
// it never lists what an ADD or DEL that was killed left half done for longer than until
// the next call that looks at it: what it lists is there if the kernel has a host link of
// that attachment and name, whose altnames name the file's directory.

// OpenDAN makes the directory of sandboxes' files if it is not there, "" for none. That
// takes rights that ToMake does not leave.
func (s *Session) OpenDAN(dir string) error {
	if dir == "" {
		return nil
	}
	return ensureDANDir(dir)
}

// CheckDAN refuses an ADD that could not list its interface for Kata, before anything
// is changed: the directory cannot be written to, or has a file of somebody else's for
// this sandbox.
func (s *Session) CheckDAN(req *config.Request) error {
	if req.DANDir == "" {
		return nil
	}
	if err := checkDANDir(req.DANDir); err != nil {
		return err
	}
	_, err := readDAN(req.DANDir, req.ContainerID)
	return err
}

// ListDAN lists an attachment for Kata. Its place is after Finish.
func (s *Session) ListDAN(req *config.Request, dev kata.Device) error {
	if req.DANDir == "" {
		return nil
	}
	s.undo.add("take the interface out of "+danPath(req.DANDir, req.ContainerID), func() error {
		return s.withVM(req.ContainerID, func() error {
			return s.dropDAN(req.DANDir, req.ContainerID, map[int32]bool{s.index.hostLink: true})
		})
	})
	return s.withVM(req.ContainerID, func() error {
		d, err := readDAN(req.DANDir, req.ContainerID)
		if err != nil {
			return err
		}
		if d == nil {
			d = &kata.Document{}
		}
		if _, err := s.keepListed(d, req.DANDir, req.ContainerID, nil); err != nil {
			return err
		}
		d.Put(dev)
		return writeDAN(req.DANDir, req.ContainerID, d)
	})
}

// DANDifferences names what Kata would read of the attachment that is not as ADD wrote
// it, one line each.
func (s *Session) DANDifferences(req *config.Request, want kata.Device) ([]string, error) {
	if req.DANDir == "" {
		return nil, nil
	}
	path := danPath(req.DANDir, req.ContainerID)
	text, err := readDANText(path)
	if errors.Is(err, fs.ErrNotExist) {
		return []string{path + ": missing"}, nil
	}
	if err != nil {
		return nil, config.Errorf(config.CodeIO, "read %s: %w", path, err)
	}
	lines := kata.Differences(text, want, req.IPAM != "")
	for i := range lines {
		lines[i] = path + ": " + lines[i]
	}
	return lines, nil
}

// withVM runs f under the VM's lock.
func (s *Session) withVM(containerID string, f func() error) error {
	if err := s.lockVM(containerID); err != nil {
		return err
	}
	return errors.Join(f(), s.unlockVM(containerID))
}

// dropDAN takes out of a sandbox's file what is going, by the host link's ifindex, and
// what is gone already. A file that lists nothing more is removed, one of somebody
// else's is let be. The VM must be locked.
func (s *Session) dropDAN(dir, containerID string, going map[int32]bool) error {
	if err := removeDAN(danDraft(dir, containerID)); err != nil { // of a call that was killed
		return err
	}
	d, err := readDAN(dir, containerID)
	if errors.As(err, new(notOurs)) {
		return nil
	}
	if err != nil || d == nil {
		return err
	}
	dropped, err := s.keepListed(d, dir, containerID, going)
	switch {
	case err != nil || !dropped:
		return err
	case len(d.Devices) == 0:
		return removeDAN(danPath(dir, containerID))
	}
	return writeDAN(dir, containerID, d)
}

// keepListed drops from a document what is going and what is gone, and reports whether
// there was any.
func (s *Session) keepListed(d *kata.Document, dir, containerID string, going map[int32]bool) (dropped bool, err error) {
	links := make([]*link, len(d.Devices))
	var batch []*message
	for i := range d.Devices {
		batch = append(batch, getLink(0, plan.AttachmentName(containerID, d.Devices[i].Name), &links[i]))
	}
	if err := s.host.do(batch...); err != nil {
		return false, err
	}
	i := -1
	return d.Keep(func(dev *kata.Device) bool {
		i++
		l := links[i]
		return l != nil && l.kind == plan.KindTun && l.name == dev.Tap.Name && !going[l.index] && plan.DANDirOf(l.name, l.altNames) == dir
	}), nil
}

// dropListed takes garbage out of its sandboxes' files, and returns what may go now: all
// but what could not be taken out, whose links say where it is listed. The VMs must be
// locked.
func (s *Session) dropListed(garbage []attachmentLinks) (rest []attachmentLinks, err error) {
	type file struct{ dir, containerID string }
	fileOf := func(l attachmentLinks) (f file, listed bool) {
		if l.hostLink == nil {
			return f, false
		}
		f.dir = plan.DANDirOf(l.hostLink.name, l.hostLink.altNames)
		f.containerID, _, _ = plan.AttachmentOf(l.hostLink.altNames)
		return f, f.dir != ""
	}
	going := map[int32]bool{}
	var files []file
	for _, l := range garbage {
		if f, listed := fileOf(l); listed {
			going[l.hostLink.index] = true
			if !slices.Contains(files, f) {
				files = append(files, f)
			}
		}
	}
	var errs []error
	failed := map[file]bool{}
	for _, f := range files {
		if err := s.dropDAN(f.dir, f.containerID, going); err != nil {
			errs, failed[f] = append(errs, err), true
		}
	}
	for _, l := range garbage {
		if f, listed := fileOf(l); !listed || !failed[f] {
			rest = append(rest, l)
		}
	}
	return rest, errors.Join(errs...)
}

// sweepDAN takes out of all sandboxes' files in a directory, "" for none, what is gone.
// It goes on after errors, and leaves alone what another call works on.
func (s *Session) sweepDAN(dir string) error {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return config.Errorf(config.CodeIO, "look for sandboxes' files: %w", err)
	}
	var errs []error
	for _, e := range entries {
		containerID, ok := danSandbox(e.Name())
		if !ok {
			continue
		}
		got, err := s.lock.try(vmOffset(containerID), "the VM of container "+containerID)
		if got {
			err = errors.Join(s.dropDAN(dir, containerID, nil), s.unlockVM(containerID))
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// danSandbox returns whose file, or draft of one, has a name.
func danSandbox(name string) (containerID string, ok bool) {
	containerID, ok = strings.CutSuffix(name, danSuffix)
	if draft, isDraft := strings.CutSuffix(name, danSuffix+danDraftSuffix); isDraft {
		containerID, ok = strings.CutPrefix(draft, ".")
	}
	return containerID, ok && config.IsContainerID(containerID)
}

// danDirsOf returns the directories that host links' altnames name, and one more, "" for
// none.
func danDirsOf(links []*link, more string) (dirs []string) {
	add := func(dir string) {
		if dir != "" && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	add(more)
	for _, l := range links {
		add(plan.DANDirOf(l.name, l.altNames))
	}
	return dirs
}

// notOurs is why a sandbox's file is none that vmtap wrote.
type notOurs struct{ error }

// readDAN reads a sandbox's file, nil if there is none.
func readDAN(dir, containerID string) (*kata.Document, error) {
	path := danPath(dir, containerID)
	text, err := readDANText(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil //nolint:nilnil // no file is an answer here
	case err != nil && !errors.Is(err, errNoFile):
		return nil, config.Errorf(config.CodeIO, "read sandbox's file for Kata: %w", err)
	}
	var d *kata.Document
	if err == nil {
		d, err = kata.Parse(text)
	}
	if err != nil {
		return nil, config.Errorf(config.CodeTaken, "use %s: somebody else wrote it, %w, remove it or drop kata.dan", path, notOurs{err})
	}
	return d, nil
}
