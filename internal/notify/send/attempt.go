package send

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/outbound"
)

// attempt is the HTTP client of one try. The library's services use a context of their own, or none, repeat requests
// and lose errors: the attempt gives each request the try's context, sends nothing more after a failure, and remembers
// the failure.
type attempt struct {
	ctx    context.Context //nolint:containedctx // the library's services take no context
	client *outbound.Client
	now    func() time.Time

	requests int
	failed   *Outcome
	body     string // of the last answer
}

const (
	maxRequests = 4        // of one try: signing in at Matrix takes three
	maxAnswer   = 64 << 10 // bytes of an answer that are read
)

// errOver is what a service gets instead of an answer once a try has failed. Discord's would otherwise repeat it.
var errOver = errors.New("the try has failed")

// Do sends a request, where the try has not failed yet.
func (a *attempt) Do(r *http.Request) (*http.Response, error) {
	if a.failed != nil {
		return nil, errOver
	}
	if a.requests++; a.requests > maxRequests {
		a.failed = &Outcome{Permanent: true, Detail: "it takes too many requests"}
		return nil, errOver
	}
	answer, err := a.client.Do(r.WithContext(a.ctx))
	if err != nil {
		o := ofError(err)
		a.failed = &o
		return nil, errOver
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		o := ofError(err)
		a.failed = &o
		return nil, errOver
	}
	a.body = string(body)
	if o := ofStatus(answer.StatusCode, answer.Header, body, a.now()); !o.Sent {
		a.failed = &o
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// outcome judges the try, with the error of the service that made it.
func (a *attempt) outcome(err error, s channel.Secrets) Outcome {
	switch {
	case a.failed != nil:
		o := *a.failed
		if excerpt := Excerpt(a.body, s); excerpt != "" && strings.HasPrefix(o.Detail, "HTTP ") && len(o.Detail) == len("HTTP 000") {
			o.Detail += ": " + excerpt
		}
		return o
	case a.requests == 0:
		return Outcome{Permanent: true, Detail: "the channel's configuration is not understood: check its fields"}
	case err != nil: // the vendor says in the body of a good answer that it is none
		return Outcome{Detail: "the receiver refuses it: " + Excerpt(a.body, s)}
	}
	return Outcome{Sent: true}
}

const maxExcerpt = 200

// Excerpt is the beginning of what a server wrote, in one line, with what looks like a secret of the channel removed.
func Excerpt(text string, secrets channel.Secrets) string {
	for _, value := range secrets {
		for _, part := range secretParts(value) {
			for _, form := range []string{part, url.QueryEscape(part), url.PathEscape(part), base64.StdEncoding.EncodeToString([]byte(part)), strings.ReplaceAll(part, "/", `\/`)} {
				text = strings.ReplaceAll(text, form, "***")
			}
		}
	}
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if runes := []rune(text); len(runes) > maxExcerpt {
		text = string(runes[:maxExcerpt]) + "…"
	}
	return text
}

// secretParts are a secret and the parts of an address that are secret by themselves, longest first.
func secretParts(value string) []string {
	parts := []string{value}
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune("/?&=:@", r) }) {
		if len(part) >= 6 && len(part) < len(value) && !strings.Contains(part, ".") && part != "services" && part != "webhooks" && part != "access_token" {
			parts = append(parts, part)
		}
	}
	return parts
}
