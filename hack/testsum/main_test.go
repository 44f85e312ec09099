package main

import (
	"bufio"
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

const events = `{"Action":"start","Package":"a"}
{"Action":"run","Package":"a","Test":"TestX"}
{"Action":"output","Package":"a","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"run","Package":"a","Test":"TestX/1"}
{"Action":"output","Package":"a","Test":"TestX/1","Output":"    x_test.go:3: bad\n"}
{"Action":"fail","Package":"a","Test":"TestX/1"}
{"Action":"run","Package":"a","Test":"TestX/2"}
{"Action":"pass","Package":"a","Test":"TestX/2"}
{"Action":"fail","Package":"a","Test":"TestX"}
{"Action":"run","Package":"a","Test":"TestY"}
{"Action":"output","Package":"a","Test":"TestY","Output":"    y_test.go:5: no moon\n"}
{"Action":"skip","Package":"a","Test":"TestY"}
{"Action":"run","Package":"a","Test":"TestTotal"}
{"Action":"output","Package":"a","Test":"TestTotal","Output":"=== RUN   TestTotal\n"}
{"Action":"output","Package":"a","Test":"TestTotal","Output":"    total_test.go:3: moon: 2 tests\n"}
{"Action":"pass","Package":"a","Test":"TestTotal"}
{"Action":"output","Package":"a","Output":"FAIL\n"}
{"Action":"fail","Package":"a","Elapsed":1.5}
{"Action":"fail","Package":"a"}
not an event
{"ImportPath":"b [b.test]","Action":"build-output","Output":"b.go:1: undefined: x\n"}
{"ImportPath":"b [b.test]","Action":"build-fail"}
{"Action":"fail","Package":"b","FailedBuild":"b [b.test]"}
{"Action":"start","Package":"c"}
{"Action":"run","Package":"c","Test":"TestZ"}
{"Action":"skip","Package":"d"}
`

func TestStream(t *testing.T) {
	var buf bytes.Buffer
	out := bufio.NewWriter(&buf)
	results, err := stream(strings.NewReader(events), out)
	if err != nil {
		t.Fatal(err)
	}
	const want = `--- FAIL: a TestX/1
    x_test.go:3: bad
FAIL a                               1.5s  2 passed, 1 failed, 1 skipped
     moon: 2 tests
not an event
--- FAIL: b
    b.go:1: undefined: x
FAIL b                               0.0s  0 passed, 1 failed, 0 skipped
--- FAIL: c TestZ
    did not finish
FAIL c                               0.0s  0 passed, 1 failed, 0 skipped
`
	if got := buf.String(); got != want {
		t.Errorf("printed:\n%s\nwant:\n%s", got, want)
	}
	if got, want := count(results), (counts{2, 3, 1}); got != want {
		t.Errorf("counted %v, want %v", got, want)
	}
}

func TestClosing(t *testing.T) {
	pass := func(test string) result { return result{Package: "a", Test: test, Status: "pass"} }
	skip := func(test string) result {
		return result{Package: "a", Test: test, Status: "skip", Reason: "no moon"}
	}
	fail := result{Package: "a", Test: "F", Status: "fail"}
	tests := map[string]struct {
		runs [][]result // nil: did not come to its end
		ok   bool
		want string
	}{
		"passed": {
			runs: [][]result{{pass("A"), skip("B")}, {pass("B")}},
			ok:   true,
			want: "here: 1 passed, 0 failed, 1 skipped\nthere: 1 passed, 0 failed, 0 skipped\n2 passed, 0 failed, 0 skipped\n",
		},
		"skipped here, with subtests there": {
			runs: [][]result{{skip("A"), skip("B"), skip("C/x")}, {pass("A/x/y"), {Package: "a, with QEMU", Test: "B", Status: "pass"}}},
			ok:   true,
			want: "skipped everywhere:\n  a C/x: no moon\n" +
				"here: 0 passed, 0 failed, 3 skipped\nthere: 2 passed, 0 failed, 0 skipped\n2 passed, 0 failed, 1 skipped\n",
		},
		"skipped everywhere": {
			runs: [][]result{{pass("A"), skip("B")}, {skip("B")}},
			ok:   true,
			want: "skipped everywhere:\n  a B: no moon\n" +
				"here: 1 passed, 0 failed, 1 skipped\nthere: 0 passed, 0 failed, 1 skipped\n1 passed, 0 failed, 1 skipped\n",
		},
		"failed": {
			runs: [][]result{{pass("A"), fail}},
			want: "failed:\n  a F, here\nhere: 1 passed, 1 failed, 0 skipped\n1 passed, 1 failed, 0 skipped\n",
		},
		"did not end": {
			runs: [][]result{{pass("A")}, nil},
			want: "here: 1 passed, 0 failed, 0 skipped\n" +
				"there: 0 passed, 1 failed, 0 skipped, it did not come to its end\n1 passed, 1 failed, 0 skipped\n",
		},
		"nothing ran": {
			runs: [][]result{{skip("A")}},
			want: "skipped everywhere:\n  a A: no moon\nhere: 0 passed, 0 failed, 1 skipped\n0 passed, 0 failed, 1 skipped\n",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var args []string
			for i, results := range test.runs {
				label := []string{"here", "there"}[i]
				file := filepath.Join(t.TempDir(), label)
				if results != nil {
					if err := write(file, results); err != nil {
						t.Fatal(err)
					}
				}
				args = append(args, label, file)
			}
			var out bytes.Buffer
			ok, err := closing(&out, args)
			if err != nil {
				t.Fatal(err)
			}
			if ok != test.ok || out.String() != test.want {
				t.Errorf("got %v:\n%s\nwant %v:\n%s", ok, out.String(), test.ok, test.want)
			}
		})
	}
}
