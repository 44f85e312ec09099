package main

const (
	octet = `(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
	ipv4  = octet + `(\.` + octet + `){3}`
	ipv6  = `[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*`
	bits4 = `/(3[0-2]|[12]?[0-9])`
	bits6 = `/(12[0-8]|1[01][0-9]|[1-9]?[0-9])`
)

const wantPrefix = "want an IP address and a prefix length, such as 10.0.0.0/8 or fd00::/8"

func prefix() textForm {
	return textForm{
		name:   "prefix",
		rule:   "An address, `/` and a prefix length. No bits are set after the prefix.",
		schema: pattern(`^(` + ipv4 + bits4 + `|` + ipv6 + bits6 + `)$`),
		good:   []string{"10.0.0.0/8", "fd00::/8", "0.0.0.0/0", "100.64.9.9/32"},
		bad: []bad{
			{text: "10.0.0.0", message: wantPrefix},
			{text: "10.0.0.0/33", message: wantPrefix},
			{text: "10.0.0.1/8", message: "host bits are set, write 10.0.0.0/8", beyond: true},
			{text: "::ffff:10.0.0.0/104", message: "write the address as 10.0.0.0", beyond: true},
		},
	}
}

func prefix4() textForm {
	return textForm{
		name:   "IPv4 prefix",
		rule:   "A prefix of IPv4 addresses.",
		schema: pattern(`^` + ipv4 + `/(2[0-9]|1?[0-9])$`),
		good:   []string{"100.64.0.0/10", "10.0.0.0/8"},
		bad: []bad{
			{text: "100.64.0.0", message: wantPrefix},
			{text: "100.64.0.1/10", message: "host bits are set, write 100.64.0.0/10", beyond: true},
		},
	}
}

func prefix6() textForm {
	return textForm{
		name:   "IPv6 prefix",
		rule:   "A prefix of IPv6 addresses, or `auto`.",
		schema: pattern(`^(auto|` + ipv6 + `/(6[0-4]|[1-5]?[0-9]))$`),
		good:   []string{"fd00::/8", "auto", "fd12:3456:789a:1::/64"},
		bad: []bad{
			{text: "fd00::", message: wantPrefix},
			{text: "Auto", message: wantPrefix},
			{text: "fd00::1/8", message: "host bits are set, write fd00::/8", beyond: true},
		},
	}
}

func address() textForm {
	return textForm{
		name:   "address",
		rule:   "An IPv4 or IPv6 address without a zone.",
		schema: pattern(`^(` + ipv4 + `|` + ipv6 + `)$`),
		good:   []string{"100.64.9.9", "fd00::1"},
		bad: []bad{
			{text: "100.64.9", message: "want an IP address"},
			{text: "100.64.9.256", message: "want an IP address"},
			{text: "dns.example", message: "want an IP address"},
			{text: "fe80::1%eth0", message: "want an IP address without a zone"},
			{text: "::ffff:10.0.0.1", message: "write 10.0.0.1", beyond: true},
		},
	}
}

// router is an address of the family of dst, which is IPv4 in the template.
func router() textForm {
	f := address()
	f.good = f.good[:1]
	return f
}

// ipPrefix is an address with or without a prefix length.
func ipPrefix() textForm {
	return textForm{
		name: "",
		rule: "An address, with or without a prefix length.",
		good: []string{"100.64.7.3", "100.64.7.3/31"},
		bad: []bad{
			{text: "10.0.0.256", message: "want an IP address"},
			{text: "10.0.0.1/33", message: wantPrefix},
		},
	}
}
