package order

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/vmtap/vmtap/pkg/confine"
	"github.com/vmtap/vmtap/pkg/kernel"
)

// Arg is the first argument of the process that keeps order.
const Arg = "keep-order"

// endWithin is how long the child may take to end: it ends what it is just mending.
const endWithin = 15 * time.Second

// Child is a Keeper in a process of its own. Nothing is said to it. It ends when its
// standard input does, and so with this process, however that ends.
type Child struct {
	stdin io.Closer
	done  chan struct{}

	mu    sync.Mutex // of all below
	tally Tally
	heard time.Time // when it reported last
	ended error
}

// Start begins this program again, as a Keeper, with these arguments after Arg. What
// it logs goes to our standard error.
func Start(args []string) (*Child, error) {
	cmd := exec.Command("/proc/self/exe", append([]string{Arg}, args...)...)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("begin the process that keeps order: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("begin the process that keeps order: %w", err)
	}
	c := &Child{stdin: stdin, done: make(chan struct{}), heard: time.Now()}
	go func() {
		defer close(c.done)
		err := c.listen(stdout)
		err = errors.Join(err, cmd.Wait())
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ended = err
	}()
	return c, nil
}

// listen takes reports until there are no more.
func (c *Child) listen(from io.Reader) error {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		var r Report
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return fmt.Errorf("read a report: %w", err)
		}
		c.mu.Lock()
		c.tally.add(r)
		c.heard = time.Now()
		c.mu.Unlock()
	}
	return lines.Err()
}

// Tally is what the child has reported.
func (c *Child) Tally() Tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tally
	t.Mended = maps.Clone(t.Mended)
	return t
}

// Done is closed when the child has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Err says that the child has ended, and why. It is nil while it lives.
func (c *Child) Err() error {
	select {
	case <-c.done:
	default:
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == nil {
		return errors.New("the process that keeps order has ended")
	}
	return fmt.Errorf("the process that keeps order has ended: %w", c.ended)
}

// Health is an error if the child has ended, or has not reported for longer than that.
func (c *Child) Health(longest time.Duration) error {
	if err := c.Err(); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if since := time.Since(c.heard); since > longest {
		return fmt.Errorf("the process that keeps order has not looked for %s", since.Round(time.Second))
	}
	return nil
}

// Close ends the child. Of one that has ended Err says why.
func (c *Child) Close() error {
	if c.Err() != nil {
		return nil
	}
	if err := c.stdin.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return err
	}
	select {
	case <-c.done:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.ended
	case <-time.After(endWithin):
		return fmt.Errorf("end the process that keeps order: it goes on after %s", endWithin)
	}
}

// Serve is the child's work, until its standard input ends. It gives up all rights
// but those of its work.
func Serve(c Config) error {
	if err := kernel.EnsureLock(); err != nil {
		return err
	}
	reports := json.NewEncoder(os.Stdout)
	c.Report = func(r Report) error {
		if err := reports.Encode(r); err != nil {
			return fmt.Errorf("report: %w", err)
		}
		return nil
	}
	k, err := Open(c)
	if err != nil {
		return err
	}
	if _, err := confine.Process(kernel.ToKeepOrder()); err != nil {
		return fmt.Errorf("give up rights: %w", err)
	}
	stop := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(stop)
	}()
	c.Log.Info("keeping order", "observe", c.Observe)
	return k.Run(stop)
}
