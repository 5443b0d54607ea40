package channel

import (
	"encoding/base64"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// form is what a field's text has to look like.
type form struct {
	want  string // for people: "must be ..."
	valid func(string) bool
}

func matches(pattern string) func(string) bool {
	return regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString
}

// The patterns are what the vendors' documentation shows, with room for longer parts.
var (
	slackPattern    = `https://hooks\.slack\.com/services/([A-Z0-9]{9,40})/([A-Z0-9]{9,40})/([A-Za-z0-9]{20,80})`
	discordPattern  = `https://(?:discord|discordapp)\.com/api/webhooks/([0-9]{5,30})/([A-Za-z0-9_-]{20,200})`
	larkPattern     = `https://(open\.feishu\.cn|open\.larksuite\.com)/open-apis/bot/v2/hook/([A-Za-z0-9-]{8,100})`
	wecomPattern    = `https://qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=([A-Za-z0-9-]{8,100})`
	dingtalkPattern = `https://oapi\.dingtalk\.com/robot/send\?access_token=([A-Za-z0-9]{16,128})`
	teamsPattern    = `https://[a-zA-Z0-9][a-zA-Z0-9.-]*\.(?:logic\.azure\.[a-z]{2,3}|environment\.api\.powerplatform\.com)(?::443)?/[!-~]+`
)

var (
	lineForm          = form{"one line of at most 512 characters", oneLine}
	keyForm           = form{"a key of 8 to 256 characters, without spaces", matches(`[!-~]{8,256}`)}
	hostForm          = form{"the name or address of a server, without port", host}
	portForm          = form{"a port, 1 to 65535", func(s string) bool { n, err := strconv.Atoi(s); return err == nil && n > 0 && n < 1<<16 }}
	addressForm       = form{"one e-mail address", address}
	addressesForm     = form{"1 to 20 e-mail addresses, separated by commas", func(s string) bool { return len(Addresses(s)) > 0 }}
	slackForm         = form{"the address of an incoming webhook: https://hooks.slack.com/services/T.../B.../...", matches(slackPattern)}
	discordForm       = form{"a webhook's address: https://discord.com/api/webhooks/.../...", matches(discordPattern)}
	teamsForm         = form{"the address of a workflow: https://....logic.azure.com/... or https://....environment.api.powerplatform.com/...", func(s string) bool { return len(s) <= 2048 && matches(teamsPattern)(s) }}
	telegramForm      = form{"a bot's token: 123456:...", matches(`[0-9]{5,20}:[A-Za-z0-9_-]{30,100}`)}
	chatForm          = form{"a chat's number or @name", matches(`-?[0-9]{1,20}|@[A-Za-z0-9_]{4,64}`)}
	larkForm          = form{"a custom bot's address: https://open.feishu.cn/open-apis/bot/v2/hook/...", matches(larkPattern)}
	wecomForm         = form{"a bot's address: https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=...", matches(wecomPattern)}
	dingtalkForm      = form{"a robot's address: https://oapi.dingtalk.com/robot/send?access_token=...", matches(dingtalkPattern)}
	topicForm         = form{"a topic of letters, digits, - and _", matches(`[-_A-Za-z0-9]{1,64}`)}
	gotifyForm        = form{"an application's token, which begins with A", matches(`A[A-Za-z0-9._-]{14}`)}
	pagerDutyForm     = form{"an integration key of 32 hexadecimal digits", matches(`[a-fA-F0-9]{32}`)}
	serverForm        = form{"an https address (http in networks that the configuration allows), without user, query and fragment", func(s string) bool { return server(s, true) }}
	originForm        = form{"an https address (http in networks that the configuration allows), without path", func(s string) bool { return server(s, false) }}
	webhookSecretForm = form{"whsec_ and 24 to 64 bytes in base64, as of: echo whsec_$(openssl rand -base64 32)", func(s string) bool { return WebhookKey(s) != nil }}
	shoutrrrForm      = form{"an address of shoutrrr for one of: " + strings.Join(ShoutrrrSchemes(), ", "), shoutrrrAddress}
)

// ShoutrrrSchemes are the services of the kind Shoutrrr. Others of the library have a kind of their own, or make
// connections that cannot be checked.
func ShoutrrrSchemes() []string {
	return []string{"bark", "googlechat", "matrix", "mattermost", "pushover", "rocketchat", "zulip"}
}

func oneLine(s string) bool {
	return s != "" && len(s) <= 512 && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func host(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return len(s) <= 253 && matches(`[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?`)(s)
}

func address(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && oneLine(s) && a.Address == s && len(s) <= 254 && !strings.ContainsAny(s, "<> \"")
}

// maxAddresses bounds the receivers of one e-mail.
const maxAddresses = 20

// Addresses reads a list of e-mail addresses; nil where one is none, or there are too many.
func Addresses(s string) []string {
	var list []string
	for part := range strings.SplitSeq(s, ",") {
		if part = strings.TrimSpace(part); !address(part) || len(list) == maxAddresses {
			return nil
		}
		list = append(list, part)
	}
	return list
}

func server(s string, path bool) bool {
	u, err := url.Parse(s)
	return err == nil && oneLine(s) && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && host(u.Hostname()) && u.User == nil &&
		u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" && u.Opaque == "" && (path || u.Path == "" || u.Path == "/") && (u.Port() == "" || portForm.valid(u.Port()))
}

// WebhookKey is the key that a signing secret stands for; nil where it is none.
func WebhookKey(s string) []byte {
	text, found := strings.CutPrefix(s, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !found || err != nil || len(key) < 24 || len(key) > 64 {
		return nil
	}
	return key
}

func shoutrrrAddress(s string) bool {
	u, err := url.Parse(s)
	if err != nil || len(s) > 2048 || !matches(`[!-~]+`)(s) {
		return false
	}
	for _, scheme := range ShoutrrrSchemes() {
		if u.Scheme == scheme {
			return true
		}
	}
	return false
}

// Parts returns what a vendor's address is made of, as the vendor's pattern groups it.
func Parts(kind, address string) []string {
	pattern := map[string]string{Slack: slackPattern, Discord: discordPattern, Lark: larkPattern, WeCom: wecomPattern, DingTalk: dingtalkPattern}[kind]
	found := regexp.MustCompile(`^(?:` + pattern + `)$`).FindStringSubmatch(address)
	if pattern == "" || found == nil {
		return nil
	}
	return found[1:]
}
