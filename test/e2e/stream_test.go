package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/vmtap/vmtap/test/netns"
)

// stream sends bytes over TCP to an address in another namespace, and returns
// how long they took to arrive.
func stream(t *testing.T, from, to *netns.NS, address string, bytes int64) time.Duration {
	t.Helper()
	var l net.Listener
	var err error
	to.Do(func() { l, err = net.Listen("tcp", net.JoinHostPort(address, "0")) })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type arrival struct {
		took time.Duration
		err  error
	}
	done := make(chan arrival, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			done <- arrival{err: err}
			return
		}
		defer c.Close()
		start := time.Now()
		n, err := io.Copy(io.Discard, c)
		if err == nil && n != bytes {
			err = fmt.Errorf("%d of %d bytes came", n, bytes)
		}
		done <- arrival{time.Since(start), err}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), answered)
	defer cancel()
	c, err := from.DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.CopyN(c, zeros{}, bytes)
	if closeErr := c.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		t.Fatal(err)
	}
	a := <-done
	if a.err != nil {
		t.Fatal(a.err)
	}
	return a.took
}

// zeros reads as zeros without end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }
