package message

// Language is one that people read.
type Language string

// The languages.
const (
	English Language = "en"
	Chinese Language = "zh"
)

// words are the fixed texts of a language. Those with % are formats.
type words struct {
	severity                                            map[Severity]string
	kinds                                               map[string]string // what a rule watches
	dimensions                                          map[string]string
	firing, resolved, test                              string // of a title: severity or nothing, then the rule's name
	testBody                                            string
	forSubject                                          string // what it fires for
	value, valueLimit, nowValue, nowValueLimit          string // what is watched, its figure, its limit
	causes, cause, causeSeparator                       string
	since, lasted, link, linkText                       string
	tokens, calls, times, day, hour, minute, second, ms string
	pairSeparator                                       string // between two parts of a duration
}

var languages = map[Language]words{
	English: {
		severity: map[Severity]string{Info: "Info", Warning: "Warning", Critical: "Critical"},
		kinds: map[string]string{
			"budget_used": "Budget used", "budget_projected": "Budget used at the end of the period, as projected", "spend": "Spend", "tokens": "Tokens",
			"spend_unusual": "Spend of the last hour", "error_share": "Failed calls", "no_usage_share": "Calls without usage",
			"unpriced": "Tokens without a price", "latency_p95": "Latency, p95", "ttft_p95": "Time to first token, p95", "silence": "Nothing received for",
			"source_gap": "Gap in what a source delivered", "key_expiry": "Key expires in", "key_first_use": "A key is used in a new way", "store_trouble": "The store is in trouble",
		},
		dimensions: map[string]string{
			"model": "model", "provider": "provider", "key": "key", "user": "user", "service": "service", "project": "project", "team": "team", "account": "account", "status": "status",
		},
		firing: "[%s] %s", resolved: "[Resolved] %s", test: "Test message from Tokenboard",
		testBody:   "This channel works. Alerts will arrive here.",
		forSubject: "For: %s", value: "%s: %s", valueLimit: "%s: %s (limit %s)", nowValue: "%s: now %s", nowValueLimit: "%s: now %s (limit %s)",
		causes: "Top causes: ", cause: "%s %s %s", causeSeparator: "; ", since: "Since %s", lasted: "From %s, for %s", link: "Details: ", linkText: "Show details",
		tokens: "%s tokens", calls: "%s calls", times: "%s× the usual", day: "%d d", hour: "%d h", minute: "%d min", second: "%d s", ms: "%s ms", pairSeparator: " ",
	},
	Chinese: {
		severity: map[Severity]string{Info: "提示", Warning: "警告", Critical: "严重"},
		kinds: map[string]string{
			"budget_used": "预算使用率", "budget_projected": "预计期末预算使用率", "spend": "费用", "tokens": "Token 用量",
			"spend_unusual": "近一小时费用", "error_share": "失败率", "no_usage_share": "无用量调用占比",
			"unpriced": "未定价 Token", "latency_p95": "延迟 P95", "ttft_p95": "首 Token 延迟 P95", "silence": "未收到数据已持续",
			"source_gap": "数据源出现缺口", "key_expiry": "密钥距到期还有", "key_first_use": "密钥出现新的使用方式", "store_trouble": "存储异常",
		},
		dimensions: map[string]string{
			"model": "模型", "provider": "供应商", "key": "密钥", "user": "用户", "service": "服务", "project": "项目", "team": "团队", "account": "账号", "status": "状态",
		},
		firing: "【%s】%s", resolved: "【已恢复】%s", test: "Tokenboard 测试消息",
		testBody:   "该渠道可用，告警将发送到这里。",
		forSubject: "对象：%s", value: "%s：%s", valueLimit: "%s：%s（阈值 %s）", nowValue: "%s：当前 %s", nowValueLimit: "%s：当前 %s（阈值 %s）",
		causes: "主要来源：", cause: "%s %s %s", causeSeparator: "；", since: "开始于 %s", lasted: "开始于 %s，持续 %s", link: "详情：", linkText: "查看详情",
		tokens: "%s Token", calls: "%s 次调用", times: "平时的 %s 倍", day: "%d 天", hour: "%d 小时", minute: "%d 分钟", second: "%d 秒", ms: "%s 毫秒", pairSeparator: " ",
	},
}
