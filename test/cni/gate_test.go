package cni

import (
	"errors"
	"testing"
)

// TestGateHolds: what a plugin is held before has not happened, and what it was let do has.
func TestGateHolds(t *testing.T) {
	dir, g := t.TempDir(), NewGate()
	p := self(t).Gated(g)
	done := make(chan error, 1)
	go func() {
		_, fault, err := p.Invoke(ADD, mkdirsIn(dir))
		if err == nil && fault != nil {
			err = errors.New(fault.Msg)
		}
		done <- err
		g.Ended()
	}()
	steps := 0
	for {
		held, blocked := g.Next()
		if blocked {
			t.Fatal("it waits for a lock")
		}
		if held == nil {
			break
		}
		if n := entries(t, dir); held.Call == "mkdirat" && n != steps {
			t.Errorf("%d directories before %v, want %d", n, held, steps)
		}
		if held.Call == "mkdirat" {
			steps++
		}
		held.Go()
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if steps < 2 || entries(t, dir) != steps {
		t.Errorf("%d directories after %d steps", entries(t, dir), steps)
	}
}
