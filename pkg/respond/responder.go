package respond

import (
	"cmp"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/vmtap/vmtap/pkg/answer"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/plan"
	"github.com/vmtap/vmtap/pkg/vmid"
)

// Responder answers the guests of a node.
type Responder struct {
	log *slog.Logger

	wire *kernel.Wire

	mu          sync.Mutex // of all below
	networks    networks
	attachments attachments
	session     *kernel.Session
	limiter     *limiter
	muted       map[int32]time.Time // until when
	counts      Counts
}

// Config is what a Responder is told.
type Config struct {
	Dir       string   // of configuration files, as the runtime reads it
	Results   []string // directories in which runtimes keep what ADD returned
	MachineID string
	Log       *slog.Logger
}

// Open opens what takes rights: CAP_NET_RAW and CAP_NET_ADMIN. What a Responder
// does afterwards takes none, but reading its configuration.
func Open(c Config) (*Responder, error) {
	wire, err := kernel.OpenWire()
	if err != nil {
		return nil, err
	}
	session, err := kernel.Open()
	if err != nil {
		return nil, errors.Join(err, wire.Close())
	}
	return &Responder{
		log:         c.Log,
		wire:        wire,
		networks:    networks{dir: c.Dir, machineID: c.MachineID},
		attachments: attachments{dirs: c.Results, confDir: c.Dir, machineID: c.MachineID},
		session:     session,
		limiter:     newLimiter(),
		muted:       map[int32]time.Time{},
		counts:      Counts{Answered: map[answer.Kind]uint64{}},
	}, nil
}

// Close ends Run.
func (r *Responder) Close() error { return r.wire.Close() }

// Run answers until Close. What cannot be answered is logged, with the link's
// name.
func (r *Responder) Run() error {
	return errors.Join(r.run(), r.wire.Close(), r.session.Close())
}

func (r *Responder) run() error {
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		r.advertise(stop)
	}()
	defer func() {
		close(stop)
		<-ended
	}()
	for {
		frame, err := r.wire.Read()
		if errors.Is(err, fs.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		r.take(frame, time.Now())
	}
}

// take answers one frame.
func (r *Responder) take(f kernel.Frame, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unmute(now)
	switch r.limiter.ask(f.Index, now) {
	case refused:
		r.counts.Refused++
		return
	case flooding:
		r.counts.Refused++
		r.mute(f.Index, now)
		return
	}
	link, err := r.session.Answering(f.Index)
	if err != nil {
		r.counts.Failed++
		r.log.Error("look up the link of a question", "ifindex", f.Index, "error", err)
		return
	}
	if link == nil {
		return
	}
	g := r.guest(link, senderOf(f.Bytes), now)
	if g == nil {
		return
	}
	reply, kind := g.Answer(f.Bytes)
	if kind == answer.None {
		r.counts.Ignored++
		r.log.Debug("not answered", "link", link.Name)
		return
	}
	r.send(link, g, reply, kind)
}

// senderOf is whose NIC a frame says it is from, zero for what is no frame.
func senderOf(frame []byte) (lladdr vmid.LLAddr) {
	if len(frame) >= 12 {
		copy(lladdr[:], frame[6:12])
	}
	return lladdr
}

// guest is who asks on a link, nil if it is nobody whom vmtap knows.
func (r *Responder) guest(link *plan.Answering, sender vmid.LLAddr, now time.Time) *answer.Guest {
	if !link.Addrs.Host4.IsValid() {
		return r.leased(link, sender, now)
	}
	// Where nothing says which lladdr the guest has, who is on the link is the guest:
	// there is nobody else.
	if link.Guest.IsZero() {
		link.Guest = sender
	}
	network, configured := r.network(link.Network)
	if !configured {
		if a := r.attachment(link.HostLink, link.Guest, now); a != nil {
			network = a.said
		}
	}
	return localGuest(link, network)
}

// leased is a guest whose link does not show its addresses: those of an IPAM
// plugin, or of the interface that it took over.
func (r *Responder) leased(link *plan.Answering, sender vmid.LLAddr, now time.Time) *answer.Guest {
	a := r.attachment(link.Name, sender, now)
	if a == nil || a.local {
		return nil
	}
	var router *plan.Router
	if a.gateway6.IsValid() {
		found, ok, err := r.session.RouterOf(link, a.gateway6)
		if err != nil {
			r.log.Error("look for a guest's router", "link", link.Name, "error", err)
		}
		if ok {
			router = &found
		}
	}
	network, configured := r.network(a.network)
	return leasedGuest(link, a, a.settings(network, configured), router)
}

// network is what a network's configuration says now. It reports false if the
// directory has none.
func (r *Responder) network(name string) (n answer.Network, configured bool) {
	if err := r.networks.refresh(); err != nil {
		r.log.Error("read the networks' configurations", "error", err)
	}
	n, configured = r.networks.all[name]
	return n, configured
}

// attachment is what a runtime keeps of a guest's ADD, nil if nothing.
func (r *Responder) attachment(link string, lladdr vmid.LLAddr, now time.Time) *attachment {
	err := r.attachments.refresh(now)
	a, errFind := r.attachments.find(link, lladdr)
	if err = errors.Join(err, errFind); err != nil {
		r.log.Error("read what runtimes keep", "error", err)
	}
	return a
}

func (r *Responder) send(link *plan.Answering, g *answer.Guest, frame []byte, kind answer.Kind) {
	vm := cmp.Or(link.VMName, g.Name)
	if err := r.wire.Send(link.Index, frame); err != nil {
		r.log.Error("answer a guest", "link", link.Name, "vm", vm, "kind", kind, "error", err)
		return
	}
	r.log.Info("answered", "link", link.Name, "vm", vm, "kind", kind)
	r.counts.Answered[kind]++
}

// mute keeps a link's questions out for a while: read and thrown away here, they
// would delay those of others.
func (r *Responder) mute(index int32, now time.Time) {
	r.muted[index] = now.Add(muteFor)
	// On a bridge these are the questions of all its ports, where they count, too.
	if link, err := r.session.Answering(index); err == nil && link != nil {
		r.log.Warn("too many questions, the link is not listened to for a while", "link", link.Name, "for", muteFor)
	}
	r.setMuted()
	time.AfterFunc(muteFor, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.unmute(time.Now())
	})
}

// unmute listens again to those whose time is over.
func (r *Responder) unmute(now time.Time) {
	before := len(r.muted)
	for index, until := range r.muted {
		if !now.Before(until) {
			delete(r.muted, index)
		}
	}
	if len(r.muted) != before {
		r.setMuted()
	}
}

func (r *Responder) setMuted() {
	links := make([]int32, 0, len(r.muted))
	for index := range r.muted {
		links = append(links, index)
	}
	if err := r.wire.Mute(links); err != nil && !errors.Is(err, os.ErrClosed) {
		r.log.Error("mute links", "error", err)
	}
}

// advertise sends router advertisements unasked, at once and then from time to
// time.
func (r *Responder) advertise(stop <-chan struct{}) {
	tick := time.NewTicker(answer.AdvertisePeriod)
	defer tick.Stop()
	for {
		r.advertiseAll()
		select {
		case <-tick.C:
		case <-stop:
			return
		}
	}
}

func (r *Responder) advertiseAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	links, err := r.session.AllAnswering()
	if err != nil {
		r.log.Error("look for links to advertise on", "error", err)
	}
	now := time.Now()
	for _, link := range links {
		r.advertiseOn(link, r.guest(link, vmid.LLAddr{}, now))
	}
	if err := r.attachments.refresh(now); err != nil {
		r.log.Error("read what runtimes keep", "error", err)
	}
	for _, a := range r.attachments.leased6() {
		for _, name := range a.links {
			link, err := r.session.AnsweringNamed(name)
			if err != nil {
				r.log.Error("look up a link to advertise on", "link", name, "error", err)
			}
			if link != nil {
				r.advertiseOn(link, r.leased(link, a.LLAddr, now))
			}
		}
	}
}

func (r *Responder) advertiseOn(link *plan.Answering, g *answer.Guest) {
	if g == nil || !link.Up {
		return
	}
	if frame, kind := g.Advertise(); kind != answer.None {
		r.send(link, g, frame, kind)
	}
}
