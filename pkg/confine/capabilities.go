package confine

import (
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Capabilities is a set of capabilities: bit n is that with the number n.
type Capabilities uint64

// Of returns a set of capabilities, by the numbers of capabilities(7).
func Of(numbers ...int) Capabilities {
	var c Capabilities
	for _, n := range numbers {
		c |= 1 << n
	}
	return c
}

// Has reports whether a capability is in the set.
func (c Capabilities) Has(number int) bool { return c&(1<<number) != 0 }

// numbers yields the numbers of the capabilities.
func (c Capabilities) numbers() iter.Seq[int] {
	return func(yield func(int) bool) {
		for ; c != 0; c &= c - 1 {
			if !yield(bits.TrailingZeros64(uint64(c))) {
				return
			}
		}
	}
}

// String returns the names of capabilities(7), or numbers where this package
// does not know one; "none" for the empty set.
func (c Capabilities) String() string {
	names := map[int]string{
		unix.CAP_NET_ADMIN: "CAP_NET_ADMIN", unix.CAP_SETPCAP: "CAP_SETPCAP", unix.CAP_SYS_ADMIN: "CAP_SYS_ADMIN",
	}
	var words []string
	for n := range c.numbers() {
		name := names[n]
		if name == "" {
			name = fmt.Sprintf("capability %d", n)
		}
		words = append(words, name)
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// capabilitySets are those of one thread.
type capabilitySets struct{ effective, permitted Capabilities }

// capData is what capget(2) and capset(2) exchange: low and high halves.
type capData [2]unix.CapUserData

// capabilitiesOf returns those of a thread, 0 for the calling one.
func capabilitiesOf(thread int) (capabilitySets, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3, Pid: int32(thread)}
	var data capData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return capabilitySets{}, err
	}
	whole := func(low, high uint32) Capabilities { return Capabilities(low) | Capabilities(high)<<32 }
	return capabilitySets{
		effective: whole(data[0].Effective, data[1].Effective),
		permitted: whole(data[0].Permitted, data[1].Permitted),
	}, nil
}

// emptyBoundingSet drops all from the bounding set but some.
func emptyBoundingSet(stay Capabilities) error {
	for n := range 64 {
		in, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0)
		switch {
		case errors.Is(err, unix.EINVAL): // the kernel's capabilities end here
			return nil
		case err != nil:
			return err
		}
		if in == 1 && !stay.Has(n) {
			if err := onAllThreads(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

// keep leaves the process with these capabilities alone. None is inheritable,
// with which ambient ones go, too.
func keep(c Capabilities) error {
	low, high := uint32(c), uint32(c>>32)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3} // pid 0 is the calling thread
	data := capData{{Effective: low, Permitted: low}, {Effective: high, Permitted: high}}
	var pins runtime.Pinner // for other threads: a stack moves when it grows
	defer pins.Unpin()
	pins.Pin(&header)
	pins.Pin(&data)
	return onAllThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)))
}
