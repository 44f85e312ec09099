package kernel

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

// maxPorts is how many ports a bridge has (BR_MAX_PORTS of net/bridge).
const maxPorts = 1023

const linksDir = "/sys/class/net"

// CheckStatus says why no ADD of a network could work, with CodeNotAvailable:
// no tun, no altnames, no VRF, cls_bpf, nftables or SELinux where they are
// needed, a bridge that is missing or full, rules that do not keep rdomains apart. It
// changes nothing. It is called every few seconds, and a failure makes the whole
// node not ready.
func (s *Session) CheckStatus(req *config.Request) error {
	err := s.checkStatus(req)
	if err == nil {
		return nil
	}
	return config.Errorf(config.CodeNotAvailable, "%w", err)
}

func (s *Session) checkStatus(req *config.Request) error {
	if err := checkTun(); err != nil {
		return err
	}
	if err := checkContext(req.Tap.SELinuxContext); err != nil {
		return err
	}
	if req.DANDir != "" {
		if err := checkDANDir(req.DANDir); err != nil {
			return err
		}
	}
	if usesClassifier(req) {
		if err := checkClassifier(); err != nil {
			return err
		}
	}
	o, err := s.Observe(req)
	if err != nil {
		return err
	}
	if err := plan.CheckNode(req, &o.Node); err != nil {
		return err
	}
	if err := plan.CheckRDomains(req, &o.Node); err != nil {
		return err
	}
	if plan.UsesRDomains(req) && o.Node.RDomain.Name == "" && o.Node.SwitchRDomain.Name == "" {
		if err := s.probeVRF(); err != nil {
			return err
		}
	}
	if req.IPMasq || req.HostAccess.Limited {
		if _, err := s.observeFirewall(req); err != nil {
			return err
		}
	}
	if req.GroupSets {
		switch has, err := s.hasNFT(); {
		case err != nil:
			return err
		case !has:
			return errNoGroups(unix.EPROTONOSUPPORT)
		}
	}
	return s.checkPorts(o.Node.Bridge.Name)
}

// checkPorts refuses a bridge without room for one more port. A look into /sys
// costs less than a dump of links.
func (s *Session) checkPorts(bridge string) error {
	dir := sysDir(bridge, s.index.bridge)
	if dir == "" {
		return nil // what cannot be seen is no reason
	}
	ports, err := os.ReadDir(dir + "/brif")
	if err == nil && len(ports) >= maxPorts {
		err = config.Errorf(config.CodeNotAvailable, "attach to switch %s: its %d ports are used up", bridge, maxPorts)
	}
	return err
}

// sysDir returns the directory of a link in /sys, "" if it cannot be seen
// there: /sys may show another namespace.
func sysDir(link string, index int32) string {
	dir := linksDir + "/" + link
	have, err := os.ReadFile(dir + "/ifindex")
	if link == "" || err != nil || strings.TrimSpace(string(have)) != strconv.Itoa(int(index)) {
		return ""
	}
	return dir
}
