package bench

import (
	"slices"
	"time"
)

// series are the costs of one verb of one contestant, one a round.
type series []cost

func (s series) wall() spread {
	return spreadOf(s, func(c cost) time.Duration { return c.Wall })
}

func (s series) cpu() spread {
	return spreadOf(s, func(c cost) time.Duration { return c.CPU })
}

// peak is the median of the peaks of memory, in KiB.
func (s series) peak() int64 {
	var all []int64
	for _, c := range s {
		all = append(all, c.Peak)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// spread is what counts of a number of durations.
type spread struct{ Min, Median, P95 time.Duration }

func spreadOf[T any](all []T, of func(T) time.Duration) spread {
	var d []time.Duration
	for _, one := range all {
		d = append(d, of(one))
	}
	slices.Sort(d)
	return spread{d[0], d[len(d)/2], d[(len(d)*95-1)/100]}
}
