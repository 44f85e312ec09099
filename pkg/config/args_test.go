package config

import (
	"errors"
	"strings"
	"testing"
)

func TestArgsAccepted(t *testing.T) {
	for _, args := range []string{
		"",
		"VMID=7",
		"IgnoreUnknown=1;FOO=bar;BAR=a=b",
		"FOO=bar;IgnoreUnknown=true",
		"FOO=bar;IgnoreUnknown=True",
		"IgnoreUnknown=0;VMID=7",
		"IgnoreUnknown=false",
		"K8S_POD_UID=u;K8S_POD_NAME=p;IgnoreUnknown=1;K8S_POD_INFRA_CONTAINER_ID=c;K8S_POD_NAMESPACE=ns",
		"K8S_POD_INFRA_CONTAINER_ID=c;K8S_POD_NAMESPACE=ns;K8S_POD_UID=;K8S_POD_NAME=p",
		"VMID=7;VMID=7",
		"IgnoreUnknown=true;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=p;K8S_POD_NAME=p;IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;FOO=7;FOO=7", // Multus's
	} {
		if _, err := Parse(input("", args)); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func TestArgsRefused(t *testing.T) {
	long := strings.Repeat("A", 65)
	tests := []struct{ name, args, want string }{
		{"unknown", "FOO=1", `read CNI_ARGS: "FOO" is unknown`},
		{"unknown, near", "VMDI=1", `read CNI_ARGS: "VMDI" is unknown, did you mean VMID?`},
		{"unknown, other case", "vmid=1", `read CNI_ARGS: "vmid" is unknown, did you mean VMID?`},
		{"unknown, not ignored", "FOO=1;IgnoreUnknown=0", `read CNI_ARGS: "FOO" is unknown`},
		{"unknown, long", long + "=1", `read CNI_ARGS: "` + long[:64] + `"... is unknown`},
		{"no value", "IgnoreUnknown=1;FOO", `read CNI_ARGS: "FOO" is not KEY=value`},
		{"no key", "IgnoreUnknown=1;=1", `read CNI_ARGS: "=1" is not KEY=value`},
		{"empty part", "VMID=7;", `read CNI_ARGS: "" is not KEY=value`},
		{"control characters", "\x1b[31m\n", `read CNI_ARGS: "\x1b[31m\n" is not KEY=value`},
		{"twice", "VMID=7;VMID=8", `read CNI_ARGS: "VMID" stands twice, as "7" and as "8"`},
		{"twice, once empty", "VMNAME=;VMNAME=a", `read CNI_ARGS: "VMNAME" stands twice, as "" and as "a"`},
		{"twice, unknown", "IgnoreUnknown=1;FOO=7;FOO=8", `read CNI_ARGS: "FOO" stands twice, as "7" and as "8"`},
		{"IgnoreUnknown twice", "IgnoreUnknown=1;IgnoreUnknown=false", `read CNI_ARGS: "IgnoreUnknown" stands twice, as "1" and as "false"`},
		{"IgnoreUnknown twice, once wrong", "IgnoreUnknown=1;IgnoreUnknown=yes", `read CNI_ARGS: "IgnoreUnknown" stands twice, as "1" and as "yes"`},
		{"IgnoreUnknown", "IgnoreUnknown=yes", `read CNI_ARGS IgnoreUnknown "yes": want 1 or 0`},
		{"pod without namespace", "K8S_POD_NAME=p", `read CNI_ARGS: K8S_POD_NAME without K8S_POD_NAMESPACE, give both`},
		{"pod without name", "K8S_POD_NAMESPACE=ns;K8S_POD_NAME=", `read CNI_ARGS K8S_POD_NAME "": want 1 to 512 characters, have 0`},
		{"namespace empty", "K8S_POD_NAMESPACE=;K8S_POD_NAME=p", `read CNI_ARGS K8S_POD_NAMESPACE "": want 1 to 512 characters, have 0`},
		{"pod's characters", "K8S_POD_NAMESPACE=ns;K8S_POD_NAME=a b", `read CNI_ARGS K8S_POD_NAME "a b": want letters, digits, '.', '_', '/' and '-' only`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(input("", tt.args))
			wantError(t, err, CodeEnvironment, tt.want)
		})
	}
}

// What is accepted is nothing but its parts, those left out that say what one
// before them does; what is not says so in one line.
func FuzzArgs(f *testing.F) {
	for _, s := range []string{"", "VMID=7", "IgnoreUnknown=1;A=b=c", "A=1;A=2", "VMID=7;VMID=7", ";", "=", "K8S_POD_NAME=p;IgnoreUnknown=true;X="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := &problem{}
		args := readArgs(s, p)
		if p.err != nil {
			checkError(t, p.err)
			var e *Error
			if errors.As(p.err, &e) && e.Code != CodeEnvironment {
				t.Errorf("code %d", e.Code)
			}
			return
		}
		seen := map[string]string{}
		for _, m := range args {
			if _, twice := seen[m.key]; twice {
				t.Errorf("%q stands twice", m.key)
			}
			seen[m.key] = m.value.text
		}
		count := 0
		for part := range strings.SplitSeq(s, ";") {
			key, val, _ := strings.Cut(part, "=")
			if have, ok := seen[key]; s != "" && (!ok || !sameArg(key, have, val)) {
				t.Errorf("%q of %q is %q", key, s, have)
			}
			count++
		}
		if len(args) > count {
			t.Errorf("%d parts of %d", len(args), count)
		}
	})
}
