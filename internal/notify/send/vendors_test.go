package send

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/notify/message"
	"github.com/tokenboard/tokenboard/internal/outbound"
)

// certificate is of all servers of these tests, with the pool that trusts it.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "vendors"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames: []string{
			"hooks.slack.com", "discord.com", "prod-1.westus.logic.azure.com", "api.telegram.org", "open.feishu.cn", "open.larksuite.com", "qyapi.weixin.qq.com", "oapi.dingtalk.com",
			"ntfy.example", "gotify.example", "events.pagerduty.com", "events.eu.pagerduty.com", "api.opsgenie.com", "api.eu.opsgenie.com", "hook.example", "am.example",
			"chat.example", "matrix.example", "api.pushover.net", "api.pushbullet.com", "chat.googleapis.com", "zulip.example", "rocket.example", "bark.example", "mail.example",
		},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
})

// seen is a request that a vendor got.
type seen struct {
	method, host, path string
	query              url.Values
	header             http.Header
	body               []byte
	fields             map[string]any // of the body, where it is a JSON object
}

// vendor serves all vendors' names locally, over TLS.
type vendor struct {
	mu     sync.Mutex
	got    []seen
	answer http.HandlerFunc
	sender *Sender
}

func newVendor(t *testing.T, answer http.HandlerFunc) *vendor {
	t.Helper()
	v := &vendor{answer: answer}
	cert, pool := certificate()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s := seen{method: r.Method, host: r.Host, path: r.URL.Path, query: r.URL.Query(), header: r.Header, body: body}
		_ = json.Unmarshal(body, &s.fields)
		v.mu.Lock()
		v.got = append(v.got, s)
		v.mu.Unlock()
		v.answer(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	v.sender = &Sender{
		Client: outbound.New(outbound.Options{Roots: pool, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}}),
		Timeout: 20 * time.Second,
	}
	return v
}

func (v *vendor) requests() []seen {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.got
}

// text answers with a status and a body.
func text(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const secretPart = "S3cretS3cretS3cretS3cretS3cret42"

// vendorCase is one kind of channel: its configuration, what its vendor's documentation says that a request looks like,
// and how the vendor accepts and refuses it.
type vendorCase struct {
	name       string
	c          channel.Channel
	accepts    http.HandlerFunc
	refuses    http.HandlerFunc // with a good status, as some do; nil: it does not
	check      func(t *testing.T, r seen)
	mayRequest int // requests of one try; 1 where 0
}

func fieldOf(t *testing.T, s seen, path ...string) any {
	t.Helper()
	var at any = s.fields
	for _, p := range path {
		m, ok := at.(map[string]any)
		require.True(t, ok, "%v in %s", path, s.body)
		at = m[p]
	}
	return at
}

func firing() message.Notification {
	return message.Notification{
		Delivery: "dlv_1", Alert: "alr_1", Status: message.Firing, Severity: message.Critical, Rule: "Budget <!channel> *b*", Kind: "budget_used", Subject: "team search",
		Value: message.Quantity{Unit: message.Percent, Value: 92.1}, Limit: message.Quantity{Unit: message.Percent, Value: 90},
		Causes:    []message.Cause{{Dimension: "model", Name: "gpt-5\r\nBcc: x@evil.example", Value: message.Quantity{Unit: message.USD, Value: 60.12}}},
		StartedAt: time.Date(2026, 11, 30, 6, 5, 0, 0, time.UTC), Link: "https://tb.example/console/logs?model=gpt-5&key=ci",
	}
}

func resolved() message.Notification {
	n := firing()
	n.Delivery, n.Status, n.EndedAt = "dlv_2", message.Resolved, n.StartedAt.Add(time.Hour)
	return n
}
