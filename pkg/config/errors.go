package config

import "fmt"

// Code is an error code of the CNI specification, or one of vmtap's own from
// 100 on.
type Code uint

// The codes that vmtap uses. Numbers below 100 are those of the CNI
// specification, section "Error".
const (
	CodeVersion          Code = 1   // the configuration's cniVersion is not one of Versions
	CodeUnsupportedField Code = 2   // a key that is unknown or not supported yet
	CodeEnvironment      Code = 4   // a CNI_* variable is missing or invalid
	CodeIO               Code = 5   // a file, the lock or the output failed
	CodeDecoding         Code = 6   // the input is not what the format allows
	CodeInvalidConfig    Code = 7   // values that are wrong or contradict each other, or the node
	CodeTryAgainLater    Code = 11  // exhausted, timed out or lost a race
	CodeNotAvailable     Code = 50  // no ADD could work on this node
	CodeTaken            Code = 100 // what was asked for is another's
	CodeDiffers          Code = 101 // CHECK found differences
)

// Error is an error with the code that the caller of the plugin gets.
type Error struct {
	Code Code
	Err  error
}

// Errorf returns an Error; format and args are those of fmt.Errorf.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }
