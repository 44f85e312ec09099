package metrics

import (
	"errors"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	var b strings.Builder
	if err := Write(&b, []Family{
		{"a_total", "Lines\nand \\ and \".", Counter, []Sample{{nil, 0}, {[]string{"x", "q\"b\\n\n"}, 1.5}, {[]string{"x", "", "y", "é"}, 12345678901}}},
		{"b", "None.", Gauge, nil},
	}); err != nil {
		t.Fatal(err)
	}
	const want = `# HELP a_total Lines\nand \\ and ".
# TYPE a_total counter
a_total 0
a_total{x="q\"b\\n\n"} 1.5
a_total{x="",y="é"} 1.2345678901e+10
# HELP b None.
# TYPE b gauge
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	if err := Write(broken{}, []Family{{"b", "None.", Gauge, nil}}); !errors.Is(err, errBroken) {
		t.Errorf("error %v", err)
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }
