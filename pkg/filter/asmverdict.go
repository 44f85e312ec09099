package filter

// A verdict is a way to end a program that many jumps lead to. Since they
// reach 255 instructions, its ret stands more than once in a long program, and
// a jump leads to the nearest behind it.
type verdict struct {
	name   label
	ret    uint32
	places []int // where it stands
	done   int   // how many of the assembler's jumps have been looked at
}

// behind returns the nearest place of the verdict behind an instruction. There
// is one, as assemble puts those that are missing at the end.
func (v *verdict) behind(from int) int {
	for _, place := range v.places {
		if place > from {
			return place
		}
	}
	return from + 1
}

// waits returns the index of the first instruction whose jump to v has no
// place to go to yet.
func (a *assembler) waits(v *verdict) (index int, yes bool) {
	for ; v.done < len(a.jumps); v.done++ {
		if j := a.jumps[v.done]; j.yes == v.name || j.no == v.name {
			return j.index, true
		}
	}
	return 0, false
}

// A stretch is how many instructions may follow a pool of verdicts before the
// next one is offered a place.
const stretch = 120

// pool offers a place for verdicts: one that no instruction falls into. Those
// are put there that a jump waits for and may not reach at the next place,
// which is at most a stretch away.
func (a *assembler) pool() { a.verdictsHere(255 - stretch) }

// verdictsHere puts the verdicts here that a jump waits for from so many
// instructions before.
func (a *assembler) verdictsHere(distance int) {
	for i := range a.verdicts {
		v := &a.verdicts[i]
		if index, yes := a.waits(v); yes && len(a.code)-index > distance {
			v.places = append(v.places, len(a.code))
			v.done = len(a.jumps)
			a.ret(v.ret)
		}
	}
}

// room makes sure that so many instructions may follow without a pool: if
// need be, it puts the verdicts here and jumps over them.
func (a *assembler) room(size int) {
	late := false
	for i := range a.verdicts {
		index, yes := a.waits(&a.verdicts[i])
		late = late || yes && len(a.code)+size-index > 255-stretch
	}
	if !late {
		return
	}
	over := a.fresh()
	a.ja(over)
	a.verdictsHere(0)
	a.at(over)
}
