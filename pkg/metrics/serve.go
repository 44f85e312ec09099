package metrics

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/net/netutil"
)

const (
	unixPrefix = "unix:"
	// mostConns is how many may be asking at once.
	mostConns   = 16
	readWithin  = 2 * time.Second
	writeWithin = 30 * time.Second
	idleWithin  = time.Minute
	longestHead = 8 << 10
)

// Listen opens an address of the form "unix:/path" or "host:port". The host must be
// given: all that the node has are its guests' as well.
func Listen(address string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(address, unixPrefix); ok {
		return listenUnix(path)
	}
	host, _, err := net.SplitHostPort(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("listen on %.64q: want unix:/PATH or HOST:PORT: %w", address, err)
	case host == "":
		return nil, fmt.Errorf("listen on %.64q: name the host, as in 127.0.0.1%s: guests reach all the others", address, address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %.64q: %w", address, err)
	}
	return l, nil
}

// listenUnix takes the place of a socket that nobody listens on any more.
func listenUnix(path string) (net.Listener, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("listen on %.64q: want an absolute path", unixPrefix+path)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() == fs.ModeSocket {
		if c, err := net.Dial("unix", path); err == nil {
			return nil, errors.Join(fmt.Errorf("listen on %s: somebody listens there already", path), c.Close())
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove a socket that nobody listens on: %w", err)
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("set up %s: %w", path, err), l.Close())
	}
	return l, nil
}

// Serve answers on a listener until that is closed: /metrics with what collect
// returns, and /healthz with whether health returns no error.
func Serve(l net.Listener, collect func() ([]Family, error), health func() error, log *slog.Logger) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		families, err := collect()
		if err != nil {
			log.Error("collect metrics", "error", err)
			http.Error(w, "metrics cannot be collected, see the log", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", ContentType)
		_ = Write(w, families) // who asked is gone
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if err := health(); err != nil {
			log.Error("not well", "error", err)
			http.Error(w, "not well, see the log", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	server := &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: readWithin,
		ReadTimeout:       readWithin,
		WriteTimeout:      writeWithin,
		IdleTimeout:       idleWithin,
		MaxHeaderBytes:    longestHead,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if err := server.Serve(netutil.LimitListener(l, mostConns)); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve metrics: %w", err)
	}
	return nil
}
