package golden

import "testing"

// fake notes that a test failed.
type fake struct {
	testing.TB
	failed bool
}

func (*fake) Helper()                 {}
func (f *fake) Errorf(string, ...any) { f.failed = true }

func TestCompare(t *testing.T) {
	for got, want := range map[string]bool{"as it was\n": false, "changed\n": true, "": true} {
		f := &fake{TB: t}
		Compare(f, "example", got)
		if f.failed != want {
			t.Errorf("Compare with %q failed: %t, want %t", got, f.failed, want)
		}
	}
}
