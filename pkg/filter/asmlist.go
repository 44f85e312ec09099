package filter

import (
	"encoding/binary"
	"slices"
)

// direct is how many instructions a list may take whose hits and misses jump
// to their targets themselves, chunk how many of its entries are looked up
// together where it takes more: at 16 bytes they are 1+7*32 instructions,
// which a jump leads over.
const (
	direct = 48
	chunk  = 32
)

// match jumps to yes if the frame holds these bytes at off, else to no. Both
// may be next.
func (a *assembler) match(off uint32, want []byte, yes, no label) {
	a.in(at(off), [][]byte{want}, yes, no)
}

// in jumps to yes if a field holds one of the list's entries, else to no. Both
// may be next. The entries have one length. A list may be of any length; a
// long one reaches targets at any distance, a short one those that are as near
// as a jump must be.
func (a *assembler) in(f field, list [][]byte, yes, no label) {
	if len(list) == 0 || len(list[0]) == 0 {
		a.fail("instruction %d: a match of nothing", len(a.code))
		return
	}
	words := (len(list[0]) + 3) / 4
	size := 1 + len(list)*(2*words-1)
	end := next
	if yes == next && (len(list) > 1 || no == next) || no == next {
		end = a.fresh()
	}
	if yes == next && end != next {
		yes = end
	}
	if no == next {
		no = end
	}
	a.room(size)
	if size <= direct {
		a.tree(f, list, yes, no)
	} else {
		for part := range slices.Chunk(list, chunk) {
			hit, miss := a.fresh(), a.fresh()
			a.tree(f, part, hit, miss)
			a.at(hit)
			a.ja(yes)
			a.at(miss)
		}
		if no != end {
			a.ja(no)
		}
	}
	if end != next {
		a.at(end)
	}
}

// tree looks a field up in a list word by word: entries that begin with the
// same word share its comparison, in the order in which they first appear.
func (a *assembler) tree(f field, list [][]byte, yes, no label) {
	size := 1
	switch left := len(list[0]); {
	case left >= 4:
		size = 4
	case left >= 2:
		size = 2
	}
	a.load(f, size)
	f.off += uint32(size)

	words := make([]uint32, 0, len(list)) // the distinct ones
	for _, entry := range list {
		if w := word(entry, size); !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	last := len(words) - 1
	if len(list[0]) == size {
		for _, w := range words[:last] {
			a.jeq(w, yes, next)
		}
		a.jeq(words[last], yes, no)
		return
	}
	groups := make([]label, len(words))
	for i, w := range words {
		miss := next
		if i == last {
			miss = no
		}
		if last > 0 {
			groups[i] = a.fresh()
		}
		a.jeq(w, groups[i], miss)
	}
	for i, w := range words {
		var rest [][]byte
		for _, entry := range list {
			if word(entry, size) == w {
				rest = append(rest, entry[size:])
			}
		}
		if last > 0 {
			a.at(groups[i])
		}
		a.tree(f, rest, yes, no)
	}
}

// word returns the first 4, 2 or 1 bytes of b.
func word(b []byte, size int) uint32 {
	switch size {
	case 4:
		return binary.BigEndian.Uint32(b)
	case 2:
		return uint32(binary.BigEndian.Uint16(b))
	}
	return uint32(b[0])
}
