package kernel

import (
	"errors"
	"math/rand/v2"
)

// firstIndex is the lowest ifindex that vmtap chooses. The kernel counts its
// own up from 1.
const firstIndex = 1 << 24

// randomIndex returns an ifindex to create a link with. Altnames cannot be
// part of a create message, and a message by name could hit somebody else's
// link: so the index is chosen here and addresses all that follows.
func randomIndex() int32 {
	return firstIndex + rand.Int32N(1<<31-1-firstIndex)
}

// errNoIndex is as likely as drawing the same number of 2^31 ten times.
var errNoIndex = errors.New("choose an ifindex: none of those tried is free")

// freeIndexes draws ifindexes that no link of a connection's namespace has.
func freeIndexes(c *conn, into ...*int32) error {
	if len(into) == 0 {
		return nil
	}
	for range 10 {
		links := make([]*link, len(into))
		batch := make([]*message, len(into))
		for i, index := range into {
			*index = randomIndex()
			batch[i] = getLink(*index, "", &links[i])
		}
		if err := c.do(batch...); err != nil {
			return err
		}
		if !anyLink(links) {
			return nil
		}
	}
	return errNoIndex
}

func anyLink(links []*link) bool {
	for _, l := range links {
		if l != nil {
			return true
		}
	}
	return false
}
