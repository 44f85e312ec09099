package order

import (
	"encoding/json"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/vmtap/vmtap/pkg/plan"
)

// TestSuspect: a fault counts from when it was first seen, and from the beginning once a look did not see it.
func TestSuspect(t *testing.T) {
	k := &Keeper{Config: Config{SureAfter: 5 * time.Second, LookEvery: time.Minute, Log: slog.Default()}}
	begin := time.Unix(1000, 0)
	k.whole = begin.Add(time.Minute)
	a, b := plan.Fault{Kind: plan.DeadGateway, Object: "a", Index: 1}, plan.Fault{Kind: plan.DeadGateway, Object: "a", Index: 2}
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	for _, c := range []struct {
		second     int
		faults     []plan.Fault
		since, due int // of a
		next       int
	}{
		{0, []plan.Fault{a}, 0, 5, 5},
		{3, []plan.Fault{a, b}, 0, 5, 5},
		{4, []plan.Fault{b}, -1, -1, 8},
		{9, []plan.Fault{a}, 9, 14, 14},
		{20, nil, -1, -1, 60},
	} {
		k.suspect(c.faults, at(c.second))
		s := k.suspects[a]
		if len(k.suspects) != len(c.faults) || s == nil != (c.since < 0) || s != nil && (!s.since.Equal(at(c.since)) || !s.due.Equal(at(c.due))) {
			t.Errorf("second %d: %v, that of a is %+v", c.second, k.suspects, s)
		}
		if got := k.next(); !got.Equal(at(c.next)) {
			t.Errorf("second %d: next look at %v", c.second, got.Sub(begin))
		}
	}
}

// TestSortFaults: a VRF is there before a link is put into it.
func TestSortFaults(t *testing.T) {
	faults := []plan.Fault{
		{Kind: plan.LostUnreachable, Object: "rdomain1", Of: "::/0"},
		{Kind: plan.LostMembership, Object: "b"},
		{Kind: plan.LostMembership, Object: "a"},
		{Kind: plan.LostVRF, Object: "z"},
		{Kind: plan.DeadGateway, Object: "a", Index: 2},
		{Kind: plan.DeadGateway, Object: "a", Index: 1},
	}
	sortFaults(faults)
	want := []plan.Fault{
		{Kind: plan.DeadGateway, Object: "a", Index: 1},
		{Kind: plan.DeadGateway, Object: "a", Index: 2},
		{Kind: plan.LostVRF, Object: "z"},
		{Kind: plan.LostMembership, Object: "a"},
		{Kind: plan.LostMembership, Object: "b"},
		{Kind: plan.LostUnreachable, Object: "rdomain1", Of: "::/0"},
	}
	if !reflect.DeepEqual(faults, want) {
		t.Errorf("got %v, want %v", faults, want)
	}
}

// TestTally: what one process reports arrives in the other. A look that failed says nothing of faults.
func TestTally(t *testing.T) {
	var tally Tally
	for _, r := range []Report{
		{Faults: map[plan.FaultKind]int{plan.DeadGateway: 2}, Mended: map[plan.FaultKind]int{plan.LostVRF: 1}},
		{Errors: 1},
		{Faults: map[plan.FaultKind]int{plan.DeadGateway: 1}, Mended: map[plan.FaultKind]int{plan.LostVRF: 2, plan.DeadGateway: 1}, Errors: 2},
	} {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var arrived Report
		if err := json.Unmarshal(line, &arrived); err != nil {
			t.Fatal(err)
		}
		tally.add(arrived)
	}
	want := Tally{
		Faults: map[plan.FaultKind]int{plan.DeadGateway: 1}, Mended: map[plan.FaultKind]int{plan.LostVRF: 3, plan.DeadGateway: 1}, Errors: 3, Looks: 3,
	}
	if !reflect.DeepEqual(tally, want) {
		t.Errorf("got %+v, want %+v", tally, want)
	}
	tally.add(Report{})
	if len(tally.Faults) != 0 {
		t.Errorf("in order again: %+v", tally)
	}
}
