package order

import "github.com/vmtap/vmtap/pkg/plan"

// Report is what a Keeper says after a look.
type Report struct {
	Faults map[plan.FaultKind]int `json:"faults,omitempty"` // that are there now, surely
	Mended map[plan.FaultKind]int `json:"mended,omitempty"` // by this look
	Errors int                    `json:"errors,omitempty"` // of this look
}

// Tally is what reports add up to.
type Tally struct {
	Faults map[plan.FaultKind]int // by the last look
	Mended map[plan.FaultKind]int
	Errors int
	Looks  int
}

func (t *Tally) add(r Report) {
	t.Looks++
	t.Errors += r.Errors
	if r.Faults != nil || r.Errors == 0 {
		t.Faults = r.Faults
	}
	if t.Mended == nil {
		t.Mended = map[plan.FaultKind]int{}
	}
	for kind, n := range r.Mended {
		t.Mended[kind] += n
	}
}
