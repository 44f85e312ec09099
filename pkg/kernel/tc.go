package kernel

import (
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/filter"
	"github.com/vmtap/vmtap/pkg/plan"
)

// Numbers of include/uapi/linux: pkt_sched.h, pkt_cls.h, filter.h and
// tc_act/tc_mirred.h.
const (
	ingressParent    = 0xfffffff1 // TC_H_INGRESS
	ingressHandle    = 0xffff0000
	filterParent     = 0xfffffff2 // TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
	tcaChain         = 11         // TCA_CHAIN
	sizeofSockFilter = 8
	sizeofTcMirred   = 28
	mirredIfindex    = 24 // where it stands in struct tc_mirred
	actionStolen     = 4  // TC_ACT_STOLEN
	egressRedirect   = 1  // TCA_EGRESS_REDIR
)

func tcmsg(index int32, handle, parent, info uint32) *nl.TcMsg {
	return &nl.TcMsg{Ifindex: index, Handle: handle, Parent: parent, Info: info}
}

// addIngress gives a link an ingress qdisc. One block, where clsact has two:
// each new block walks all blocks of the node. If repeat is true one that
// exists is fine.
func addIngress(index int32, link string, repeat bool) *message {
	m := newMessage(unix.RTM_NEWQDISC, createFlags(repeat), "add ingress qdisc to link %s", link)
	m.AddData(tcmsg(index, ingressHandle, ingressParent, 0))
	m.AddData(nl.NewRtAttr(nl.TCA_KIND, text("ingress")))
	return m
}

// deleteIngress takes away a link's ingress qdisc with its filters. That it is
// gone already is fine.
func deleteIngress(index int32, link string) *message {
	m := newMessage(unix.RTM_DELQDISC, 0, "delete ingress qdisc of link %s", link).allow(unix.ENODEV, unix.ENOENT, unix.EINVAL)
	m.AddData(tcmsg(index, ingressHandle, ingressParent, 0))
	return m
}

func createFlags(repeat bool) int {
	if repeat {
		return unix.NLM_F_CREATE
	}
	return unix.NLM_F_CREATE | unix.NLM_F_EXCL
}

// addFilter gives a link's ingress the filter of this preference, from 1.
// redirect is the ifindex of the link that sends the frames. If repeat is
// true one that exists is replaced.
func addFilter(index int32, link string, preference int, f plan.Filter, redirect int32, repeat bool) *message {
	return addFilterAt(filterParent, index, link, preference, f, redirect, repeat)
}

// addFilterAt is addFilter for the ingress or the egress of a link.
func addFilterAt(parent uint32, index int32, link string, preference int, f plan.Filter, redirect int32, repeat bool) *message {
	m := newMessage(unix.RTM_NEWTFILTER, createFlags(repeat), "add filter %d to link %s", preference, link)
	info := uint32(preference)<<16 | uint32(nl.Swap16(unix.ETH_P_ALL))
	kind, options := "u32", u32Options()
	handle := uint32(0)
	if f.Match != nil {
		kind, options, handle = "bpf", bpfOptions(f), 1
	}
	m.AddData(tcmsg(index, handle, parent, info))
	m.AddData(nl.NewRtAttr(nl.TCA_KIND, text(kind)))
	if f.Redirect != "" {
		actionKind := nl.TCA_U32_ACT
		if f.Match != nil {
			actionKind = nl.TCA_BPF_ACT
		}
		addRedirect(options.AddRtAttr(actionKind, nil), redirect)
	}
	m.AddData(options)
	return m
}

// u32Options match every frame: u32 without keys, the cheapest to attach.
func u32Options() *nl.RtAttr {
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_U32_SEL, (&nl.TcU32Sel{Flags: nl.TC_U32_TERMINAL}).Serialize())
	return options
}

// bpfOptions match what a program matches; one that redirects nothing
// decides itself (direct action).
func bpfOptions(f plan.Filter) *nl.RtAttr {
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_BPF_OPS_LEN, nl.Uint16Attr(uint16(len(f.Match))))
	options.AddRtAttr(nl.TCA_BPF_OPS, encodeProgram(f.Match))
	if f.Redirect == "" {
		options.AddRtAttr(nl.TCA_BPF_FLAGS, nl.Uint32Attr(nl.TCA_BPF_FLAG_ACT_DIRECT))
	}
	return options
}

// addRedirect adds the action that lets another link send the frame.
func addRedirect(actions *nl.RtAttr, index int32) {
	action := actions.AddRtAttr(1, nil)
	action.AddRtAttr(nl.TCA_ACT_KIND, text("mirred"))
	// struct tc_mirred; the library's has a length that is not the kernel's.
	parameters := make([]byte, sizeofTcMirred)
	nl.NativeEndian().PutUint32(parameters[8:], actionStolen)
	nl.NativeEndian().PutUint32(parameters[20:], egressRedirect)
	nl.NativeEndian().PutUint32(parameters[mirredIfindex:], uint32(index))
	action.AddRtAttr(nl.TCA_ACT_OPTIONS, nil).AddRtAttr(nl.TCA_MIRRED_PARMS, parameters)
}

// encodeProgram returns a program as an array of struct sock_filter.
func encodeProgram(p filter.Program) []byte {
	out := make([]byte, 0, len(p)*sizeofSockFilter)
	for _, i := range p {
		out = nl.NativeEndian().(binary.AppendByteOrder).AppendUint16(out, i.Op)
		out = append(out, i.Jt, i.Jf)
		out = nl.NativeEndian().(binary.AppendByteOrder).AppendUint32(out, i.K)
	}
	return out
}

func decodeProgram(data []byte) filter.Program {
	p := make(filter.Program, 0, len(data)/sizeofSockFilter)
	for ; len(data) >= sizeofSockFilter; data = data[sizeofSockFilter:] {
		p = append(p, bpf.RawInstruction{
			Op: nl.NativeEndian().Uint16(data), Jt: data[2], Jf: data[3], K: nl.NativeEndian().Uint32(data[4:]),
		})
	}
	return p
}

// installed is a filter as the kernel has it.
type installed struct {
	preference uint32
	match      filter.Program
	redirects  bool  // to another link
	redirect   int32 // its ifindex; 0: it is gone
	direct     bool  // the program's verdict is the filter's
	partial    bool  // it is not asked about all frames
}

// void reports whether a filter does less than it looks: one with a program
// and without an action must decide itself.
func (f *installed) void() bool {
	return f.partial || f.match != nil && !f.redirects && !f.direct
}

// getIngress asks whether a link has a qdisc at its ingress, of any kind.
func getIngress(index int32, link string, into *bool) *message {
	// Without NLM_F_ECHO the kernel answers with nothing but success.
	m := newMessage(unix.RTM_GETQDISC, unix.NLM_F_ECHO, "look up ingress qdisc of link %s", link).allow(unix.ENOENT)
	m.AddData(tcmsg(index, 0, ingressParent, 0))
	m.receive = func([]byte) error {
		*into = true
		return nil
	}
	return m
}

// getFilters asks for the filters of a link's ingress, in order.
func getFilters(index int32, link string, into *[]installed) *message {
	return getFiltersAt(filterParent, index, link, into)
}

// getFiltersAt is getFilters for the ingress or the egress of a link.
func getFiltersAt(parent uint32, index int32, link string, into *[]installed) *message {
	m := newMessage(unix.RTM_GETTFILTER, unix.NLM_F_DUMP, "look up filters of link %s", link).allow(unix.EINVAL, unix.ENOENT)
	m.AddData(tcmsg(index, 0, parent, 0))
	m.receive = func(data []byte) error {
		f, ok, err := parseFilter(data)
		if ok {
			*into = append(*into, f)
		}
		return err
	}
	return m
}

// parseFilter reads an RTM_NEWTFILTER message. It reports false for what is
// no filter but a table that the kernel keeps for one.
func parseFilter(data []byte) (f installed, ok bool, err error) {
	if len(data) < nl.SizeofTcMsg {
		return f, false, errShort
	}
	info := nl.DeserializeTcMsg(data).Info
	f.preference = info >> 16
	f.partial = uint16(info) != nl.Swap16(unix.ETH_P_ALL)
	kind := ""
	err = eachAttr(data[nl.SizeofTcMsg:], func(attr uint16, value []byte) error {
		switch attr {
		case nl.TCA_KIND:
			kind = unix.ByteSliceToString(value)
		case tcaChain: // no action goes to any but the first
			f.partial = f.partial || number(value) != 0
		case nl.TCA_OPTIONS:
			return eachAttr(value, func(option uint16, value []byte) error {
				switch {
				case kind == "bpf" && option == nl.TCA_BPF_FLAGS:
					f.direct = number(value)&nl.TCA_BPF_FLAG_ACT_DIRECT != 0
				case kind == "u32" && option == nl.TCA_U32_SEL, kind == "bpf" && option == nl.TCA_BPF_OPS_LEN:
					ok = true
				case kind == "bpf" && option == nl.TCA_BPF_OPS:
					f.match = decodeProgram(value)
				case kind == "u32" && option == nl.TCA_U32_ACT, kind == "bpf" && option == nl.TCA_BPF_ACT:
					return f.parseActions(value)
				}
				return nil
			})
		}
		return nil
	})
	return f, ok || kind != "u32" && kind != "bpf", err
}

func (f *installed) parseActions(actions []byte) error {
	return eachAttr(actions, func(_ uint16, action []byte) error {
		return eachAttr(action, func(attr uint16, options []byte) error {
			if attr != nl.TCA_ACT_OPTIONS {
				return nil
			}
			return eachAttr(options, func(attr uint16, value []byte) error {
				if attr == nl.TCA_MIRRED_PARMS && len(value) >= sizeofTcMirred {
					f.redirects = true
					f.redirect = int32(nl.NativeEndian().Uint32(value[mirredIfindex:]))
				}
				return nil
			})
		})
	})
}
