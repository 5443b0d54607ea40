package sso

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	patientAtMost = 10 * time.Second
	maxAnswer     = 1 << 20 // bytes; metadata, keys and tokens have some kilobytes
	maxRedirects  = 3
)

// careful returns a client that trusts a provider no more than necessary: it limits the time and size of answers,
// and sends secrets, such as the client's, only to the intended host.
func careful(c *http.Client) *http.Client {
	out := http.Client{}
	if c != nil {
		out = *c
	}
	if out.Timeout <= 0 || out.Timeout > patientAtMost {
		out.Timeout = patientAtMost
	}
	if out.Transport == nil {
		out.Transport = http.DefaultTransport
	}
	out.Transport = bounded{out.Transport}
	out.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		first := via[0].URL
		if len(via) > maxRedirects || r.URL.Scheme != first.Scheme || r.URL.Host != first.Host {
			return errors.New("the OpenID Connect provider redirects to another host; configure the issuer that it has")
		}
		return nil
	}
	return &out
}

// bounded is a transport whose answers have an end.
type bounded struct{ http.RoundTripper }

// RoundTrip sends a request.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = &boundedBody{res.Body, maxAnswer}
	}
	return res, err
}

// CloseIdleConnections closes the transport's idle connections.
func (b bounded) CloseIdleConnections() {
	if c, ok := b.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

type boundedBody struct {
	io.ReadCloser
	left int
}

var errTooLong = errors.New("the OpenID Connect provider's answer is longer than a megabyte")

// Read reads, until too much was read.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLong
	}
	if len(p) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}
