package main

import "strings"

// oneOrRange is an id or a range of ids.
const oneOrRange = ` *[0-9]+(-[0-9]+)? *`

func pattern(p string) map[string]any { return map[string]any{"pattern": p} }

// lengths is a pattern with lengths.
func lengths(p string, lo, hi int) map[string]any {
	return map[string]any{"pattern": p, "minLength": lo, "maxLength": hi}
}

func chars(n int) string { return strings.Repeat("a", n) }

// textForms are the forms that the page explains, in its order.
func textForms() []textForm {
	return []textForm{
		linkName(), groupName(), lladdr(), address(), prefix(), prefix4(), prefix6(), idRange(), idRanges(),
		vmName(), networkName(), line(), plainWord(), pluginName(), access(), protocolWord(), directory(),
	}
}

func linkName() textForm {
	const printable = "want printable ASCII characters without space, '/', ':', '%' and '@'"
	s := lengths(`^[!-$&-.0-9;-?A-~]+$`, 1, 15)
	s["not"] = map[string]any{"enum": []any{".", ".."}}
	return textForm{
		name:   "link name",
		rule:   "1 to 15 printable ASCII characters, none of them space, `/`, `:`, `%` or `@`.",
		schema: s,
		good:   []string{"bridge0", "a", "abcdefghijklmno", "!$&.;?A~", "..."},
		bad: []bad{
			{text: "", message: "want 1 to 15 characters, have 0"},
			{text: "abcdefghijklmnop", message: "want 1 to 15 characters, have 16"},
			{text: "br 0", message: printable},
			{text: "br/0", message: printable},
			{text: "br:0", message: printable},
			{text: "br%d", message: printable},
			{text: "br@0", message: printable},
			{text: "brü", message: printable},
			{text: ".", message: "not a name for a link"},
			{text: "..", message: "not a name for a link"},
		},
	}
}

func groupName() textForm {
	return textForm{
		name:   "group name",
		rule:   "1 to 15 letters, digits, `_` and `-`, with no digit at the end. This is vmd's rule.",
		schema: lengths(`^[A-Za-z0-9_-]*[A-Za-z_-]$`, 1, 15),
		good:   []string{"web", "a", "9bcdefg_-ijklmn"},
		bad: []bad{
			{text: "", message: "want 1 to 15 characters, have 0"},
			{text: "abcdefghijklmnop", message: "want 1 to 15 characters, have 16"},
			{text: "web1", message: "a group must not end with a digit"},
			{text: "a b", message: "want letters, digits, '_' and '-' only"},
		},
	}
}

func lladdr() textForm {
	const want = "want six pairs of hex digits such as 02:00:00:00:00:01, not multicast and not zero"
	s := pattern(`^[0-9A-Fa-f][02468ACEace]((:[0-9A-Fa-f]{2}){5}|(-[0-9A-Fa-f]{2}){5})$`)
	s["not"] = pattern(`^00([:-]00){5}$`)
	return textForm{
		name:   "lladdr",
		rule:   "Six pairs of hex digits with `:` or `-` between them, not zero and not multicast.",
		schema: s,
		good:   []string{"02:00:00:00:00:01", "02-00-00-00-00-0A"},
		bad: []bad{
			{text: "02:00:00:00:00", message: want},
			{text: "02:00-00:00:00:01", message: want},
			{text: "01:00:00:00:00:01", message: want},
			{text: "00:00:00:00:00:00", message: want},
		},
	}
}

const wantRange = "want a range such as 1-255, within 1-9999999"

func idRange() textForm {
	return textForm{
		name:   "range",
		rule:   "Two vmids from 1 to 9999999 with `-` between them, the lower first, or one vmid.",
		schema: pattern(`^[0-9]+(-[0-9]+)?$`),
		good:   []string{"1-255", "7", "7-7"},
		bad: []bad{
			{text: "", message: wantRange},
			{text: "1-2-3", message: wantRange},
			{text: "5-1", message: wantRange, beyond: true},
			{text: "0-5", message: wantRange, beyond: true},
			{text: "1-10000000", message: wantRange, beyond: true},
		},
	}
}

func idRanges() textForm {
	return textForm{
		name:   "ranges",
		rule:   "Ranges with commas between them.",
		schema: pattern(`^` + oneOrRange + `(,` + oneOrRange + `)*$`),
		good:   []string{"1-255,300", "5", "1-255, 300", "1-9999999"},
		bad: []bad{
			{text: "", message: wantRange + ", or several with commas"},
			{text: "1-5,x", message: wantRange + ", or several with commas"},
			{text: "1-10000000", message: wantRange + ", or several with commas", beyond: true},
		},
	}
}

func vmName() textForm {
	return textForm{
		name:   "VM name",
		rule:   "1 to 512 letters, digits, `.`, `_`, `/` and `-`.",
		schema: lengths(`^[A-Za-z0-9._/-]+$`, 1, 512),
		good:   []string{"db1", "a/b.c_d-e", chars(512)},
		bad: []bad{
			{text: "", message: "want 1 to 512 characters, have 0"},
			{text: chars(513), message: "want 1 to 512 characters, have 513"},
			{text: "a b", message: "want letters, digits, '.', '_', '/' and '-' only"},
		},
	}
}

func networkName() textForm {
	const want = "want a letter or digit, then letters, digits, '_', '.' and '-' only"
	return textForm{
		name:   "network name",
		rule:   "1 to 100 letters, digits, `_`, `.` and `-`, the first a letter or digit.",
		schema: lengths(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`, 1, 100),
		good:   []string{"vmnet", "9", chars(100)},
		bad: []bad{
			{text: "", message: "want 1 to 100 characters, have 0"},
			{text: chars(101), message: "want 1 to 100 characters, have 101"},
			{text: "my net", message: want},
			{text: "-a", message: want},
		},
	}
}

func line() textForm {
	return textForm{
		name:   "line",
		rule:   "1 to 255 bytes of printable characters, spaces included.",
		schema: lengths(`^[^\x00-\x1f\x7f]+$`, 1, 255),
		good:   []string{"Rack 3 ÿ", chars(255)},
		bad: []bad{
			{text: "", message: "want 1 to 255 bytes, have 0"},
			{text: chars(256), message: "want 1 to 255 bytes, have 256"},
			{text: strings.Repeat("ÿ", 128), message: "want 1 to 255 bytes, have 256", beyond: true},
			{text: "a\nb", message: "want printable characters only"},
		},
	}
}

func plainWord() textForm {
	return textForm{
		name:   "word",
		rule:   "1 to 255 bytes of printable characters, no space.",
		schema: lengths(`^[^\x00-\x20\x7f]+$`, 1, 255),
		good:   []string{"example.org", "ndots:5", chars(255)},
		bad: []bad{
			{text: "", message: "want 1 to 255 bytes, have 0"},
			{text: chars(256), message: "want 1 to 255 bytes, have 256"},
			{text: "a b", message: "want no spaces"},
			{text: "a\nb", message: "want printable characters only"},
		},
	}
}

func access() textForm {
	const want = "want all, icmp, or a port such as tcp/10250"
	return textForm{
		name:   "access word",
		rule:   "`all`, `icmp`, or `tcp/` or `udp/` and a port from 1 to 65535.",
		schema: pattern(`^(all|icmp|(tcp|udp)/[0-9]+)$`),
		good:   []string{"all", "icmp", "tcp/10250", "udp/1", "udp/65535"},
		bad: []bad{
			{text: "none", message: want},
			{text: "imcp", message: want},
			{text: "sctp/1", message: want},
			{text: "tcp/", message: want},
			{text: "tcp/0", message: want, beyond: true},
			{text: "udp/65536", message: want, beyond: true},
		},
	}
}

// podName is a VM name that has one put before it.
func podName() textForm {
	f := vmName()
	f.good = f.good[:2]
	return f
}

// lineOrNothing is a line that may be empty.
func lineOrNothing() textForm {
	f := line()
	f.schema = map[string]any{"pattern": `^[^\x00-\x1f\x7f]*$`, "maxLength": 255}
	f.bad = f.bad[1:]
	return f
}

// anyText is a string of which nothing is asked.
func anyText() textForm { return textForm{good: []string{"x"}} }

func protocolWord() textForm {
	const (
		names = "ipip, ipv6, gre, eigrp, ospf, pim, vrrp, l2tp, sctp, udplite"
		want  = "want the number of an IP protocol, 1-255, or one of " + names
		own   = "the guard has its own rules for it, drop it"
		hides = "an extension header of IPv6, which hides what follows it from the guard"
	)
	return textForm{
		name:   "protocol",
		rule:   "One of " + names + ", or the number of another IP protocol; none that the guard has rules for (1, 2, 6, 17, 50, 58, 59), and no extension header of IPv6.",
		schema: pattern(`^(` + strings.ReplaceAll(names, ", ", "|") + `|[1-9][0-9]{0,2})$`),
		good:   []string{"vrrp", "89", "255", "ipip"},
		bad: []bad{
			{text: "", message: want},
			{text: "tcp", message: want},
			{text: "VRRP", message: want},
			{text: "089", message: want},
			{text: "1000", message: want},
			{text: "256", message: want, beyond: true},
			{text: "6", message: own, beyond: true},
			{text: "43", message: hides, beyond: true},
		},
	}
}
