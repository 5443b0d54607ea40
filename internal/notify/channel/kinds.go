package channel

// Field is one setting or secret of a kind.
type Field struct {
	Name     string
	Secret   bool
	Required bool
	Values   []string // what it may be; the first is meant where it is not set. Nil: any text of form
	// elsewhere says that a change of it makes no other server get the channel's secrets.
	elsewhere bool
	form      form
}

// Form is what a text of the field has to look like, for people; "" where there are Values.
func (f *Field) Form() string { return f.form.want }

// Kind is a kind of channel.
type Kind struct {
	Name   string
	Fields []Field
}

// The names of the kinds.
const (
	Slack        = "slack"
	Teams        = "teams"
	Discord      = "discord"
	Telegram     = "telegram"
	Lark         = "lark" // and Feishu
	WeCom        = "wecom"
	DingTalk     = "dingtalk"
	Email        = "email"
	Ntfy         = "ntfy"
	Gotify       = "gotify"
	PagerDuty    = "pagerduty"
	Opsgenie     = "opsgenie"
	Webhook      = "webhook"
	Alertmanager = "alertmanager"
	Shoutrrr     = "shoutrrr" // any other service of the library, by its own address
)

func secret(name string, f form) Field {
	return Field{Name: name, Secret: true, Required: true, form: f}
}

func setting(name string, f form) Field { return Field{Name: name, Required: true, form: f} }

// receiver is a setting of who gets a message at the channel's server.
func receiver(name string, f form) Field {
	return Field{Name: name, Required: true, elsewhere: true, form: f}
}

func choice(name string, values ...string) Field { return Field{Name: name, Values: values} }

func optional(f Field) Field {
	f.Required = false
	return f
}

// Kinds lists all kinds, in the order in which they are offered.
func Kinds() []Kind {
	return []Kind{
		{Email, []Field{
			setting("host", hostForm), optional(setting("port", portForm)), choice("tls", "starttls", "tls", "none"),
			optional(setting("username", lineForm)), optional(secret("password", lineForm)), receiver("from", addressForm), receiver("to", addressesForm),
		}},
		{Slack, []Field{secret("webhook_url", slackForm)}},
		{Teams, []Field{secret("webhook_url", teamsForm)}},
		{Discord, []Field{secret("webhook_url", discordForm)}},
		{Telegram, []Field{secret("token", telegramForm), receiver("chat", chatForm)}},
		{Lark, []Field{secret("webhook_url", larkForm), optional(secret("signing_secret", lineForm))}},
		{WeCom, []Field{secret("webhook_url", wecomForm)}},
		{DingTalk, []Field{secret("webhook_url", dingtalkForm), optional(secret("signing_secret", lineForm))}},
		{Ntfy, []Field{setting("server", originForm), receiver("topic", topicForm), optional(setting("username", lineForm)), optional(secret("password", lineForm))}},
		{Gotify, []Field{setting("server", serverForm), secret("token", gotifyForm)}},
		{PagerDuty, []Field{secret("integration_key", pagerDutyForm), choice("region", "us", "eu")}},
		{Opsgenie, []Field{secret("api_key", keyForm), choice("region", "us", "eu")}},
		{Webhook, []Field{setting("url", serverForm), secret("signing_secret", webhookSecretForm)}},
		{Alertmanager, []Field{setting("url", serverForm), optional(setting("username", lineForm)), optional(secret("password", lineForm)), optional(secret("token", keyForm))}},
		{Shoutrrr, []Field{secret("url", shoutrrrForm)}},
	}
}

// Find returns the kind of a name.
func Find(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}
