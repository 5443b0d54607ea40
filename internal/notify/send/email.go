package send

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/smtp"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/notify/message"
)

var smtpPorts = map[string]string{"starttls": "587", "tls": "465", "none": "25"}

// email sends a mail. The password is only sent over TLS; without TLS only servers are reached that the configuration
// allows.
func (s *Sender) email(ctx context.Context, c *channel.Channel, n message.Notification) Outcome {
	security, port := c.Setting("tls"), c.Settings["port"]
	if port == "" {
		port = smtpPorts[security]
	}
	dial := s.Client.Dial
	if security == "none" {
		dial = s.Client.DialAllowed
	}
	conn, err := dial(ctx, "tcp", net.JoinHostPort(c.Settings["host"], port))
	if err != nil {
		return ofError(err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(end) // AfterFunc closes it in any case
	}
	if err := s.converse(conn, security, c, n); err != nil {
		return ofSMTP(ctx, err, c.Secrets)
	}
	return Outcome{Sent: true}
}

// step is an error of a step of the conversation.
type step struct {
	name string
	err  error
}

func (s *step) Error() string { return s.name + ": " + s.err.Error() }
func (s *step) Unwrap() error { return s.err }

var (
	errNoSTARTTLS = errors.New("the server offers no STARTTLS; set tls to the one it speaks")
	errNoAuth     = errors.New("the server offers none of the ways to sign in that are known, PLAIN and LOGIN")
)

// converse speaks SMTP over a connection.
func (s *Sender) converse(conn net.Conn, security string, c *channel.Channel, n message.Notification) error {
	host := c.Settings["host"]
	if security == "tls" {
		conn = tls.Client(conn, s.Client.TLS(host))
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		return &step{"greeting", err}
	}
	if err := client.Hello("tokenboard.local"); err != nil {
		return &step{"EHLO", err}
	}
	if security == "starttls" {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return &step{"STARTTLS", errNoSTARTTLS}
		}
		if err := client.StartTLS(s.Client.TLS(host)); err != nil {
			return &step{"STARTTLS", err}
		}
	}
	if c.Settings["username"] != "" {
		if err := signIn(client, security, c); err != nil {
			return &step{"sign-in", err}
		}
	}
	if err := client.Mail(c.Settings["from"]); err != nil {
		return &step{"sender", err}
	}
	for _, to := range channel.Addresses(c.Settings["to"]) {
		if err := client.Rcpt(to); err != nil {
			return &step{"receiver", err}
		}
	}
	w, err := client.Data()
	if err != nil {
		return &step{"DATA", err}
	}
	if _, err := w.Write(s.mail(c, n)); err != nil {
		return &step{"DATA", err}
	}
	if err := w.Close(); err != nil {
		return &step{"DATA", err}
	}
	_ = client.Quit() // the server has accepted the mail
	return nil
}

// signIn signs in by PLAIN or LOGIN, never without TLS.
func signIn(client *smtp.Client, security string, c *channel.Channel) error {
	_, ways := client.Extension("AUTH")
	name, password := c.Settings["username"], c.Secrets["password"]
	switch ways = " " + strings.ToUpper(ways) + " "; {
	case security == "none":
		return errors.New("a password is not sent without TLS") //nolint:err113 // told to people only
	case strings.Contains(ways, " PLAIN "):
		return client.Auth(smtp.PlainAuth("", name, password, c.Settings["host"]))
	case strings.Contains(ways, " LOGIN "):
		return client.Auth(&loginAuth{name, password})
	}
	return errNoAuth
}

// loginAuth is LOGIN, which some servers offer instead of PLAIN: the server asks for the name, then for the password.
type loginAuth struct{ name, password string }

func (a *loginAuth) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS {
		return "", nil, errors.New("a password is not sent without TLS") //nolint:err113 // told to people only
	}
	return "LOGIN", nil, nil
}

func (a *loginAuth) Next(asked []byte, more bool) ([]byte, error) {
	switch question := strings.ToLower(string(asked)); {
	case !more:
		return nil, nil
	case strings.HasPrefix(question, "user"):
		return []byte(a.name), nil
	case strings.HasPrefix(question, "pass"):
		return []byte(a.password), nil
	}
	return nil, errors.New("the server asks for something else than name and password") //nolint:err113 // told to people only
}

// ofSMTP judges an error: replies 4xx ask to try again, 5xx are final.
func ofSMTP(ctx context.Context, err error, secrets channel.Secrets) Outcome {
	where := ""
	if s := (*step)(nil); errors.As(err, &s) {
		where = s.name + ": "
	}
	var reply *textproto.Error
	switch {
	case errors.As(err, &reply):
		return Outcome{Permanent: reply.Code >= 500, Detail: "SMTP " + where + strconv.Itoa(reply.Code) + " " + Excerpt(reply.Msg, secrets)}
	case ctx.Err() != nil, timedOut(err):
		return Outcome{Detail: "SMTP " + where + "the server did not answer in time"}
	case errors.Is(err, errNoSTARTTLS), errors.Is(err, errNoAuth), strings.Contains(err.Error(), "without TLS"):
		return Outcome{Permanent: true, Detail: "SMTP " + where + Excerpt(errors.Unwrap(err).Error(), secrets)}
	}
	return Outcome{Detail: "SMTP " + where + reason(err)}
}

// mail is the mail with its header. Its id is made of the delivery's, so that servers recognise a repeat, and mails of one
// alert are one thread.
func (s *Sender) mail(c *channel.Channel, n message.Notification) []byte {
	text := message.Render(n, message.Style{Language: c.Language, Location: s.Location, Markup: message.Plain(), MaxTitle: 200, MaxBody: 16_000})
	from := c.Settings["from"]
	_, domain, _ := strings.Cut(from, "@")
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	header := [][2]string{
		{"From", from}, {"To", strings.Join(channel.Addresses(c.Settings["to"]), ", ")}, {"Subject", mime.BEncoding.Encode("utf-8", text.Title)},
		{"Date", now().Format(time.RFC1123Z)}, {"Message-ID", "<" + token(n.Delivery) + "@" + domain + ">"}, {"Auto-Submitted", "auto-generated"},
		{"MIME-Version", "1.0"}, {"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "base64"},
	}
	if n.Alert != "" {
		header = append(header, [2]string{"References", "<" + token(n.Alert) + "@" + domain + ">"})
	}
	var b bytes.Buffer
	for _, h := range header {
		_, _ = fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	encoded := base64.StdEncoding.EncodeToString([]byte(text.Body + "\r\n"))
	for len(encoded) > 0 {
		n := min(len(encoded), 76)
		b.WriteString(encoded[:n] + "\r\n")
		encoded = encoded[n:]
	}
	return b.Bytes()
}

// token makes an identity fit for a Message-ID.
func token(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, id)
}
