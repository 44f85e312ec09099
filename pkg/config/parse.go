package config

import (
	"bytes"
	"slices"
	"strings"
)

// Input is what a runtime hands to the plugin.
type Input struct {
	Stdin       []byte // the plugin's configuration as JSON, 1 MiB at most
	ContainerID string // CNI_CONTAINERID
	IfName      string // CNI_IFNAME
	Netns       string // CNI_NETNS, passed through
	Args        string // CNI_ARGS

	// MachineID returns the contents of the machine-id. It is asked only if
	// local.prefix6 is "auto".
	MachineID func() (string, error)
}

// Versions returns the versions of the CNI specification that a configuration
// may have, the oldest first.
func Versions() []string { return []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"} }

// Parse reads and checks one call of ADD or CHECK. Every error is an *Error
// of one line, the first thing wrong: CodeVersion for the cniVersion;
// CodeUnsupportedField for a key that is unknown, or a value that is not
// supported yet; CodeDecoding for what is no JSON or has a wrong type;
// CodeEnvironment for the CNI_ variables; CodeIO if the machine id cannot be
// read; CodeInvalidConfig for values that are out of range, contradict each
// other, or are not a tenant's to choose.
func Parse(in Input) (Request, error) {
	d := &draft{problem: &problem{}}
	args := d.readEnvironment(in)
	top := readTop(in.Stdin, d.problem)
	d.readBlock(top, in.MachineID)
	d.readChoices(top, args)
	d.complete()
	d.checkTogether()
	d.checkPrevious()
	if d.err != nil {
		return Request{}, d.err
	}
	return d.Request, nil
}

// ParseNetwork reads and checks the configuration alone, for STATUS: what no
// pod has chosen anything of yet. Errors are those of Parse.
func ParseNetwork(in Input) (Request, error) {
	d := &draft{problem: &problem{}}
	top := readTop(in.Stdin, d.problem)
	d.readBlock(top, in.MachineID)
	d.ContainerID = "none" // names the VM, as nothing else does here
	d.complete()
	if len(d.allow.sw) == 0 && len(d.allow.rdomain) == 0 { // else what a pod chooses may mend it
		d.checkTogether()
	}
	if d.err != nil {
		return Request{}, d.err
	}
	return d.Request, nil
}

// draft is a Request in the making, and what only the making needs.
type draft struct {
	*problem
	Request

	groups       []string // the interface's own
	ownRDomain   *uint32  // the interface's own, nil if it has none
	groupNumbers []groupNumber
	allow        allow
	pod          pod
	chosenName   string
	kubevirtName string
	givenLocked  *given // nil: not given
	givenGuard   *given // nil: not given
	guard        Guard  // what the guard's object says
}

// readEnvironment reads the CNI_ variables.
func (d *draft) readEnvironment(in Input) cniArgs {
	d.ContainerID = parsed(d.variable("CNI_CONTAINERID", in.ContainerID), parseContainerID)
	d.IfName = parsed(d.variable("CNI_IFNAME", in.IfName), parseLinkName)
	d.Netns = in.Netns
	args := readArgs(in.Args, d.problem)
	d.pod = readPod(args, d.problem)
	return args
}

func (d *draft) variable(name, val string) node {
	return node{path: name, value: value{kind: text, text: val}, origin: inVariable, problem: d.problem}
}

// readTop reads stdin as far as it is JSON.
func readTop(stdin []byte, p *problem) *fields {
	v, err := decodeJSON(stdin)
	if err != nil && p.err == nil {
		p.err = err
	}
	n := node{value: v, problem: p}
	if p.err == nil && v.kind != object {
		p.fail(CodeDecoding, "decode configuration: want an object, have %s", v.kind)
	}
	return n.fields()
}

// readBlock reads the plugin block, but for what the VM's owner chose.
func (d *draft) readBlock(top *fields, machineID func() (string, error)) {
	d.CNIVersion = readVersion(top)
	d.Network = parsed(top.require("name"), parseNetwork)
	d.readPlacement(top)
	d.IPAM = readIPAM(top)
	d.readLayers(top, machineID)

	if rdomain, ok := readRDomain(top); ok {
		d.ownRDomain = &rdomain
	}
	d.RDomains = readRDomains(top.object("rdomains"))
	d.groups = optionalAll(top, "group", parseGroup)
	d.groupNumbers = readGroupNumbers(top.object("groups"))
	d.LLAddr = optional(top, "lladdr", parseLLAddr)
	d.Up = top.bool("up", true)
	d.MTU = int(top.number("mtu", minMTU, MaxMTU, 0))
	d.Forward = top.bool("forward", true)
	d.IPMasq = top.bool("ipMasq", false)
	d.HostAccess = readHostAccess(top)
	d.NTP = optionalAll(top, "ntp", parseAddr)
	d.Tap = readTap(top.object("tap"))
	d.DANDir = readKata(top.object("kata"))
	d.VMID = readVMID(top.object("vmid"), d.Local)
	if n, ok := top.get("routes"); ok {
		d.Routes = readRoutes(n)
	}
	d.DNS = readDNS(top.object("dns"))
	d.allow = readAllow(top.object("allow"))
	d.readGuard(top)
	d.readBridgePort(top)
	d.GroupSets = top.bool("groupSets", false)
	d.refuseInChained(top)

	if n, ok := top.injected("prevResult"); ok && n.is(object) {
		d.PrevResult = bytes.Clone(n.value.raw)
	}
	top.asked = append(top.asked, passed()...)
	top.done()
}

// passed returns the keys that the specification and libcni put into the
// plugin block, and that are read elsewhere or not at all.
func passed() []string {
	return []string{"type", "cniVersions", "capabilities", "args", "runtimeConfig", "deviceID", "pciBusID"}
}

func readVersion(top *fields) string {
	version := ""
	if n, ok := top.get("cniVersion"); ok {
		version = n.text()
	}
	if !slices.Contains(Versions(), version) {
		top.fail(CodeVersion, "read cniVersion %s: not supported, want %s", quote(version), strings.Join(Versions(), ", "))
	}
	return version
}

// readLayers reads the switch, layer 2, and whether the interface is local,
// layer 3. Without a word about either, and without ipam, it is local. A switch
// that a VM's owner chooses changes nothing about that.
func (d *draft) readLayers(top *fields, machineID func() (string, error)) {
	sw, ok := top.get("switch")
	if ok {
		d.Switch = readSwitch(sw)
	}
	if n, given := top.get("local"); given {
		d.Local = readLocal(n, machineID)
	} else if !ok && d.Placement != PlacementChained && d.IPAM == "" {
		d.Local = &Local{Scheme: defaultScheme()}
	}
}

// complete fills in what follows from block and choices together.
func (d *draft) complete() {
	if d.Switch != nil && d.Switch.Name == "" {
		d.Switch.Name = d.Switch.Interface
	}
	if d.Placement == PlacementChained && d.Tap.Name == "" {
		d.Tap.Name = defaultTapName
	}
	d.completeRDomain()
	d.completeGuard()
	d.Groups = joinGroups(d.groups, d.Switch)
	d.LinkGroup = linkGroup(d.Groups, d.groupNumbers)
	d.VMName = vmName(d.pod, d.chosenName, d.kubevirtName, d.ContainerID)
}
