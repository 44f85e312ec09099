// Command launch runs a program, with its own standard streams and environment,
// and writes what that cost to a file. It is a process of its own, and a small
// one, because the kernel counts the memory of who starts a program as the
// program's peak.
//
// usage: launch FILE PROGRAM [ARGUMENT...]
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// cost is of the program and of all that it started and waited for.
type cost struct {
	Wall, CPU time.Duration
	Peak      int64 // of the largest process, in KiB
}

func main() {
	status, err := run(os.Args[1], os.Args[2:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "launch:", err)
		os.Exit(1)
	}
	os.Exit(status)
}

func run(file string, argv []string) (status int, err error) {
	var wait syscall.WaitStatus
	var usage syscall.Rusage
	begin := time.Now()
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", argv[0], err)
	}
	for {
		if _, err = syscall.Wait4(pid, &wait, 0, &usage); !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	c := cost{time.Since(begin), time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), usage.Maxrss}
	if err != nil {
		return 0, fmt.Errorf("wait for %s: %w", argv[0], err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		return 0, err
	}
	return wait.ExitStatus(), os.WriteFile(file, text, 0o600)
}
