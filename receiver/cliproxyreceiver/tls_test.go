package cliproxyreceiver

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
)

// behindTLS puts TLS in front of an address, for any protocol, and returns its address and the file of
// its certificate.
func behindTLS(t *testing.T, to string) (address, caFile string) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	config := &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12}
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(caFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600))
	s.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", config)
	require.NoError(t, err)
	var running sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	running.Add(1)
	go func() {
		defer running.Done()
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			mu.Lock()
			open = append(open, in, out)
			mu.Unlock()
			running.Add(2)
			for _, pair := range [][2]net.Conn{{in, out}, {out, in}} {
				go func() {
					defer running.Done()
					_, _ = io.Copy(pair[0], pair[1])
					_, _ = pair[0].Close(), pair[1].Close()
				}()
			}
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		running.Wait()
	})
	return l.Addr().String(), caFile
}

// TestTLS: both protocols pass through TLS that carries anything, with the configured certificate.
func TestTLS(t *testing.T) {
	for _, mode := range []string{modePull, modeSubscribe} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, cliproxytest.Options{})
			address, caFile := behindTLS(t, strings.TrimPrefix(w.proxy.URL(), "http://"))
			p := &w.config.Proxies[0]
			p.HTTP.Endpoint, p.HTTP.TLS.CAFile, p.Mode = "https://"+address, caFile, mode
			w.proxy.Emit(events(0, 3)...)
			w.start()
			w.eventually("events", func() bool { return w.next.len() == 3 })
			if mode == modeSubscribe {
				w.eventually("the subscription", func() bool { return w.proxy.Subscribers() == 1 })
			}
			w.proxy.Emit(events(3, 3)...)
			w.eventually("events", func() bool { return w.next.len() == 6 })
			w.stop()
		})
	}
}
