package kernel

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/plan"
)

// Numbers of include/uapi/linux/netfilter/nf_tables.h that the library lacks.
const (
	nftElemKey      = 1 // NFTA_SET_ELEM_KEY
	nftElemFlags    = 3
	nftElemKeyEnd   = 10
	nftElemEndsHere = 1 // NFT_SET_ELEM_INTERVAL_END
)

// element is an element of a set, or where an interval begins or ends.
type element struct {
	key, end []byte // end: of a concatenation, the last key
	ends     bool
}

func readElements(c *conn, set string, f *plan.Firewall) error {
	var elements []element
	err := c.do(getElements(unix.NFPROTO_INET, set, func(e element) { elements = append(elements, e) }))
	if err != nil {
		return err
	}
	noteElements(set, elements, f)
	return nil
}

// getElements asks for all elements of a set of vmtap's table of a family.
func getElements(family byte, set string, take func(element)) *message {
	return getNFTOf(family, unix.NFT_MSG_GETSETELEM, unix.NLM_F_DUMP, []nftAttr{tableAttr(), nftText(unix.NFTA_SET_ELEM_LIST_SET, set)}, "elements of set "+set, func(data []byte) error {
		return eachAttr(data, func(kind uint16, value []byte) error {
			if kind != unix.NFTA_SET_ELEM_LIST_ELEMENTS {
				return nil
			}
			return eachAttr(value, func(_ uint16, value []byte) error {
				e, err := parseElement(value)
				if err == nil {
					take(e)
				}
				return err
			})
		})
	})
}

func parseElement(data []byte) (e element, err error) {
	key := func(into *[]byte, value []byte) error {
		return eachAttr(value, func(kind uint16, value []byte) error {
			if kind == unix.NFTA_DATA_VALUE {
				*into = slices.Clone(value)
			}
			return nil
		})
	}
	err = eachAttr(data, func(kind uint16, value []byte) error {
		switch kind {
		case nftElemKey:
			return key(&e.key, value)
		case nftElemKeyEnd:
			return key(&e.end, value)
		case nftElemFlags:
			e.ends = networkNumber(value)&nftElemEndsHere != 0
		}
		return nil
	})
	return e, err
}

// noteElements writes down the elements of a set. What vmtap never writes, such
// as an interval that is no prefix, is left out: so it is seen that one is
// missing.
func noteElements(set string, elements []element, f *plan.Firewall) {
	if strings.HasPrefix(set, "open") {
		for _, e := range elements {
			if o, ok := openingOf(e); ok {
				f.Open = append(f.Open, o)
			}
		}
		return
	}
	// The end of an interval is the first key behind it.
	slices.SortFunc(elements, func(a, b element) int {
		if c := slices.Compare(a.key, b.key); c != 0 || a.ends == b.ends {
			return c
		} else if a.ends {
			return -1
		}
		return 1
	})
	for i, e := range elements {
		if e.ends {
			continue
		}
		var end []byte
		if i+1 < len(elements) && elements[i+1].ends {
			end = elements[i+1].key
		}
		switch p, ok := prefixOf(e.key, end); {
		case set == "links":
			f.Links = append(f.Links, wildcardOf(e.key, end))
		case ok && strings.HasPrefix(set, "masq"):
			f.Masq = append(f.Masq, p)
		case ok:
			f.Closed = append(f.Closed, p)
		}
	}
}
