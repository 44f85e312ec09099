package guest

import "time"

// Packet is a frame that was received, taken apart as far as it could be.
type Packet struct {
	At    time.Time
	Frame []byte
	Ethernet

	// Those that are in it, without VLAN tags; nil: not in it, or broken.
	ARP           *ARP
	IP            *IP
	ICMP          *ICMP
	Echo          *Echo
	Solicitation  *Solicitation
	Advertisement *Advertisement
	UDP           *UDP
}

// Decode takes a frame apart.
func Decode(frame []byte) Packet {
	p := Packet{Frame: frame}
	eth, err := ParseEthernet(frame)
	if err != nil {
		return p
	}
	p.Ethernet = eth
	switch eth.Type {
	case TypeARP:
		if arp, err := ParseARP(eth.Payload); err == nil {
			p.ARP = &arp
		}
	case TypeIPv4, TypeIPv6:
		if ip, err := ParseIP(eth.Payload); err == nil && ip.EtherType() == eth.Type {
			p.IP = &ip
			p.decodeAboveIP()
		}
	}
	return p
}

func (p *Packet) decodeAboveIP() {
	if udp, err := ParseUDP(*p.IP); err == nil {
		p.UDP = &udp
	}
	icmp, err := ParseICMP(*p.IP)
	if err != nil {
		return
	}
	p.ICMP = &icmp
	if echo, ok := icmp.echo(p.IP.Src.Is6()); ok {
		p.Echo = &echo
	}
	if p.IP.Src.Is4() || p.IP.TTL != neighbourTTL {
		return
	}
	if s, ok := icmp.solicitation(); ok {
		p.Solicitation = &s
	}
	if a, ok := icmp.advertisement(); ok {
		p.Advertisement = &a
	}
}
