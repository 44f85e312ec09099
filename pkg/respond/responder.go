package respond

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/vmtap/vmtap/pkg/answer"
	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/plan"
)

// Responder answers the guests of a node.
type Responder struct {
	log *slog.Logger

	wire *kernel.Wire

	mu       sync.Mutex // of all below
	networks networks
	session  *kernel.Session
	limiter  *limiter
	muted    map[int32]time.Time // until when
	counts   Counts
}

// Config is what a Responder is told.
type Config struct {
	Dir       string // of configuration files, as the runtime reads it
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
		log:      c.Log,
		wire:     wire,
		networks: networks{dir: c.Dir, machineID: c.MachineID},
		session:  session,
		limiter:  newLimiter(),
		muted:    map[int32]time.Time{},
		counts:   Counts{Answered: map[answer.Kind]uint64{}},
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
	reply, kind := r.guest(link, f.Bytes).Answer(f.Bytes)
	if kind == answer.None {
		r.counts.Ignored++
		r.log.Debug("not answered", "link", link.Name)
		return
	}
	r.send(link, reply, kind)
}

// guest is who asks on a link. Where nothing says which lladdr the guest has,
// who is on the link is the guest: there is nobody else.
func (r *Responder) guest(link *plan.Answering, frame []byte) *answer.Guest {
	if err := r.networks.refresh(); err != nil {
		r.log.Error("read the networks' configurations", "error", err)
	}
	if link.Guest.IsZero() && len(frame) >= 12 {
		copy(link.Guest[:], frame[6:12])
	}
	return guestOf(link, r.networks.all[link.Network])
}

func (r *Responder) send(link *plan.Answering, frame []byte, kind answer.Kind) {
	if err := r.wire.Send(link.Index, frame); err != nil {
		r.counts.Failed++
		r.log.Error("answer a guest", "link", link.Name, "vm", link.VMName, "kind", kind, "error", err)
		return
	}
	r.counts.Answered[kind]++
	r.log.Info("answered", "link", link.Name, "vm", link.VMName, "kind", kind)
}

// mute keeps a link's questions out for a while: read and thrown away here, they
// would delay those of others.
func (r *Responder) mute(index int32, now time.Time) {
	r.muted[index] = now.Add(muteFor)
	r.log.Warn("too many questions, the link is not listened to for a while", "ifindex", index, "for", muteFor)
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
		return
	}
	for _, link := range links {
		if !link.Up {
			continue
		}
		if frame, kind := r.guest(link, nil).Advertise(); kind != answer.None {
			r.send(link, frame, kind)
		}
	}
}
