package send

import (
	"fmt"
	"io"
	"log"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/discord"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/googlechat"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/lark"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/matrix"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/mattermost"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/rocketchat"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/slack"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/teams"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/telegram"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/wecom"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/zulip"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/incident/opsgenie"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/incident/pagerduty"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/bark"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/ntfy"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/pushover"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"

	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/notify/message"
)

// service is one of the library that takes an HTTP client.
type service interface {
	types.Service
	types.HTTPClientSetter
}

// quiet is the log of services: some write their addresses to it.
var quiet = log.New(io.Discard, "", 0)

// with configures a service and sends a text. The client is set before, because some services connect at once, and after,
// because some replace it.
func (t *try) with(s service, address *url.URL, text string, params types.Params) error {
	s.SetHTTPClient(t.http)
	if err := s.Initialize(address, quiet); err != nil {
		return fmt.Errorf("initialize: %w", err)
	}
	s.SetHTTPClient(t.http)
	if d, ok := s.(*discord.Service); ok {
		d.Sleeper = noSleep{} // the queue waits
	}
	if err := s.Send(text, &params); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

type noSleep struct{}

func (noSleep) Sleep(time.Duration) {}

// colour is one that a vendor shows beside the message.
func (t *try) colour(firing, warning, resolved string) string {
	switch {
	case t.n.Status != message.Firing || t.n.Severity == message.Info:
		return resolved
	case t.n.Severity == message.Critical:
		return firing
	}
	return warning
}

func slackTry(t *try) error {
	p := channel.Parts(channel.Slack, t.c.Secrets["webhook_url"])
	text := t.text(message.Slack(), 150, 3000)
	return t.with(&slack.Service{}, &url.URL{Scheme: "slack", User: url.UserPassword("hook", strings.Join(p, "-")), Host: "webhook"}, text.Body,
		types.Params{"title": "*" + text.Head + "*", "color": t.colour("#d60510", "#ffc441", "#2eb67d")}) // above the attachments, which show no bold
}

func discordTry(t *try) error {
	p := channel.Parts(channel.Discord, t.c.Secrets["webhook_url"])
	text := t.text(message.Markdown(), 200, 1900)
	return t.with(&discord.Service{}, &url.URL{Scheme: "discord", User: url.User(p[1]), Host: p[0], RawQuery: "splitLines=no"}, text.Body,
		types.Params{"title": text.Head, "color": t.colour("0xd60510", "0xffc441", "0x2eb67d")})
}

func teamsTry(t *try) error {
	text := t.text(message.Markdown(), 200, 8000)
	return t.with(&teams.Service{}, &url.URL{Scheme: "teams", RawQuery: url.Values{"host": {t.c.Secrets["webhook_url"]}}.Encode()}, text.Whole, types.Params{})
}

func telegramTry(t *try) error {
	id, token, _ := strings.Cut(t.c.Secrets["token"], ":")
	query := url.Values{"chats": {t.c.Settings["chat"]}, "parsemode": {"HTML"}, "preview": {"no"}}
	text := t.text(message.HTML(), 200, 3500)
	err := t.with(&telegram.Service{}, &url.URL{Scheme: "telegram", User: url.UserPassword(id, token), Host: "telegram", RawQuery: query.Encode()}, text.Body,
		types.Params{"title": text.Title}) // which it escapes and shows in bold
	if err == nil && !t.accepted("ok", true) {
		err = errRefused // the library loses it
	}
	return err
}

func larkTry(t *try) error {
	p := channel.Parts(channel.Lark, t.c.Secrets["webhook_url"])
	query := url.Values{}
	if s := t.c.Secrets["signing_secret"]; s != "" {
		query.Set("secret", s)
	}
	return t.with(&lark.Service{}, &url.URL{Scheme: "lark", Host: p[0], Path: "/" + p[1], RawQuery: query.Encode()}, t.text(message.Plain(), 200, 4000).Whole, types.Params{})
}

func wecomTry(t *try) error {
	p := channel.Parts(channel.WeCom, t.c.Secrets["webhook_url"])
	return t.with(&wecom.Service{}, &url.URL{Scheme: "wecom", Host: p[0]}, t.text(message.Plain(), 200, 2000).Whole, types.Params{}) // 2,048 bytes at most
}

// server is the address of a server for the library: host, and whether TLS is off.
func server(address string) (u *url.URL, plain bool) {
	u, _ = url.Parse(address) // the channel was checked
	return u, u.Scheme == "http"
}

func ntfyTry(t *try) error {
	u, plain := server(t.c.Settings["server"])
	address := &url.URL{Scheme: "ntfy", Host: u.Host, Path: "/" + t.c.Settings["topic"]}
	if name, password := t.c.Settings["username"], t.c.Secrets["password"]; name != "" || password != "" {
		address.User = url.UserPassword(name, password)
	}
	if plain {
		address.RawQuery = "scheme=http"
	}
	text := t.text(message.Plain(), 200, 3800)
	params := types.Params{"title": text.Title, "priority": strconv.Itoa(t.level())}
	if t.n.Link != "" {
		params["click"] = t.n.Link
	}
	return t.with(&ntfy.Service{}, address, text.Body, params)
}

func pagerDutyTry(t *try) error {
	host := map[string]string{"us": "events.pagerduty.com", "eu": "events.eu.pagerduty.com"}[t.c.Setting("region")]
	text := t.text(message.Plain(), 200, 1000)
	params := types.Params{"source": "tokenboard", "client": "Tokenboard", "action": "trigger", "severity": "info", "dedup_key": t.n.Alert}
	switch t.n.Status {
	case message.Resolved:
		params["action"] = "resolve"
	case message.Firing:
		params["severity"] = map[message.Severity]string{message.Critical: "critical", message.Warning: "warning"}[t.n.Severity]
		if params["severity"] == "" {
			params["severity"] = "info"
		}
	case message.Test:
		params["dedup_key"] = t.n.Delivery
	}
	if t.n.Link != "" {
		params["client_url"] = t.n.Link
	}
	return t.with(&pagerduty.Service{}, &url.URL{Scheme: "pagerduty", Host: host + ":443", Path: "/" + t.c.Secrets["integration_key"]}, text.Whole, params)
}

func opsgenieTry(t *try) error {
	host := map[string]string{"us": "api.opsgenie.com", "eu": "api.eu.opsgenie.com"}[t.c.Setting("region")]
	if t.n.Status == message.Resolved {
		return t.closeAtOpsgenie(host)
	}
	text := t.text(message.Plain(), 120, 8000)
	params := types.Params{"title": text.Title, "alias": alias(t.n), "source": "tokenboard", "priority": "P" + strconv.Itoa(6-t.level())}
	return t.with(&opsgenie.Service{}, &url.URL{Scheme: "opsgenie", Host: host, Path: "/" + t.c.Secrets["api_key"]}, text.Body, params)
}

// alias is the identity of an alert for a vendor that keeps alerts. A test is one of its own.
func alias(n message.Notification) string {
	if n.Status == message.Test {
		return n.Delivery
	}
	return n.Alert
}

// others are the services of the kind Shoutrrr; see channel.ShoutrrrSchemes.
var others = map[string]func() service{
	"bark":       func() service { return &bark.Service{} },
	"googlechat": func() service { return &googlechat.Service{} },
	"matrix":     func() service { return &matrix.Service{} },
	"mattermost": func() service { return &mattermost.Service{} },
	"pushover":   func() service { return &pushover.Service{} },
	"rocketchat": func() service { return &rocketchat.Service{} },
	"zulip":      func() service { return &zulip.Service{} },
}

func shoutrrrTry(t *try) error {
	address, err := url.Parse(t.c.Secrets["url"])
	if err != nil || others[address.Scheme] == nil {
		return errOver
	}
	return t.with(others[address.Scheme](), address, t.text(message.Plain(), 200, 1000).Whole, types.Params{})
}
