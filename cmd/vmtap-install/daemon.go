package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// endWithin is how long vmtapd may take to end: longer than what it waits for itself.
const endWithin = 20 * time.Second

// daemon is vmtapd at work. The zero value is one that is not run.
type daemon struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	err  error         // why, then
}

// start starts vmtapd. What it logs goes where ours goes.
func start(path string, args []string, withUs func(*exec.Cmd)) (*daemon, error) {
	d := &daemon{cmd: exec.Command(path, args...), done: make(chan struct{})}
	d.cmd.Stdout, d.cmd.Stderr = os.Stdout, os.Stderr
	withUs(d.cmd)
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start vmtapd: %w", err)
	}
	go func() {
		defer close(d.done)
		if d.err = d.cmd.Wait(); d.err == nil {
			d.err = errors.New("nobody told it to")
		}
	}()
	return d, nil
}

// end tells vmtapd to end, and kills it if it does not. That it has ended by itself
// is said by who saw that.
func (d *daemon) end() error {
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		if errors.Is(err, os.ErrProcessDone) {
			return nil
		}
		return fmt.Errorf("end vmtapd: %w", err)
	}
	select {
	case <-d.done:
		return nil
	case <-time.After(endWithin):
		return errors.Join(fmt.Errorf("end vmtapd: it goes on after %s", endWithin), d.cmd.Process.Kill())
	}
}
