package send

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"mime"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/notify/message"
	"github.com/tokenboard/tokenboard/internal/outbound"
)

// smtpServer speaks ESMTP (RFC 5321) with STARTTLS (RFC 3207) and AUTH (RFC 4954).
type smtpServer struct {
	implicit  bool              // TLS from the beginning
	noTLS     bool              // offers no STARTTLS
	auth      string            // ways to sign in, offered within TLS only
	replies   map[string]string // by command, instead of the good one; "hang" never answers
	mu        sync.Mutex
	mails     []string
	receivers [][]string
	signedIn  string
	inClear   bool // a password or a mail came without TLS
}

func (s *smtpServer) start(t *testing.T) (sender *Sender, port string) {
	t.Helper()
	cert, pool := certificate()
	config := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var serving sync.WaitGroup
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { defer func() { _ = conn.Close() }(); s.serve(conn, config) })
		}
	})
	sender = &Sender{Timeout: 20 * time.Second, Client: outbound.New(outbound.Options{Roots: pool, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, listener.Addr().String())
	}})}
	_, port, err = net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	return sender, port
}

func (s *smtpServer) serve(conn net.Conn, config *tls.Config) {
	secure := s.implicit
	if secure {
		conn = tls.Server(conn, config)
	}
	r := bufio.NewReader(conn)
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(conn, format+"\r\n", args...) }
	if reply, ok := s.replies["greeting"]; ok {
		if reply == "hang" {
			_, _ = io.Copy(io.Discard, conn)
			return
		}
		say("%s", reply)
		return
	}
	say("220 mail.example ESMTP")
	var to []string
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		command := strings.ToUpper(strings.Fields(line + " x")[0])
		if reply, ok := s.replies[command]; ok {
			if reply == "hang" {
				_, _ = io.Copy(io.Discard, conn)
				return
			}
			say("%s", reply)
			continue
		}
		switch command {
		case "EHLO":
			say("250-mail.example")
			if !secure && !s.noTLS {
				say("250-STARTTLS")
			}
			if secure && s.auth != "" {
				say("250-AUTH %s", s.auth)
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go ahead")
			conn = tls.Server(conn, config)
			r, secure = bufio.NewReader(conn), true
		case "AUTH":
			s.signIn(secure, strings.Fields(line)[1:], r, say)
		case "MAIL":
			say("250 ok")
		case "RCPT":
			to = append(to, strings.TrimSuffix(strings.TrimPrefix(line, "RCPT TO:<"), ">"))
			say("250 ok")
		case "DATA":
			say("354 end with .")
			var text strings.Builder
			for {
				line, err := r.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				text.WriteString(strings.TrimPrefix(line, "."))
			}
			if reply, ok := s.replies["END"]; ok {
				say("%s", reply)
				continue
			}
			s.mu.Lock()
			s.mails, s.receivers, s.inClear = append(s.mails, text.String()), append(s.receivers, to), s.inClear || !secure
			s.mu.Unlock()
			say("250 queued")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 what?")
		}
	}
}

func (s *smtpServer) signIn(secure bool, args []string, r *bufio.Reader, say func(string, ...any)) {
	decode := func(text string) string {
		b, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		return string(b)
	}
	var who string
	switch args[0] {
	case "PLAIN":
		who = strings.ReplaceAll(strings.TrimPrefix(decode(args[1]), "\x00"), "\x00", ":")
	case "LOGIN":
		say("334 %s", base64.StdEncoding.EncodeToString([]byte("Username:")))
		name, _ := r.ReadString('\n')
		say("334 %s", base64.StdEncoding.EncodeToString([]byte("Password:")))
		password, _ := r.ReadString('\n')
		who = decode(name) + ":" + decode(password)
	}
	s.mu.Lock()
	s.signedIn, s.inClear = who, s.inClear || !secure
	s.mu.Unlock()
	if who != "u@mail.example:"+secretPart {
		say("535 5.7.8 wrong password %s", who)
		return
	}
	say("235 ok")
}

func mailChannel(security, port string) channel.Channel {
	return of(channel.Email, map[string]string{
		"host": "mail.example", "port": port, "tls": security, "username": "u@mail.example", "from": "tokenboard@mail.example", "to": "a@mail.example, b@mail.example",
	}, channel.Secrets{"password": secretPart})
}

func TestEmail(t *testing.T) {
	for name, c := range map[string]struct {
		server   *smtpServer
		security string
	}{
		"STARTTLS and PLAIN": {&smtpServer{auth: "LOGIN PLAIN"}, "starttls"},
		"STARTTLS and LOGIN": {&smtpServer{auth: "LOGIN"}, "starttls"},
		"TLS and PLAIN":      {&smtpServer{implicit: true, auth: "PLAIN"}, "tls"},
	} {
		t.Run(name, func(t *testing.T) {
			sender, port := c.server.start(t)
			ch := mailChannel(c.security, port)
			require.NoError(t, ch.Check())
			n := firing()
			n.Rule = "预算\r\nBcc: victim@example.com\r\n\r\nhello " + strings.Repeat("长", 60)
			require.Equal(t, Outcome{Sent: true}, sender.Send(t.Context(), &ch, n))
			require.Equal(t, Outcome{Sent: true}, sender.Send(t.Context(), &ch, n))
			require.Len(t, c.server.mails, 2)
			require.Equal(t, []string{"a@mail.example", "b@mail.example"}, c.server.receivers[0])
			require.Equal(t, "u@mail.example:"+secretPart, c.server.signedIn)
			require.False(t, c.server.inClear)
			m, err := mail.ReadMessage(strings.NewReader(c.server.mails[0]))
			require.NoError(t, err)
			require.Empty(t, m.Header["Bcc"])
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(subject, "[Critical] 预算 Bcc: victim@example.com hello 长"), subject)
			body, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, m.Body))
			require.NoError(t, err)
			require.Contains(t, string(body), "Budget used: 92.1% (limit 90%)")
			require.Equal(t, "<dlv_1@mail.example>", m.Header.Get("Message-ID"), "the same in every try")
			require.Equal(t, "<alr_1@mail.example>", m.Header.Get("References"))
			for line := range strings.SplitSeq(c.server.mails[0], "\r\n") {
				require.LessOrEqual(t, len(line), 998)
			}
		})
	}
}

// TestEmailFails: each step's failure is judged, told without the password, and no password is sent without TLS.
func TestEmailFails(t *testing.T) {
	for name, c := range map[string]struct {
		server    *smtpServer
		security  string
		permanent bool
		detail    string
	}{
		"no STARTTLS":            {&smtpServer{noTLS: true, auth: "PLAIN"}, "starttls", true, "the server offers no STARTTLS"},
		"wrong password, echoed": {&smtpServer{auth: "PLAIN", replies: map[string]string{"AUTH": "535 5.7.8 no: " + secretPart}}, "starttls", true, "SMTP sign-in: 535 5.7.8 no: ***"},
		"no way to sign in":      {&smtpServer{auth: "GSSAPI"}, "starttls", true, "PLAIN and LOGIN"},
		"greylisted":             {&smtpServer{auth: "PLAIN", replies: map[string]string{"RCPT": "451 4.7.1 try again later"}}, "starttls", false, "SMTP receiver: 451"},
		"unknown receiver":       {&smtpServer{auth: "PLAIN", replies: map[string]string{"RCPT": "550 5.1.1 who?"}}, "starttls", true, "SMTP receiver: 550"},
		"busy":                   {&smtpServer{replies: map[string]string{"greeting": "421 4.3.2 busy"}}, "starttls", false, "SMTP greeting: 421"},
		"refused at the end":     {&smtpServer{auth: "PLAIN", replies: map[string]string{"END": "554 5.7.1 spam"}}, "starttls", true, "SMTP DATA: 554"},
		"hanging at the start":   {&smtpServer{replies: map[string]string{"greeting": "hang"}}, "starttls", false, "in time"},
		"hanging at the end":     {&smtpServer{auth: "PLAIN", replies: map[string]string{"MAIL": "hang"}}, "starttls", false, "in time"},
		"TLS spoken to as plain": {&smtpServer{implicit: true}, "starttls", false, "SMTP greeting"},
		"plain spoken to as TLS": {&smtpServer{}, "tls", false, "SMTP greeting"},
		"password without TLS":   {&smtpServer{noTLS: true, auth: "PLAIN"}, "none", true, "a password is not sent without TLS"},
	} {
		t.Run(name, func(t *testing.T) {
			sender, port := c.server.start(t)
			if strings.Contains(c.detail, "in time") || name == "TLS spoken to as plain" {
				sender.Timeout = 200 * time.Millisecond
			}
			ch := mailChannel(c.security, port)
			o := sender.Send(t.Context(), &ch, firing())
			require.False(t, o.Sent)
			require.Equal(t, c.permanent, o.Permanent, o.Detail)
			require.Contains(t, o.Detail, c.detail)
			requireNoSecret(t, o.Detail, ch.Secrets)
			require.Empty(t, c.server.mails)
			require.False(t, c.server.inClear)
		})
	}
}

// TestEmailToRefusedAddresses: no mail server of this machine or of its network is reached unless it is allowed.
func TestEmailToRefusedAddresses(t *testing.T) {
	s := &Sender{Client: outbound.New(outbound.Options{})}
	for _, security := range []string{"starttls", "tls", "none"} {
		c := mailChannel(security, "25")
		c.Settings["host"] = "localhost"
		o := s.Send(t.Context(), &c, firing())
		require.True(t, o.Permanent)
		require.Contains(t, o.Detail, "not allowed")
	}
}

// TestEmailWithoutSigningIn: a relay of the own network needs neither TLS nor a password.
func TestEmailWithoutSigningIn(t *testing.T) {
	server := smtpServer{noTLS: true}
	sender, port := server.start(t)
	c := mailChannel("none", port)
	delete(c.Settings, "username")
	c.Secrets = nil
	require.Equal(t, Outcome{Sent: true}, sender.Send(t.Context(), &c, message.Notification{Delivery: "d", Status: message.Test}))
	require.Len(t, server.mails, 1)
}
