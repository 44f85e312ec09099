package order

import (
	"cmp"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/vmtap/vmtap/pkg/kernel"
	"github.com/vmtap/vmtap/pkg/plan"
)

// Config is what a Keeper is told.
type Config struct {
	Observe bool // it only says what is not in order

	// SureAfter is how long a fault must have been there before it is mended. So long
	// is each event waited with, too, for those that come with it.
	SureAfter time.Duration
	// LookEvery is the time between looks if nothing happens.
	LookEvery time.Duration

	Log    *slog.Logger
	Report func(Report) error // called after looks
}

// Keeper keeps one node in order.
type Keeper struct {
	Config

	session  *kernel.Session
	events   *kernel.Events
	known    *kernel.Known
	suspects map[plan.Fault]*suspect
	whole    time.Time // when the next whole look is due
	failing  string    // why the last look failed, "" if it did not
	failed   int       // looks that failed, one after another
}

// mostFailures is how many looks may fail before it ends. What begins it again opens
// anew what this one cannot open any more: its lock, if its directory was removed.
const mostFailures = 5

// sayAfter is how many times SureAfter must have passed before it is said that a fault
// cannot be mended: a call may have been at work on it.
const sayAfter = 4

// suspect is a fault that was seen.
type suspect struct {
	since time.Time
	due   time.Time // when something is done about it
	wait  time.Duration
	said  bool
}

// Open opens what Run needs but the lock, which is opened anew each time.
func Open(c Config) (*Keeper, error) {
	session, err := kernel.Open()
	if err != nil {
		return nil, err
	}
	events, err := kernel.OpenEvents()
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return &Keeper{Config: c, session: session, events: events, known: kernel.NewKnown(), suspects: map[plan.Fault]*suspect{}}, nil
}

// Run keeps order until stop is closed, or until it cannot hear of events or report.
func (k *Keeper) Run(stop <-chan struct{}) error {
	events, ended := make(chan error), make(chan struct{})
	defer close(ended)
	go func() {
		for {
			err := k.events.Wait()
			select {
			case events <- err: // and the next one after the look
			case <-ended:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	err := k.run(stop, events)
	return errors.Join(err, k.events.Close(), k.session.Close())
}

func (k *Keeper) run(stop <-chan struct{}, events <-chan error) error {
	for {
		now := time.Now()
		if err := k.look(now); err != nil {
			return err
		}
		timer := time.NewTimer(max(0, time.Until(k.next())))
		select {
		case <-stop:
			timer.Stop()
			return nil
		case <-timer.C:
		case err := <-events:
			timer.Stop()
			if err != nil {
				return err
			}
			select {
			case <-stop:
				return nil
			case <-time.After(k.SureAfter / 2):
			}
			if err := k.events.Drain(); err != nil {
				return err
			}
		}
	}
}

// next is when a look is due though nothing happens.
func (k *Keeper) next() time.Time {
	at := k.whole
	for _, s := range k.suspects {
		if s.due.Before(at) {
			at = s.due
		}
	}
	return at
}

// look looks once, mends what is due, and reports.
func (k *Keeper) look(now time.Time) error {
	whole := !now.Before(k.whole)
	if whole {
		k.whole = now.Add(k.LookEvery)
	}
	faults, err := k.session.Disorder(k.known, whole)
	if err != nil {
		if k.fail(err); k.failed >= mostFailures {
			return err
		}
		k.suspects = map[plan.Fault]*suspect{} // what was seen before is no proof any more
		k.whole = now.Add(min(k.LookEvery, 2*k.SureAfter))
		return k.report(Report{Errors: 1})
	}
	k.failing, k.failed = "", 0
	sortFaults(faults)
	k.suspect(faults, now)
	r := Report{Faults: map[plan.FaultKind]int{}, Mended: map[plan.FaultKind]int{}}
	for _, f := range faults {
		s := k.suspects[f]
		if now.Before(s.since.Add(k.SureAfter)) {
			continue
		}
		r.Faults[f.Kind]++
		if !now.Before(s.due) {
			k.act(f, s, now, &r)
		}
	}
	return k.report(r)
}

// suspect notes which faults there are, and forgets those that are no more.
func (k *Keeper) suspect(faults []plan.Fault, now time.Time) {
	seen := make(map[plan.Fault]*suspect, len(faults))
	for _, f := range faults {
		s := k.suspects[f]
		if s == nil {
			s = &suspect{since: now, due: now.Add(k.SureAfter), wait: k.SureAfter}
		}
		seen[f] = s
	}
	k.suspects = seen
}

// act says what is wrong, once, and mends it. What cannot be mended is tried again,
// less and less often.
func (k *Keeper) act(f plan.Fault, s *suspect, now time.Time, r *Report) {
	if k.Observe {
		if !s.said {
			k.Log.Warn("not in order", "kind", f.Kind, "what", f.String())
		}
		s.said, s.due = true, k.whole
		return
	}
	mended, err := k.session.Mend(f, k.known)
	if mended {
		k.Log.Info("put in order", "kind", f.Kind, "what", f.Mended())
		r.Mended[f.Kind]++
		r.Faults[f.Kind]--
	}
	if err != nil {
		k.Log.Error("cannot put in order", "kind", f.Kind, "what", f.String(), "error", err)
		r.Errors++
	}
	if !mended && err == nil && !s.said && s.wait >= sayAfter*k.SureAfter {
		k.Log.Warn("not in order, and it was not possible to change that yet", "kind", f.Kind, "what", f.String())
		s.said = true
	}
	s.wait = min(2*s.wait, max(k.LookEvery, k.SureAfter))
	s.due = now.Add(s.wait)
}

// fail says why a look failed, once.
func (k *Keeper) fail(err error) {
	k.failed++
	if words := err.Error(); words != k.failing {
		k.failing = words
		k.Log.Error("look at the node", "error", err)
	}
}

func (k *Keeper) report(r Report) error {
	if k.Report == nil {
		return nil
	}
	return k.Report(r)
}

// sortFaults puts them in the order in which they are mended.
func sortFaults(faults []plan.Fault) {
	kinds := plan.FaultKinds()
	slices.SortFunc(faults, func(a, b plan.Fault) int {
		return cmp.Or(
			cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)),
			cmp.Compare(a.Object, b.Object), cmp.Compare(a.Of, b.Of), cmp.Compare(a.Index, b.Index))
	})
}
