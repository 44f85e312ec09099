package kernel

import (
	"math"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
)

// Numbers of include/uapi/linux/pkt_sched.h.
const (
	rootParent       = 0xffffffff // TC_H_ROOT
	clsactParent     = 0xfffffff1 // TC_H_CLSACT
	egressParent     = 0xfffffff3 // TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)
	shaperHandle     = 0x10000    // 1:0
	linkLayer        = 1          // TC_LINKLAYER_ETHERNET
	sizeofRateSpec   = 12
	sizeofTBF        = 36 // struct tc_tbf_qopt: rate, peakrate, limit, buffer, mtu
	tbfRate          = 8  // where the numbers stand in it, struct tc_ratespec first
	tbfLimit         = 24
	tbfBuffer        = 28
	nsPerTick        = 64 // PSCHED_TICKS2NS
	nsPerSecond      = 1_000_000_000
	bufferTolerance  = 4 // ticks, and a millionth: the kernel multiplies where we divide
	millionthsOfTick = 1_000_000
)

// qdiscsOf gives a link of the pod's its qdiscs: one for filters, with an
// egress only where it has filters too, and its shaper.
func qdiscsOf(index int32, l *plan.Link) []*message {
	var all []*message
	switch {
	case len(l.Egress) > 0:
		all = append(all, addClsact(index, l.Name))
	case len(l.Ingress) > 0:
		all = append(all, addIngress(index, l.Name, false))
	}
	if l.Shaper != (plan.Shaper{}) {
		all = append(all, addShaper(index, l.Name, l.Shaper))
	}
	return all
}

// addClsact gives a link an ingress and an egress for filters.
func addClsact(index int32, link string) *message {
	m := newMessage(unix.RTM_NEWQDISC, createFlags(false), "add clsact qdisc to link %s", link)
	m.AddData(tcmsg(index, ingressHandle, clsactParent, 0))
	m.AddData(nl.NewRtAttr(nl.TCA_KIND, text("clsact")))
	return m
}

// addShaper gives a link a token bucket as its root qdisc, in place of the one
// that the kernel gave it.
func addShaper(index int32, link string, s plan.Shaper) *message {
	m := newMessage(unix.RTM_NEWQDISC, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, "add tbf qdisc to link %s", link)
	m.AddData(tcmsg(index, shaperHandle, rootParent, 0))
	m.AddData(nl.NewRtAttr(nl.TCA_KIND, text("tbf")))
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	// With a link layer no rate table is wanted, with a burst in bytes no time.
	parameters := make([]byte, sizeofTBF)
	parameters[1] = linkLayer
	nl.NativeEndian().PutUint32(parameters[tbfRate:], uint32(min(s.Rate, math.MaxUint32)))
	nl.NativeEndian().PutUint32(parameters[tbfLimit:], s.Limit)
	options.AddRtAttr(nl.TCA_TBF_PARMS, parameters)
	if s.Rate > math.MaxUint32 {
		options.AddRtAttr(nl.TCA_TBF_RATE64, nl.Uint64Attr(s.Rate))
	}
	options.AddRtAttr(nl.TCA_TBF_BURST, nl.Uint32Attr(s.Burst))
	m.AddData(options)
	return m
}

// createLimiter makes the limiter, if there is one.
func (s *Session) createLimiter(state *plan.State) error {
	l := &state.Limiter
	if l.Name == "" {
		return nil
	}
	m := newMessage(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL, "create limiter %s", l.Name)
	m.AddData(ifinfo(s.index.limiter))
	end := vethEnd{s.index.limiter, s.groupOf(l), l}
	for _, a := range end.attrs() {
		m.AddData(a)
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(unix.IFLA_INFO_KIND, text(plan.KindIFB))
	m.AddData(info)
	if err := s.pod.do(m); err != nil {
		return err
	}
	s.undo.add("delete "+l.Name, func() error { return s.pod.do(deleteLink(s.index.limiter, l.Name)) })
	return nil
}

// tokenBucket is a link's root qdisc as the kernel has it, if it is a tbf.
type tokenBucket struct {
	rate   uint64 // bytes per second
	buffer uint32 // ticks that the burst takes, the low bits of it
	limit  uint32 // bytes
}

// readShaper reads the root qdisc of a link that is to have a shaper.
func (r *reader) readShaper(l *link, want plan.Named, into *plan.Link) error {
	if want.Shaper == (plan.Shaper{}) {
		return nil
	}
	var bucket *tokenBucket
	if err := r.session.connOf(want.Link).do(getShaper(l.index, l.name, &bucket)); err != nil {
		return err
	}
	if bucket != nil {
		into.Shaper = bucket.shaper(want.Shaper)
	}
	return nil
}

// shaper returns the bucket in plan's words. The kernel keeps a burst as the
// time that it takes: what comes to the same time is what is wanted.
func (b *tokenBucket) shaper(want plan.Shaper) plan.Shaper {
	s := plan.Shaper{Rate: b.rate, Limit: b.limit}
	if b.rate == 0 {
		return s
	}
	s.Burst = uint32(min(uint64(b.buffer)*nsPerTick/1000*b.rate/1_000_000, math.MaxUint32))
	ticks := float64(want.Burst) * nsPerSecond / float64(want.Rate) / nsPerTick
	off := math.Abs(float64(int32(b.buffer - uint32(uint64(ticks)))))
	if b.rate == want.Rate && off <= bufferTolerance+ticks/millionthsOfTick {
		s.Burst = want.Burst
	}
	return s
}

// getShaper asks for a link's root qdisc; into stays nil if it is no tbf.
func getShaper(index int32, link string, into **tokenBucket) *message {
	m := newMessage(unix.RTM_GETQDISC, unix.NLM_F_DUMP, "look up qdiscs of link %s", link)
	m.AddData(tcmsg(index, 0, 0, 0))
	m.receive = func(data []byte) error {
		b, of, err := parseShaper(data)
		if b != nil && of == index {
			*into = b
		}
		return err
	}
	return m
}

// parseShaper reads an RTM_NEWQDISC message, nil if it is no root tbf.
func parseShaper(data []byte) (bucket *tokenBucket, index int32, err error) {
	if len(data) < nl.SizeofTcMsg {
		return nil, 0, errShort
	}
	h := nl.DeserializeTcMsg(data)
	b, kind := &tokenBucket{}, ""
	err = eachAttr(data[nl.SizeofTcMsg:], func(attr uint16, value []byte) error {
		switch {
		case attr == nl.TCA_KIND:
			kind = unix.ByteSliceToString(value)
		case attr == nl.TCA_OPTIONS && kind == "tbf":
			return eachAttr(value, b.parse)
		}
		return nil
	})
	if kind != "tbf" || h.Parent != rootParent {
		return nil, 0, err
	}
	return b, h.Ifindex, err
}

func (b *tokenBucket) parse(option uint16, value []byte) error {
	switch {
	case option == nl.TCA_TBF_PARMS && len(value) >= sizeofTBF:
		b.rate = max(b.rate, uint64(nl.NativeEndian().Uint32(value[tbfRate:])))
		b.limit = nl.NativeEndian().Uint32(value[tbfLimit:])
		b.buffer = nl.NativeEndian().Uint32(value[tbfBuffer:])
	case option == nl.TCA_TBF_RATE64 && len(value) == 8:
		b.rate = nl.NativeEndian().Uint64(value)
	}
	return nil
}
