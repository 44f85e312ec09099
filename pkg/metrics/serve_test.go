package metrics

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serving serves these on a socket until the test ends, and returns a client of it, and what is logged.
func serving(t *testing.T, collect func() ([]Family, error), health func() error) (*http.Client, string, *bytes.Buffer) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	done := make(chan error)
	go func() { done <- Serve(l, collect, health, slog.New(slog.NewTextHandler(&log, nil))) }()
	t.Cleanup(func() {
		if err := errors.Join(l.Close(), <-done); err != nil {
			t.Error(err)
		}
	})
	dial := func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", path) }
	return &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}, path, &log
}

func ask(t *testing.T, c *http.Client, method, path string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequest(method, "http://x"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestServe(t *testing.T) {
	var fault error
	c, path, log := serving(t, func() ([]Family, error) { return []Family{{"x", "X.", Gauge, []Sample{{nil, 1}}}}, fault }, func() error { return fault })
	for _, a := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/metrics", 200, "# HELP x X.\n# TYPE x gauge\nx 1\n"},
		{"GET", "/healthz", 200, "ok\n"},
		{"POST", "/metrics", 405, "Method Not Allowed\n"},
		{"GET", "/", 404, "404 page not found\n"},
	} {
		if status, body := ask(t, c, a.method, a.path); status != a.status || body != a.body {
			t.Errorf("%s %s: %d %q", a.method, a.path, status, body)
		}
	}
	// Who asks is told that something is wrong, and not what.
	fault = errors.New("a secret")
	for path, want := range map[string]int{"/metrics": 500, "/healthz": 503} {
		if status, body := ask(t, c, "GET", path); status != want || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %q", path, status, body)
		}
	}
	if strings.Count(log.String(), "a secret") != 2 {
		t.Errorf("the log: %s", log)
	}
	// One that asks slowly, or for something long, does not stay.
	for _, text := range []string{"", "GET /metrics HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 64<<10)} {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		_, _ = conn.Write([]byte(text))
		if err := conn.SetReadDeadline(begin.Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%d bytes: it waits for more", len(text))
		}
		_ = conn.Close()
	}
}

func TestListen(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for address, words := range map[string]string{
		":9999": "name the host", "": "want unix:/PATH or HOST:PORT", "9999": "want unix:/PATH or HOST:PORT", "unix:": "absolute path", "unix:s": "absolute path",
		"unix:" + file: "address already in use", "127.0.0.1:x": "listen on", "unix:" + dir + "/none/s": "no such file",
	} {
		if _, err := Listen(address); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v, want %q", address, err, words)
		}
	}
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	// A socket of one that listens is not taken, one that was left is.
	path := "unix:" + filepath.Join(dir, "s")
	first, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("twice: %v", err)
	}
	first.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
}
