package send

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/outbound"
)

// Outcome is what became of one try.
type Outcome struct {
	Sent bool
	// Permanent says that another try would fail as well.
	Permanent bool
	// RetryAfter is how long the receiver wants to be left alone; 0 where it did not say.
	RetryAfter time.Duration
	Detail     string // what went wrong, for people; without secrets. "" where it was sent
}

// maxRetryAfter bounds what a receiver may ask for.
const maxRetryAfter = time.Hour

// ofStatus judges an answer's HTTP status.
func ofStatus(status int, header http.Header, body []byte, now time.Time) Outcome {
	o := Outcome{Detail: "HTTP " + strconv.Itoa(status)}
	switch {
	case status >= 200 && status < 300:
		return Outcome{Sent: true}
	case status >= 300 && status < 400:
		o.Permanent = true
		o.Detail += ": the server redirects, which is not followed; set the address that it redirects to"
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500:
		o.RetryAfter = retryAfter(header, body, now)
	default:
		o.Permanent = true
	}
	return o
}

// retryAfter reads the header, which holds seconds or a date, else what Discord and Telegram write into the body.
func retryAfter(header http.Header, body []byte, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		return bounded(seconds)
	}
	if at, err := http.ParseTime(text); err == nil {
		return bounded(at.Sub(now).Seconds())
	}
	var inBody struct {
		RetryAfter float64 `json:"retry_after"`
		Parameters struct {
			RetryAfter float64 `json:"retry_after"`
		} `json:"parameters"`
	}
	if json.Unmarshal(body, &inBody) != nil {
		return 0
	}
	return bounded(max(inBody.RetryAfter, inBody.Parameters.RetryAfter))
}

func bounded(seconds float64) time.Duration {
	if math.IsNaN(seconds) || seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
}

// ofError judges a connection that failed. The error's own text is not told: it may hold an address that is a secret.
func ofError(err error) Outcome {
	switch {
	case errors.Is(err, outbound.ErrRefused):
		return Outcome{Permanent: true, Detail: "the server's address is not allowed: only public addresses are, over TLS, and those of notifications::allow in the configuration"}
	case timedOut(err):
		return Outcome{Detail: "the server did not answer in time"}
	}
	return Outcome{Detail: "no connection to the server: " + reason(err)}
}

func timedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// reason is the kind of an error of the network.
func reason(err error) string {
	text := err.Error()
	for _, known := range []string{
		"no such host", "connection refused", "connection reset", "network is unreachable", "no route to host", "certificate is not valid", "certificate signed by unknown authority",
		"certificate has expired", "cannot validate certificate", "server gave HTTP response to HTTPS client", "EOF", "handshake failure", "protocol version not supported",
	} {
		if strings.Contains(text, known) {
			return known
		}
	}
	return "it failed"
}
