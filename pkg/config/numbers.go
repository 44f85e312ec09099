package config

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// Limits of numbers, both ends included.
const (
	minMTU      = 68   // RFC 791
	minMTU6     = 1280 // RFC 8200
	maxUint32   = 1<<32 - 1
	maxOwner    = maxUint32 - 1 // -1 is "leave it" to the kernel
	maxRDomain  = 99_999_999    // rdomain99999999 has the 15 characters of a link's name
	maxVLAN     = 4094
	maxLinkNo   = 1<<24 - 1 // higher netdev groups are those of the pods' links
	maxGroups   = 32        // of one interface
	maxAdvMSS   = 65535 - 40
	maxPriority = 1<<31 - 1 // an int on every machine
)

// idRange is a range of VM ids, both ends included.
type idRange struct{ min, max uint32 }

func (r idRange) contains(id uint32) bool { return r.min <= id && id <= r.max }

// parseRange reads "1-255", or "7" for 7-7.
func parseRange(s string) (idRange, error) {
	from, to, both := strings.Cut(s, "-")
	if !both {
		to = from
	}
	lo, err1 := strconv.ParseUint(from, 10, 32)
	hi, err2 := strconv.ParseUint(to, 10, 32)
	if err1 != nil || err2 != nil || lo < 1 || hi < lo || hi > vmid.MaxID {
		return idRange{}, fmt.Errorf("want a range such as 1-255, within 1-%d", vmid.MaxID)
	}
	return idRange{uint32(lo), uint32(hi)}, nil
}

// parseRanges reads ranges with commas between them: "1-255,300".
func parseRanges(s string) ([]idRange, error) {
	var all []idRange
	for _, part := range strings.Split(s, ",") {
		r, err := parseRange(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("%w, or several with commas", err)
		}
		all = append(all, r)
	}
	return all, nil
}
