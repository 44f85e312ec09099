package cni

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
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

// TestGateKillsAndFails: what is not let do does not happen, and the plugin dies or is told.
func TestGateKillsAndFails(t *testing.T) {
	for _, kill := range []bool{true, false} {
		dir, g := t.TempDir(), NewGate()
		p := self(t).Gated(g)
		done := make(chan *Error, 1)
		go func() {
			_, fault, err := p.Invoke(ADD, mkdirsIn(dir))
			if err != nil {
				t.Error(err)
			}
			done <- fault
			g.Ended()
		}()
		for n := 0; ; n++ {
			held, _ := g.Next()
			if held == nil {
				break
			}
			switch {
			case held.Call != "mkdirat" || n != 1:
				held.Go()
			case kill:
				if err := held.Kill(); err != nil {
					t.Fatal(err)
				}
			default:
				held.Fail(unix.ENOSPC)
			}
		}
		fault, want := <-done, 1
		if !kill {
			want = 0 // it undid the first
		}
		if fault.Killed() != kill || !kill && fault == nil || entries(t, dir) != want {
			t.Errorf("kill %t: %s, and %d directories, want %d", kill, fault, entries(t, dir), want)
		}
	}
}
