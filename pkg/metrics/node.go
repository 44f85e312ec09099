package metrics

import (
	"maps"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/vmtap/vmtap/pkg/answer"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/order"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/respond"
)

// Node is where vmtapd's numbers come from.
type Node struct {
	Version string
	Answers func() respond.Counts
	VMIDs   func() map[string]respond.VMIDs // by network
	Order   func() order.Tally

	mu      sync.Mutex // of all below
	session *kernel.Session
	drops   map[int32]uint32  // of each link, when it was last looked at
	dropped map[string]uint64 // by network
}

// Open opens what Families needs. It takes no rights.
func (n *Node) Open() (err error) {
	n.drops, n.dropped = map[int32]uint32{}, map[string]uint64{}
	n.session, err = kernel.Open()
	return err
}

// Health is an error if the kernel does not answer.
func (n *Node) Health() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	_, err := n.session.Answering(1)
	return err
}

// Families looks at the node and returns all that is counted.
func (n *Node) Families() ([]Family, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	census, err := n.session.Census()
	if err != nil {
		return nil, err
	}
	n.addDrops(census)
	all := []Family{
		{"vmtap_build_info", "The version of vmtapd; the value is always 1.", Gauge, []Sample{{[]string{"version", n.Version, "goversion", runtime.Version()}, 1}}},
		{"vmtap_vms", "VMs with an interface on this node.", Gauge, []Sample{{nil, float64(census.VMs())}}},
		{"vmtap_interfaces", "Interfaces of VMs on this node.", Gauge, byLabel("network", census.Interfaces())},
		{"vmtap_vmids_free", "VM ids of a network's range that no VM on this node has.", Gauge, n.freeVMIDs(census)},
		{"vmtap_bridge_ports_free", "Ports that a switch has left.", Gauge, byLabel("switch", census.FreePorts)},
		{"vmtap_guard_dropped_frames_total", "Frames of guests that guard and lock refused, of links that were there when somebody asked.", Counter, byLabel("network", n.dropped)},
	}
	return append(append(all, n.answerFamilies()...), n.orderFamilies()...), nil
}

// addDrops adds what was dropped since the last look. A link's own number goes with
// the link, and a sum of links' would fall.
func (n *Node) addDrops(census *plan.Census) {
	drops := map[int32]uint32{}
	for _, l := range census.Links {
		before := n.drops[l.Index]
		if l.Dropped < before { // it counts from 0 again
			before = 0
		}
		n.dropped[l.Network] += uint64(l.Dropped - before)
		drops[l.Index] = l.Dropped
	}
	n.drops = drops
}

func (n *Node) freeVMIDs(census *plan.Census) (samples []Sample) {
	ranges := n.VMIDs()
	for _, network := range slices.Sorted(maps.Keys(ranges)) {
		r := ranges[network]
		labels := []string{"network", network, "prefix", "", "bits", ""}
		if r.Prefix.IsValid() {
			labels[3], labels[5] = r.Prefix.String(), strconv.Itoa(r.Bits)
		}
		samples = append(samples, Sample{labels, float64(census.FreeVMIDs(r.Min, r.Max))})
	}
	return samples
}

func (n *Node) answerFamilies() []Family {
	c := n.Answers()
	answered := maps.Clone(c.Answered)
	for _, kind := range []answer.Kind{answer.Offer, answer.Ack, answer.Nak, answer.BOOTP, answer.Advertisement, answer.DHCPv6Advertise, answer.DHCPv6Reply} {
		answered[kind] += 0
	}
	return []Family{
		{"vmtap_answers_total", "Answers to guests, and router advertisements.", Counter, byLabel("kind", answered)},
		{"vmtap_questions_ignored_total", "Questions that were looked at and not answered.", Counter, []Sample{{nil, float64(c.Ignored)}}},
		{"vmtap_questions_refused_total", "Questions that were not looked at, since their link asked too many.", Counter, []Sample{{nil, float64(c.Refused)}}},
		{"vmtap_answer_errors_total", "Questions that could not be looked up, and answers that could not be sent.", Counter, []Sample{{nil, float64(c.Failed)}}},
	}
}

func (n *Node) orderFamilies() []Family {
	t := n.Order()
	faults, mended := map[plan.FaultKind]int{}, map[plan.FaultKind]int{}
	for _, kind := range plan.FaultKinds() {
		faults[kind], mended[kind] = t.Faults[kind], t.Mended[kind]
	}
	return []Family{
		{"vmtap_faults", "What is not in order on this node now.", Gauge, byLabel("kind", faults)},
		{"vmtap_repairs_total", "What was put in order.", Counter, byLabel("kind", mended)},
		{"vmtap_order_looks_total", "Looks at the order of this node.", Counter, []Sample{{nil, float64(t.Looks)}}},
		{"vmtap_order_errors_total", "Looks and repairs that failed.", Counter, []Sample{{nil, float64(t.Errors)}}},
	}
}

// byLabel makes a sample of each value, in order.
func byLabel[K ~string, V int | uint64](label string, values map[K]V) (samples []Sample) {
	for _, k := range slices.Sorted(maps.Keys(values)) {
		samples = append(samples, Sample{[]string{label, string(k)}, float64(values[k])})
	}
	return samples
}
