package message

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func example() Notification {
	return Notification{
		Delivery: "d", Alert: "a", Status: Firing, Severity: Critical, Rule: "Team budget", Kind: "budget_used", Subject: "team search",
		Value: Quantity{Percent, 92.1}, Limit: Quantity{Percent, 90},
		Causes: []Cause{
			{"model", "gpt-5", Quantity{USD, 60.12}}, {"key", "ci", Quantity{USD, 20}},
			{"user", "bob", Quantity{USD, 0.0015}}, {"user", "fourth", Quantity{USD, 1}},
		},
		StartedAt: time.Date(2026, 11, 30, 6, 5, 0, 0, time.UTC), Link: "https://tb.example/console/log?model=gpt-5&key=ci",
	}
}

func TestRender(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	require.NoError(t, err)
	resolved := example()
	resolved.Status, resolved.EndedAt, resolved.Value = Resolved, resolved.StartedAt.Add(26*time.Hour+5*time.Minute), Quantity{Percent, 10}
	for name, c := range map[string]struct {
		n    Notification
		s    Style
		want string
	}{
		"English, plain": {example(), Style{Language: English, Markup: Plain()}, `[Critical] Team budget
For: team search
Budget used: 92.1% (limit 90%)
Since 2026-11-30 06:05 UTC
Top causes: model gpt-5 $60.12; key ci $20.00; user bob $0.0015
Details: https://tb.example/console/log?model=gpt-5&key=ci`},
		"Chinese, plain": {example(), Style{Language: Chinese, Markup: Plain(), Location: shanghai}, `【严重】Team budget
对象：team search
预算使用率：92.1%（阈值 90%）
开始于 2026-11-30 14:05 CST
主要来源：模型 gpt-5 $60.12；密钥 ci $20.00；用户 bob $0.0015
详情：https://tb.example/console/log?model=gpt-5&key=ci`},
		"Slack": {example(), Style{Language: English, Markup: Slack()}, `*[Critical] Team budget*
For: team search
Budget used: 92.1% (limit 90%)
Since 2026-11-30 06:05 UTC
Top causes: model gpt-5 $60.12; key ci $20.00; user bob $0.0015
<https://tb.example/console/log?model=gpt-5&amp;key=ci|Show details>`},
		"resolved": {resolved, Style{Language: English, Markup: Markdown()}, `**\[Resolved\] Team budget**
For: team search
Budget used: now 10% \(limit 90%\)
From 2026-11-30 06:05 UTC, for 1 d 2 h
[Show details](https://tb.example/console/log?model=gpt-5&key=ci)`},
		"resolved, Chinese": {resolved, Style{Language: Chinese, Markup: HTML()}, `<b>【已恢复】Team budget</b>
对象：team search
预算使用率：当前 10%（阈值 90%）
开始于 2026-11-30 06:05 UTC，持续 1 天 2 小时
<a href="https://tb.example/console/log?model=gpt-5&amp;key=ci">查看详情</a>`},
		"test":          {Notification{Status: Test}, Style{Language: English, Markup: Plain()}, "Test message from Tokenboard\nThis channel works. Alerts will arrive here."},
		"test, Chinese": {Notification{Status: Test}, Style{Language: Chinese, Markup: Plain()}, "Tokenboard 测试消息\n该渠道可用，告警将发送到这里。"},
	} {
		require.Equal(t, c.want, Render(c.n, c.s).Whole, name)
	}
}

// TestEveryLanguageHasAllWords: what is added to one language is added to all.
func TestEveryLanguageHasAllWords(t *testing.T) {
	en := languages[English]
	for name, w := range languages {
		require.Len(t, w.kinds, len(en.kinds), name)
		require.Len(t, w.dimensions, len(en.dimensions), name)
		for kind := range en.kinds {
			require.NotEmpty(t, w.kinds[kind], "%s: %s", name, kind)
		}
		for d := range en.dimensions {
			require.NotEmpty(t, w.dimensions[d], "%s: %s", name, d)
		}
		for _, pair := range [][2]string{
			{w.firing, en.firing}, {w.resolved, en.resolved}, {w.forSubject, en.forSubject}, {w.valueLimit, en.valueLimit}, {w.nowValue, en.nowValue},
			{w.nowValueLimit, en.nowValueLimit}, {w.cause, en.cause}, {w.since, en.since}, {w.lasted, en.lasted}, {w.value, en.value},
		} {
			require.Equal(t, strings.Count(pair[1], "%s"), strings.Count(pair[0], "%s"), "%s: %q", name, pair[0])
		}
	}
}

// hostile are names that try to be more than names.
var hostile = []string{
	"<!channel>", "<!everyone> <@U123>", "@everyone @here", `<at user_id="all">x</at>`, "*b* _i_ ~s~ `c` ```x```", "[x](https://evil.example)", "<https://evil.example|x>",
	"# head\n- list\n> quote", "a\r\nBcc: victim@example.com\r\n\r\nbody", "<b>x</b><script>alert(1)</script>", `<a href="https://evil.example">x</a>`, "![i](https://evil.example/x.png)",
	"\u202egnp.exe", "\u200b\u200d\u2066x", "\x00\x1b[31mred", strings.Repeat("很长", 500), "https://evil.example/login", "||spoiler||", "\\*x*", "&lt;!channel&gt;", "\xff\xfe",
}

// TestHostileNames: no name is markup, mentions anyone, or breaks a line, in any markup.
func TestHostileNames(t *testing.T) {
	for markup, m := range map[string]Markup{"plain": Plain(), "slack": Slack(), "markdown": Markdown(), "html": HTML()} {
		for _, name := range hostile {
			n := example()
			quiet := Render(n, Style{Language: English, Markup: m})
			n.Rule, n.Subject, n.Causes[0].Name, n.Causes[1].Dimension = name, name, name, name
			text := Render(n, Style{Language: English, Markup: m})
			require.Equal(t, strings.Count(quiet.Whole, "\n"), strings.Count(text.Whole, "\n"), "%s: lines of %q", markup, name)
			require.True(t, utf8.ValidString(text.Whole))
			for _, c := range text.Whole + text.Title {
				require.False(t, c < ' ' && c != '\n' || c == '\u202e' || c == '\u2066' || c == '\u200b' || c == 0x7f, "%s: %q", markup, name)
			}
			require.NotContains(t, text.Title, "\n")
			// What a markup takes as the beginning of something is there as often as without the name.
			for _, mark := range map[string][]string{
				"plain": {"<"}, "slack": {"<", ">", "*", "_", "`", "~"}, "markdown": {"<", "](", "@e", "@h", "!["}, "html": {"<", ">"},
			}[markup] {
				require.Equal(t, strings.Count(quiet.Whole, mark), strings.Count(text.Whole, mark), "%s: %q in %q of %q", markup, mark, text.Whole, name)
			}
			require.Equal(t, strings.Count(quiet.Whole, "://"), strings.Count(text.Whole, "://"), "%s: a link of %q", markup, name)
		}
	}
}

// TestMarkdownEscapes: each character of markup has its backslash.
func TestMarkdownEscapes(t *testing.T) {
	require.Equal(t, "\\*\\_\\`\\[x\\]\\(y\\)\\#\\~\\|\\!\\\\ ‹at› @\u2060all", markdown("*_`[x](y)#~|!\\ <at> @all"))
	require.Equal(t, "a [:]//b", Clean("\n a\t\r\n ://b\n"))
	require.Len(t, []rune(Clean(strings.Repeat("x", 200))), maxName+1)
}

// TestLimits: a channel's limits hold in bytes, characters stay whole, and the causes go first.
func TestLimits(t *testing.T) {
	n := example()
	n.Rule, n.Subject, n.Link = strings.Repeat("预算", 40), strings.Repeat("组", 80), "https://tb.example/console"
	for name := range languages {
		for limit := 40; limit < 1200; limit += 7 {
			text := Render(n, Style{Language: name, Markup: Markdown(), MaxTitle: 30, MaxBody: limit})
			require.LessOrEqual(t, len(text.Title), 30)
			require.True(t, utf8.ValidString(text.Whole))
			require.LessOrEqual(t, len(text.Whole), max(limit, 60), "limit %d", limit)
		}
	}
	require.Contains(t, Render(n, Style{Language: English, Markup: Plain(), MaxBody: 650}).Body, n.Link, "the link stays longer than the causes")
}

func TestQuantities(t *testing.T) {
	en, zh := languages[English], languages[Chinese]
	for _, c := range []struct {
		q      Quantity
		en, zh string
	}{
		{Quantity{USD, 0}, "$0.00", "$0.00"},
		{Quantity{USD, 1e-9}, "$0.000000001", "$0.000000001"},
		{Quantity{USD, 0.0042}, "$0.0042", "$0.0042"},
		{Quantity{USD, 0.5}, "$0.50", "$0.50"},
		{Quantity{USD, 12_345.6789}, "$12,345.68", "$12,345.68"},
		{Quantity{USD, -1.5}, "-$1.50", "-$1.50"},
		{Quantity{USD, math.Inf(1)}, "", ""},
		{Quantity{USD, math.NaN()}, "", ""},
		{Quantity{Tokens, 1_234_567}, "1,234,567 tokens", "1,234,567 Token"},
		{Quantity{Tokens, 100}, "100 tokens", "100 Token"},
		{Quantity{Calls, 3}, "3 calls", "3 次调用"},
		{Quantity{Percent, 5.12}, "5.12%", "5.12%"},
		{Quantity{Percent, 100}, "100%", "100%"},
		{Quantity{Multiple, 3.5}, "3.5× the usual", "平时的 3.5 倍"},
		{Quantity{Milliseconds, 1500.4}, "1,500 ms", "1,500 毫秒"},
		{Quantity{Seconds, 59}, "59 s", "59 秒"},
		{Quantity{Seconds, 3600*25 + 1}, "1 d 1 h", "1 天 1 小时"},
		{Quantity{Seconds, 1e300}, "10000 d", "10000 天"},
		{Quantity{Seconds, -5}, "0 s", "0 秒"},
		{Quantity{Days, 6.5}, "6 d 12 h", "6 天 12 小时"},
		{Quantity{"furlongs", 3}, "", ""},
	} {
		require.Equal(t, c.en, en.quantity(c.q))
		require.Equal(t, c.zh, zh.quantity(c.q))
	}
}
