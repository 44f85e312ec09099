package kernel

import (
	"bytes"
	"os"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
)

// modulesDir holds a directory for each kernel, with the lists of its modules.
const modulesDir = "/lib/modules"

// usesClassifier reports whether links of a request get classic BPF programs:
// guards, a gateway's share, or what closes a bridge that is made.
func usesClassifier(req *config.Request) bool {
	return req.Locked || req.Switch != nil && (req.Local != nil || req.Switch.Create)
}

// checkClassifier refuses a kernel without cls_bpf, as far as can be seen
// without a change. There is no question about it that the kernel answers, but
// it shows what is loaded, and the lists of its modules what can be. If there is
// neither, ADD finds out.
func checkClassifier() error {
	if _, err := os.Stat("/sys/module/cls_bpf"); err == nil {
		return nil
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil //nolint:nilerr // what cannot be seen is no reason
	}
	dir := modulesDir + "/" + unix.ByteSliceToString(name.Release[:])
	for _, list := range []string{"/modules.builtin", "/modules.dep"} {
		modules, err := os.ReadFile(dir + list)
		if err != nil || bytes.Contains(modules, []byte("/cls_bpf.ko")) {
			return nil //nolint:nilerr // as above
		}
	}
	return errNoClassifier(unix.ENOENT)
}

func errNoClassifier(err error) error {
	return config.Errorf(config.CodeNotAvailable, "filter frames: this kernel has no classic BPF classifier, install the module cls_bpf: %w", err)
}
