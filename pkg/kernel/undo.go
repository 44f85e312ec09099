package kernel

import (
	"errors"
	"fmt"
	"slices"
)

// undoStack holds how to take back what was done, step by step.
type undoStack struct{ steps []undoStep }

type undoStep struct {
	what string
	undo func() error
}

// add notes how to take back the step just done; what says so in the form
// "verb object".
func (u *undoStack) add(what string, undo func() error) {
	u.steps = append(u.steps, undoStep{what, undo})
}

// run takes everything back, the last step first, goes on after errors, and
// returns them joined.
func (u *undoStack) run() error {
	var errs []error
	for _, s := range slices.Backward(u.steps) {
		if err := s.undo(); err != nil {
			errs = append(errs, fmt.Errorf("undo, %s: %w", s.what, err))
		}
	}
	u.steps = nil
	return errors.Join(errs...)
}
