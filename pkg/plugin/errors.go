package plugin

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/vmtap/vmtap/pkg/config"
)

// cniError returns err as the CNI specification wants it: a code and one
// line. What has no code is a failed call of the kernel's.
func cniError(err error) error {
	if err == nil {
		return nil
	}
	return coded(err)
}

// coded is cniError for what is an error.
func coded(err error) *types.Error {
	code := config.CodeIO
	var own *config.Error
	if errors.As(err, &own) {
		code = own.Code
	}
	return types.NewError(uint(code), oneLine(err.Error()), "")
}

// oneLine makes several lines one, and control characters visible.
func oneLine(s string) string {
	s = strings.ReplaceAll(s, "\n", "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// also returns the first error with the words of the second, and with the
// first one's code.
func also(first, second error) error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return fmt.Errorf("%w; %s", first, second.Error())
}
