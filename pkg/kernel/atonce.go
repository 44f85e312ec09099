package kernel

import (
	"errors"
	"sync"
)

// deleters is how many batches doAtOnce has carried out at a time. The kernel
// does the work of all under one lock, some milliseconds for each, and then waits
// tens of them for each: with so many it always has work.
const deleters = 32

// doAtOnce carries out batches that delete links, each in order, and returns every
// message's error. For each message that deletes, the kernel waits. The waits of
// several threads are one, those of one send are not.
func (s *Session) doAtOnce(batches [][]*message) error {
	conns := []*conn{s.host}
	for len(conns) < min(deleters, len(batches)) {
		// Here, and so in the session's namespace, whichever thread uses it.
		c, err := openConn(new(answerBuffer))
		if err != nil {
			break // with fewer it takes longer
		}
		conns = append(conns, c)
	}
	errs := make([]error, len(batches))
	next := make(chan int)
	var all sync.WaitGroup
	for _, c := range conns {
		all.Go(func() {
			for i := range next {
				errs[i] = c.doAll(batches[i])
			}
		})
	}
	for i := range batches {
		next <- i
	}
	close(next)
	all.Wait()
	for _, c := range conns[1:] {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

// doAll is do that returns every message's error.
func (c *conn) doAll(batch []*message) error {
	err := c.do(batch...)
	if err == nil {
		return nil
	}
	var errs []error
	for _, m := range batch {
		errs = append(errs, m.err)
	}
	if all := errors.Join(errs...); all != nil {
		return all
	}
	return err // they were not sent
}
