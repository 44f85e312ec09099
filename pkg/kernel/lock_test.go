package kernel

import (
	"errors"
	"testing"
	"time"

	"github.com/vmtap/vmtap/pkg/config"
)

// locks are of bytes that no attachment of another test has.
const testByte = 1 << 62

func openTestLock(t *testing.T) *lockFile {
	t.Helper()
	l, err := openLock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.close() })
	return l
}

// TestLockIsOfOneByte: attachments do not wait for each other.
func TestLockIsOfOneByte(t *testing.T) {
	a, b := openTestLock(t), openTestLock(t)
	if err := errors.Join(a.lock(testByte, "a"), b.lock(testByte+1, "b")); err != nil {
		t.Fatal(err)
	}
}

// TestLockWaits: until the other lets go, by unlocking or by its end.
func TestLockWaits(t *testing.T) {
	for name, release := range map[string]func(*lockFile) error{
		"unlock": func(l *lockFile) error { return l.unlock(testByte + 2) },
		"close":  (*lockFile).close,
	} {
		t.Run(name, func(t *testing.T) {
			a, b := openTestLock(t), openTestLock(t)
			if err := a.lock(testByte+2, "a"); err != nil {
				t.Fatal(err)
			}
			got := make(chan error)
			go func() { got <- b.lock(testByte+2, "b") }()
			select {
			case err := <-got:
				t.Fatalf("did not wait: %v", err)
			case <-time.After(100 * time.Millisecond):
			}
			if err := release(a); err != nil {
				t.Fatal(err)
			}
			if err := <-got; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestLockTimeout: ten seconds, then code 11.
func TestLockTimeout(t *testing.T) {
	t.Parallel()
	a, b := openTestLock(t), openTestLock(t)
	if err := a.lock(testByte+3, "a"); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	err := b.lock(testByte+3, "b")
	var coded *config.Error
	if !errors.As(err, &coded) || coded.Code != config.CodeTryAgainLater {
		t.Errorf("got %v, want code 11", err)
	}
	if took := time.Since(start); took < lockTimeout {
		t.Errorf("gave up after %v", took)
	}
}
