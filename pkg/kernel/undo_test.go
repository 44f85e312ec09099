package kernel

import (
	"errors"
	"slices"
	"testing"
)

func TestUndoStack(t *testing.T) {
	var u undoStack
	var order []int
	errs := []error{errors.New("first"), nil, errors.New("third")}
	for i, err := range errs {
		u.add("step", func() error {
			order = append(order, i)
			return err
		})
	}
	err := u.run()
	if want := []int{2, 1, 0}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if !errors.Is(err, errs[0]) || !errors.Is(err, errs[2]) {
		t.Errorf("error %v lacks one of %v", err, errs)
	}
	if err := u.run(); err != nil || len(order) != 3 {
		t.Errorf("a second run did something: %v, %v", err, order)
	}
}

func TestUndoKeepsTheFirstError(t *testing.T) {
	s := &Session{}
	cause := errors.New("cause")
	if got := s.Undo(cause); got != cause { //nolint:errorlint // not even wrapped
		t.Errorf("without steps: %v", got)
	}
	failed := errors.New("failed")
	s.undo.add("step", func() error { return failed })
	if got := s.Undo(cause); !errors.Is(got, cause) || !errors.Is(got, failed) || got.Error() != "cause; undo, step: failed" {
		t.Errorf("got %v", got)
	}
}
