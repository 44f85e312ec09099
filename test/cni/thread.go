package cni

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// comesTo waits until a thread is in a state, and reports whether it came to it before it ended, what else may end the
// wait happened, or half a minute was over.
func comesTo(thread int, is func(thread int) bool, ended func() bool) bool {
	for end := time.Now().Add(30 * time.Second); !is(thread); time.Sleep(200 * time.Microsecond) {
		if stateOf(thread) == "" || ended != nil && ended() || time.Now().After(end) {
			return false
		}
	}
	return true
}

// stopped says whether a signal has stopped the thread, which it does at no point within a call.
func stopped(thread int) bool { return stateOf(thread) == "T" }

// sleepsIn says whether a thread waits within a call of this number, and not for the answer to a notification, in which
// it counts as uninterruptible.
func sleepsIn(nr int32) func(thread int) bool {
	return func(thread int) bool {
		call, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", thread))
		return strings.HasPrefix(string(call), fmt.Sprint(nr, " ")) && stateOf(thread) == "S"
	}
}

// stateOf is the letter that ps shows for a thread, "" for one that is gone.
func stateOf(thread int) string {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", thread))
	_, rest, _ := strings.Cut(string(stat), ") ")
	state, _, _ := strings.Cut(rest, " ")
	return state
}
