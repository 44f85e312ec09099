package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vmtap/vmtap/pkg/config"
	"github.com/vmtap/vmtap/pkg/plan"
)

const (
	sizeofNfgenmsg = 4

	// safeSend is less than any socket's send buffer, net.core.wmem_default,
	// holds, in bytes.
	safeSend = 64 << 10
)

// nfgenmsg is the header of every message of nf_tables: family, version,
// resource.
func nfgenmsg(family byte, resource uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{family, 0}, resource)
}

// nftMessage returns a message about something of vmtap's table inet.
func nftMessage(kind, flags int, attrs []nftAttr, format string, args ...any) *message {
	return nftMessageOf(unix.NFPROTO_INET, kind, flags, attrs, format, args...)
}

// nftMessageOf is nftMessage for a table of any family.
func nftMessageOf(family byte, kind, flags int, attrs []nftAttr, format string, args ...any) *message {
	m := newMessage(unix.NFNL_SUBSYS_NFTABLES<<8|kind, flags, format, args...)
	m.AddRawData(nfgenmsg(family, 0))
	m.AddRawData(appendAttrs(nil, attrs...))
	return m
}

// getNFT asks for something of vmtap's table inet; receive gets the attributes
// of each answer. That it is not there is no error.
func getNFT(kind, flags int, attrs []nftAttr, what string, receive func(data []byte) error) *message {
	return getNFTOf(unix.NFPROTO_INET, kind, flags, attrs, what, receive)
}

// getNFTOf is getNFT for a table of any family.
func getNFTOf(family byte, kind, flags int, attrs []nftAttr, what string, receive func(data []byte) error) *message {
	m := nftMessageOf(family, kind, flags, attrs, "look up %s of nftables table %s", what, plan.FirewallTable).allow(unix.ENOENT)
	m.receive = func(data []byte) error {
		if len(data) < sizeofNfgenmsg {
			return errShort
		}
		return receive(data[sizeofNfgenmsg:])
	}
	return m
}

// openNFT opens a socket for nf_tables, once. A kernel without it is
// unix.EPROTONOSUPPORT or, when it is asked, unix.EINVAL or unix.EOPNOTSUPP.
func (s *Session) openNFT() (*conn, error) {
	if s.nft != nil {
		return s.nft, nil
	}
	c, err := openProtocol(unix.NETLINK_NETFILTER, s.host.buf)
	if err != nil {
		return nil, err
	}
	s.nft = c
	return c, nil
}

// lacksNFT reports whether an error says that the kernel has no nf_tables.
func lacksNFT(err error) bool {
	return errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP)
}

func errNoNFT(err error) error {
	return config.Errorf(config.CodeNotAvailable, "use ipMasq or hostAccess: this kernel has no nftables, or not all that they need, load the modules nf_tables, nft_ct, nft_hash, nft_fib_inet, nft_masq and nft_chain_nat: %w", err)
}

// errRaced is the error of transact if somebody changed the ruleset since.
var errRaced = errors.New("the nftables ruleset was changed meanwhile")

// inOneGeneration runs f, which reads the ruleset and writes it by transact,
// until nobody else wrote in between. what says what f does.
func (s *Session) inOneGeneration(what string, f func(generation uint32) error) error {
	for range maxRaces {
		var generation uint32
		err := s.nft.do(getGeneration(&generation))
		if err == nil {
			err = f(generation)
		}
		if !errors.Is(err, errRaced) {
			return err
		}
	}
	return config.Errorf(config.CodeTryAgainLater, "%s: %w, %d times", what, errRaced, maxRaces)
}

// transact carries out all messages or none, if the ruleset is still of this
// generation.
func (c *conn) transact(generation uint32, messages ...*message) error {
	begin := newMessage(unix.NFNL_MSG_BATCH_BEGIN, 0, "begin nftables transaction")
	begin.AddRawData(nfgenmsg(unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES))
	begin.AddRawData(appendAttrs(nil, nftNumber(unix.NFNL_BATCH_GENID, generation)))
	end := newMessage(unix.NFNL_MSG_BATCH_END, 0, "end nftables transaction")
	end.AddRawData(nfgenmsg(unix.AF_UNSPEC, unix.NFNL_SUBSYS_NFTABLES))

	last := messages[len(messages)-1]
	last.Flags |= unix.NLM_F_ACK
	all := concat([]*message{begin}, messages, []*message{end})
	var out []byte
	for _, m := range all {
		out = append(out, m.Serialize()...)
	}
	if len(out) > safeSend {
		// A transaction is one datagram, and larger than a socket takes unasked.
		if err := unix.SetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, 2*len(out)); err != nil {
			return fmt.Errorf("%s: make room for %d bytes: %w", begin.what, len(out), err)
		}
	}
	if err := unix.Send(c.fd, out, 0); err != nil {
		return fmt.Errorf("%s: send: %w", begin.what, err)
	}
	var err error
	for done := false; !done && err == nil; {
		done, err = c.receive(all, last.Seq)
	}
	// The error of the whole, or of the first that failed; then the last is
	// not always acknowledged.
	for _, m := range all {
		switch {
		case errors.Is(m.err, unix.ERESTART):
			return errRaced
		case m.err != nil:
			return m.err
		}
	}
	if err != nil {
		return fmt.Errorf("%s: receive: %w", begin.what, err)
	}
	return nil
}
