package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/vmtap/vmtap/pkg/vmid"
)

// parseLLAddr reads an lladdr that a guest's NIC can have.
func parseLLAddr(s string) (vmid.LLAddr, error) {
	a, err := vmid.ParseLLAddr(s)
	if err != nil {
		// Its own error has the value, which stands in the message anyway.
		return vmid.LLAddr{}, errors.New("want six pairs of hex digits such as 02:00:00:00:00:01, not multicast and not zero")
	}
	return a, nil
}

// parseAddr reads an IP address.
func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		return netip.Addr{}, errors.New("want an IP address")
	case a.Zone() != "":
		return netip.Addr{}, errors.New("want an IP address without a zone")
	case a.Is4In6():
		return netip.Addr{}, fmt.Errorf("write %s", a.Unmap())
	}
	return a, nil
}

// parseNameserver checks an IP address that is passed on as it is.
func parseNameserver(s string) (string, error) {
	_, err := parseAddr(s)
	return s, err
}

// parsePrefix reads a network: no bits are set beyond the prefix.
func parsePrefix(s string) (netip.Prefix, error) {
	p, err := parseCIDR(s)
	if err == nil && p != p.Masked() {
		return netip.Prefix{}, fmt.Errorf("host bits are set, write %s", p.Masked())
	}
	return p, err
}

// parseIP reads an IP address with or without a prefix length. Without one
// it is all of the address.
func parseIP(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		return parseCIDR(s)
	}
	a, err := parseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(a, a.BitLen()), nil
}

func parseCIDR(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	switch {
	case err != nil:
		return netip.Prefix{}, errors.New("want an IP address and a prefix length, such as 10.0.0.0/8 or fd00::/8")
	case p.Addr().Is4In6():
		return netip.Prefix{}, fmt.Errorf("write the address as %s", p.Addr().Unmap())
	}
	return p, nil
}
