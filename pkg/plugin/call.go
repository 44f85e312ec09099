package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/utils"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/vmtap/vmtap/pkg/config"
)

// Call carries out the call that the environment and stdin describe, and
// reports whether it succeeded. An error is printed as the CNI specification
// wants it. about is asked for a person who calls without CNI_COMMAND; what is in
// force and what is odd on the node is told after it.
//
// skel does what the specification says but for four things, which are done
// here: VERSION answers with the version that it is asked with, an error has
// the version in use, it names the variables that are invalid, and CNI_PATH
// may be missing.
func (p *Plugin) Call(stdin *os.File, about func() string) bool {
	fault := p.call(stdin, about)
	if fault == nil {
		return true
	}
	if err := p.printError(fault); err != nil {
		fmt.Fprintln(os.Stderr, "vmtap: write the error:", err)
	}
	return false
}

func (p *Plugin) call(stdin *os.File, about func() string) *types.Error {
	var err error
	words := ""
	switch os.Getenv("CNI_COMMAND") {
	case "":
		words = about() + "\n" + lookAround()
	case "VERSION":
		if err = p.printVersions(stdin); err == nil {
			return nil
		}
	case "ADD", "CHECK", "DEL":
		err = errors.Join(checkVariables(), ensurePath())
	case "STATUS": // GC has to be given it
		err = ensurePath()
	}
	if err != nil {
		return coded(err)
	}
	return skel.PluginMainFuncsWithError(p.Funcs(), Versions(), words)
}

// checkVariables refuses what skel refuses, and names the variable.
func checkVariables() error {
	for _, v := range []struct {
		name  string
		check func(string) *types.Error
	}{
		{"CNI_CONTAINERID", utils.ValidateContainerID},
		{"CNI_IFNAME", utils.ValidateInterfaceName},
	} {
		value := os.Getenv(v.name)
		if value == "" {
			continue // skel names all that are missing
		}
		if err := v.check(value); err != nil {
			return config.Errorf(config.CodeEnvironment, "read %s %.64q: %s", v.name, value, err.Msg)
		}
	}
	return nil
}

// ensurePath gives CNI_PATH, which skel demands, a default: plugins lie in one
// directory.
func ensurePath() error {
	if os.Getenv("CNI_PATH") != "" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the plugin's own directory: %w", err)
	}
	return os.Setenv("CNI_PATH", filepath.Dir(self))
}

// printVersions answers VERSION. A person at a terminal gives no version to
// answer with.
func (p *Plugin) printVersions(stdin *os.File) error {
	asked := struct {
		CNIVersion string `json:"cniVersion"`
	}{version.Current()}
	if info, err := stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice == 0 {
		if err := json.NewDecoder(stdin).Decode(&asked); err != nil && !errors.Is(err, io.EOF) {
			code := config.CodeDecoding
			if errors.As(err, new(*fs.PathError)) {
				code = config.CodeIO
			}
			return config.Errorf(code, "read what VERSION is asked with: %w", err)
		}
	}
	answer := struct {
		CNIVersion        string   `json:"cniVersion"`
		SupportedVersions []string `json:"supportedVersions"`
	}{asked.CNIVersion, config.Versions()}
	if err := json.NewEncoder(p.Stdout).Encode(answer); err != nil {
		return config.Errorf(config.CodeIO, "write the versions: %w", err)
	}
	return nil
}

// printError prints the error object. All there is to say is in msg, one line;
// runtimes put details behind it.
func (p *Plugin) printError(e *types.Error) error {
	object := struct {
		CNIVersion string `json:"cniVersion"`
		Code       uint   `json:"code"`
		Msg        string `json:"msg"`
		Details    string `json:"details"`
	}{p.versionInUse(), e.Code, e.Msg, e.Details}
	b, err := json.MarshalIndent(object, "", "    ")
	if err != nil {
		return err
	}
	_, err = p.Stdout.Write(b)
	return err
}

// versionInUse is the version of the configuration, as far as it was read,
// else the newest.
func (p *Plugin) versionInUse() string {
	if v, err := new(version.ConfigDecoder).Decode(p.stdin); err == nil && slices.Contains(config.Versions(), v) {
		return v
	}
	return version.Current()
}
