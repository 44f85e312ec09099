package respond

import "time"

const (
	// perSecond and burst are how many questions of one link are answered. A
	// client asks once in some seconds; a guest that boots asks by each protocol.
	perSecond = 10
	burst     = 20
	// flood is how many questions of one link beyond that mute it.
	flood = 100
	// muteFor is how long a link is muted.
	muteFor = time.Second
	// remembered is how many links' questions are counted at most. Those that
	// have asked nothing for a while are forgotten first.
	remembered = 4096
)

// limiter says which questions are answered. It is a token bucket for each link,
// so that one guest's flood takes nothing from others.
type limiter struct {
	links map[int32]*bucket
}

// bucket is one link's.
type bucket struct {
	tokens  float64
	at      time.Time // when tokens was right
	refused int       // since the last answer
}

// verdict is what a limiter says of a question.
type verdict int

const (
	allowed verdict = iota
	refused
	flooding // and all that follows need not be looked at
)

func newLimiter() *limiter { return &limiter{links: map[int32]*bucket{}} }

// ask says what becomes of a link's question.
func (l *limiter) ask(index int32, now time.Time) verdict {
	b := l.links[index]
	if b == nil {
		l.forget(now)
		b = &bucket{tokens: burst, at: now}
		l.links[index] = b
	}
	b.tokens = min(burst, b.tokens+now.Sub(b.at).Seconds()*perSecond)
	b.at = now
	if b.tokens >= 1 {
		b.tokens--
		b.refused = 0
		return allowed
	}
	b.refused++
	if b.refused >= flood {
		b.refused = 0
		return flooding
	}
	return refused
}

// forget makes room for one more link: a full bucket says nothing.
func (l *limiter) forget(now time.Time) {
	if len(l.links) < remembered {
		return
	}
	for index, b := range l.links {
		if b.tokens+now.Sub(b.at).Seconds()*perSecond >= burst {
			delete(l.links, index)
		}
	}
	for index := range l.links { // all are busy: any, since a new one must be answered
		if len(l.links) < remembered {
			return
		}
		delete(l.links, index)
	}
}
