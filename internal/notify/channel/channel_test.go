package channel

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestForms: what a field takes and what it does not.
func TestForms(t *testing.T) {
	key := strings.Repeat("k", 32)
	for name, c := range map[string]struct {
		f         form
		good, bad []string
	}{
		"slack":    {slackForm, []string{"https://hooks.slack.com/services/T00000000/B00000000/" + key}, []string{"http://hooks.slack.com/services/T00000000/B00000000/" + key, "https://hooks.slack.com.evil.example/services/T00000000/B00000000/" + key, "https://hooks.slack.com/services/T00000000/B00000000/" + key + "\n", "https://hooks.slack.com/services/T00000000/B00000000/" + key + "?x=y"}},
		"discord":  {discordForm, []string{"https://discord.com/api/webhooks/123456/" + key}, []string{"https://discord.com/api/webhooks/123456/" + key + "/slack", "https://evil.example/api/webhooks/123456/" + key}},
		"teams":    {teamsForm, []string{"https://prod-1.westus.logic.azure.com:443/workflows/x?sig=y", "https://x.environment.api.powerplatform.com/powerautomate/automations/direct/workflows/x"}, []string{"https://logic.azure.com.evil.example/workflows/", "https://evil.example/a.logic.azure.com/x", "https://a.logic.azure.com/x y"}},
		"telegram": {telegramForm, []string{"123456:AA" + key}, []string{"123456", "123456:AA" + key + "/x", "123456:a@b" + key}},
		"host":     {hostForm, []string{"mail.example.com", "10.0.0.1", "::1", "relay"}, []string{"mail.example.com:25", "a b", "a/b", "-a", "a@b", "http://a"}},
		"server":   {serverForm, []string{"https://a.example", "http://10.0.0.1:9093/alertmanager", "https://[::1]:1/x"}, []string{"https://u:p@a.example", "https://a.example/?token=x", "https://a.example/?", "https://a.example/#x", "ftp://a.example", "//a.example", "https://", "https://a.example:99999", "https:a"}},
		"origin":   {originForm, []string{"https://ntfy.sh", "https://ntfy.sh/"}, []string{"https://ntfy.sh/topic"}},
		"mails":    {addressesForm, []string{"a@b.example", "a@b.example, c@d.example"}, []string{"", "a", "A <a@b.example>", "a@b.example\r\nBcc: x@y.example", "a@b.example,,c@d.example", strings.Repeat("a@b.example,", 20) + "a@b.example"}},
		"webhook":  {webhookSecretForm, []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, []string{"whsec_", "whsec_YQ==", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
		"shoutrrr": {shoutrrrForm, []string{"matrix://u:p@host/?rooms=x"}, []string{"smtp://u:p@host/", "generic://host", "mqtt://host", "logger://", "https://host", "MATRIX", "script:///bin/sh"}},
		"line":     {lineForm, []string{"a b"}, []string{"", "a\nb", "a\x00", strings.Repeat("x", 513)}},
	} {
		for _, s := range c.good {
			require.True(t, c.f.valid(s), "%s: %q", name, s)
		}
		for _, s := range c.bad {
			require.False(t, c.f.valid(s), "%s: %q", name, s)
		}
	}
}

func TestCheck(t *testing.T) {
	good := func() *Channel {
		return &Channel{Kind: Telegram, Language: "en", Settings: map[string]string{"chat": "@alerts"}, Secrets: Secrets{"token": "123456:AA" + strings.Repeat("k", 32)}}
	}
	require.NoError(t, good().Check())
	for name, c := range map[string]struct {
		change func(*Channel)
		want   string
	}{
		"unknown kind":        {func(c *Channel) { c.Kind = "pigeon" }, "kind must be one"},
		"missing secret":      {func(c *Channel) { c.Secrets = nil }, "token must be set: a bot's token"},
		"missing setting":     {func(c *Channel) { c.Settings = nil }, "chat must be set"},
		"unknown setting":     {func(c *Channel) { c.Settings["x"] = "y" }, "has a field that this kind has not"},
		"secret as a setting": {func(c *Channel) { c.Settings["token"] = c.Secrets["token"] }, "secrets belong in"},
		"setting as a secret": {func(c *Channel) { c.Secrets["chat"] = "@alerts" }, "secrets has a field"},
		"language":            {func(c *Channel) { c.Language = "fr" }, "language must be en or zh"},
		"choice": {func(c *Channel) {
			*c = Channel{Kind: PagerDuty, Language: "en", Settings: map[string]string{"region": "mars"}, Secrets: Secrets{"integration_key": strings.Repeat("0", 32)}}
		}, "region must be one of [us eu]"},
	} {
		ch := good()
		c.change(ch)
		err := ch.Check()
		require.ErrorContains(t, err, c.want, name)
		for _, value := range ch.Secrets {
			require.NotContains(t, err.Error(), value)
		}
	}
	require.Equal(t, "starttls", (&Channel{Kind: Email}).Setting("tls"))
	require.Empty(t, (&Channel{Kind: Email}).Setting("port"))
}

// TestSecretsDoNotPrint: no verb of fmt shows a secret.
func TestSecretsDoNotPrint(t *testing.T) {
	c := Channel{Secrets: Secrets{"token": "planted"}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		require.NotContains(t, fmt.Sprintf(verb, c.Secrets), "planted", verb)
		require.NotContains(t, fmt.Sprintf(verb, c), "planted", verb)
		require.NotContains(t, fmt.Sprintf(verb, &c), "planted", verb)
	}
}
