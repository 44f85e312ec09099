package cni

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/types/create"
)

// Error is the error object that a plugin prints when it fails. It is no Go error on purpose: a nil *Error in an error
// would not be nil.
type Error struct {
	CNIVersion string `json:"cniVersion"`
	Code       uint   `json:"code"`
	Msg        string `json:"msg"`
	Details    string `json:"details"`

	// Signal is the one that killed the plugin, which then has said nothing.
	Signal syscall.Signal `json:"-"`
}

func (e *Error) String() string {
	switch {
	case e == nil:
		return "success"
	case e.Signal != 0:
		return "killed: " + e.Signal.String()
	case e.Details != "":
		return fmt.Sprintf("code %d: %s; %s", e.Code, e.Msg, e.Details)
	}
	return fmt.Sprintf("code %d: %s", e.Code, e.Msg)
}

// Killed says that the plugin did not end by itself.
func (e *Error) Killed() bool { return e != nil && e.Signal != 0 }

// judge holds what a run left to the specification: on success one JSON document or nothing, and no word on stderr,
// which runtimes log; on failure an error object, unless it was killed.
func judge(state *os.ProcessState, wait error, stdout, stderr []byte) ([]byte, *Error, error) {
	if wait != nil && !errors.As(wait, new(*exec.ExitError)) {
		return nil, nil, wait
	}
	said := func() string { return fmt.Sprintf("stdout %q, stderr %q", stdout, stderr) }
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return nil, &Error{Signal: status.Signal()}, nil
	}
	if state.Success() {
		if len(stderr) > 0 {
			return nil, nil, fmt.Errorf("success with words on stderr: %s", said())
		}
		if len(stdout) > 0 {
			if err := one(stdout, new(any)); err != nil {
				return nil, nil, fmt.Errorf("success with a result that is not one JSON document: %w: %s", err, said())
			}
		}
		return stdout, nil, nil
	}
	fault := new(Error)
	if err := one(stdout, fault); err != nil {
		return nil, nil, fmt.Errorf("%v without an error object: %w: %s", state, err, said())
	}
	if fault.Msg == "" || fault.Code == 0 {
		return nil, nil, fmt.Errorf("%v with an error object that lacks code or msg: %s", state, said())
	}
	return nil, fault, nil
}

// one decodes a text that holds one JSON document and nothing else.
func one(text []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("more after the document")
	}
	return nil
}

// ParseResult is what ADD printed, of any version, in the newest version's type.
func ParseResult(t testing.TB, stdout []byte) *types100.Result {
	t.Helper()
	parsed, err := create.CreateFromBytes(stdout)
	if err != nil {
		t.Fatalf("parse the result: %v: %q", err, stdout)
	}
	result, err := types100.GetResult(parsed)
	if err != nil {
		t.Fatalf("convert the result: %v: %q", err, stdout)
	}
	return result
}
