package send

import (
	"context"
	"time"

	"github.com/tokenboard/tokenboard/internal/notify/channel"
	"github.com/tokenboard/tokenboard/internal/notify/message"
	"github.com/tokenboard/tokenboard/internal/outbound"
)

// Sender sends notifications. It is safe for concurrent use.
type Sender struct {
	Client   *outbound.Client
	Location *time.Location // of the times that are shown; UTC where nil
	Timeout  time.Duration  // of one try; 30 seconds where 0
	Now      func() time.Time
}

const defaultTimeout = 30 * time.Second

// try is one try to deliver a notification.
type try struct {
	*Sender
	http *attempt
	c    *channel.Channel
	n    message.Notification
}

// senders send by kind. They return a service's error, which is judged together with what the HTTP client saw.
var senders = map[string]func(*try) error{
	channel.Slack: slackTry, channel.Teams: teamsTry, channel.Discord: discordTry, channel.Telegram: telegramTry, channel.Lark: larkTry, channel.WeCom: wecomTry,
	channel.DingTalk: dingtalkTry, channel.Ntfy: ntfyTry, channel.Gotify: gotifyTry, channel.PagerDuty: pagerDutyTry, channel.Opsgenie: opsgenieTry,
	channel.Webhook: webhookTry, channel.Alertmanager: alertmanagerTry, channel.Shoutrrr: shoutrrrTry,
}

// Send tries once to deliver a notification, until the context ends or the try takes too long.
func (s *Sender) Send(ctx context.Context, c *channel.Channel, n message.Notification) Outcome {
	if err := c.Check(); err != nil {
		return Outcome{Permanent: true, Detail: err.Error()}
	}
	timeout := s.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if c.Kind == channel.Email {
		return s.email(ctx, c, n)
	}
	now := s.Now
	if now == nil {
		now = time.Now
	}
	t := &try{Sender: s, http: &attempt{ctx: ctx, client: s.Client, now: now}, c: c, n: n}
	err := senders[c.Kind](t)
	return t.http.outcome(err, c.Secrets)
}

// text writes the notification for the try's channel.
func (t *try) text(m message.Markup, maxTitle, maxBody int) message.Text {
	return message.Render(t.n, message.Style{Language: t.c.Language, Location: t.Location, Markup: m, MaxTitle: maxTitle, MaxBody: maxBody})
}

// level is the notification's urgency for vendors that know 5 levels, 1 to 5: resolved and tests are the middle.
func (t *try) level() int {
	if t.n.Status != message.Firing {
		return 3
	}
	return map[message.Severity]int{message.Info: 3, message.Warning: 4, message.Critical: 5}[t.n.Severity]
}
