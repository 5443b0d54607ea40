package secret

import "strings"

// class is a set of bytes.
type class uint8

const (
	alnum  class = iota
	word64       // base64url
	dotted       // base64url with parts
	token        // RFC 9110's token68
	upper        // capitals and digits
	hex
	classes
)

var members = func() (in [256][classes]bool) {
	for b := range in {
		c := byte(b)
		in[b][alnum] = isAlnum(c)
		in[b][word64] = isAlnum(c) || c == '_' || c == '-'
		in[b][dotted] = in[b][word64] || c == '.'
		in[b][token] = in[b][dotted] || c == '~' || c == '+' || c == '/' || c == '='
		in[b][upper] = isUpper(c) || isDigit(c)
		in[b][hex] = isDigit(c) || c|' ' >= 'a' && c|' ' <= 'f'
	}
	return in
}()

// shape is a way to recognise a key: what it begins with, and what follows.
type shape struct {
	prefix string
	fold   bool // the prefix is so in any case
	body   class
	min    int                            // bytes of the body
	max    int                            // 0: any number
	mixed  bool                           // the body has a digit or a capital letter: else it may be a name
	keep   bool                           // the prefix is no part of the secret
	pem    bool                           // a private key, of which nothing is shown
	end    func(x *scanner, body int) int // where a body ends that is not of one class; 0 where it is none
}

// shapes are tried in order.
var shapes = []shape{
	{prefix: "sk-ant-", body: word64, min: 12}, {prefix: "sk-proj-", body: word64, min: 12}, {prefix: "sk-or-", body: word64, min: 12},
	{prefix: "sk-svcacct-", body: word64, min: 12}, {prefix: "sk-admin-", body: word64, min: 12}, {prefix: "sk-lf-", body: word64, min: 12},
	{prefix: "sk-", body: word64, min: 16, mixed: true}, // OpenAI, DeepSeek, Moonshot, LiteLLM and others
	{prefix: "sk_live_", body: alnum, min: 16}, {prefix: "sk_test_", body: alnum, min: 16}, {prefix: "rk_live_", body: alnum, min: 16},
	{prefix: "tbt-", body: word64, min: 30, mixed: true}, {prefix: "tb-", body: word64, min: 30, mixed: true}, // ours
	{prefix: "AIza", body: word64, min: 30}, {prefix: "ya29.", body: dotted, min: 20}, {prefix: "GOCSPX-", body: word64, min: 20}, // Google
	{prefix: "AKIA", body: upper, min: 16, max: 16}, {prefix: "ASIA", body: upper, min: 16, max: 16}, {prefix: "ABIA", body: upper, min: 16, max: 16},
	{prefix: "ACCA", body: upper, min: 16, max: 16}, {prefix: "ABSK", body: token, min: 60}, {prefix: "bedrock-api-key-", body: token, min: 20}, // AWS
	{prefix: "LTAI", body: alnum, min: 16, max: 26, mixed: true}, // Alibaba Cloud
	{prefix: "gsk_", body: alnum, min: 20}, {prefix: "xai-", body: alnum, min: 20}, {prefix: "pplx-", body: alnum, min: 20},
	{prefix: "hf_", body: alnum, min: 24}, {prefix: "api_org_", body: alnum, min: 24}, {prefix: "r8_", body: alnum, min: 24},
	{prefix: "nvapi-", body: word64, min: 24}, {prefix: "csk-", body: alnum, min: 24}, {prefix: "fw_", body: alnum, min: 20, mixed: true},
	{prefix: "tgp_v1_", body: word64, min: 20}, {prefix: "dapi", body: hex, min: 32}, {prefix: "jina_", body: word64, min: 30}, {prefix: "tvly-", body: word64, min: 20, mixed: true},
	{prefix: "pcsk_", body: word64, min: 30}, {prefix: "pk-lf-", body: word64, min: 20}, {prefix: "lsv2_", body: word64, min: 30}, {prefix: "bt-st-", body: word64, min: 20},
	{prefix: "ghp_", body: alnum, min: 30}, {prefix: "gho_", body: alnum, min: 30}, {prefix: "ghu_", body: alnum, min: 30}, {prefix: "ghs_", body: alnum, min: 30},
	{prefix: "ghr_", body: alnum, min: 30}, {prefix: "github_pat_", body: word64, min: 30}, {prefix: "glpat-", body: word64, min: 20}, {prefix: "glagent-", body: word64, min: 30},
	{prefix: "npm_", body: alnum, min: 30}, {prefix: "pypi-", body: word64, min: 50, mixed: true}, {prefix: "dop_v1_", body: hex, min: 40},
	{prefix: "xoxb-", body: word64, min: 15, mixed: true}, {prefix: "xoxp-", body: word64, min: 15, mixed: true}, {prefix: "xoxa-", body: word64, min: 15, mixed: true},
	{prefix: "xoxr-", body: word64, min: 15, mixed: true}, {prefix: "xoxs-", body: word64, min: 15, mixed: true}, {prefix: "xapp-", body: word64, min: 20, mixed: true},
	{prefix: "SG.", body: dotted, min: 30}, {prefix: "hvs.", body: word64, min: 20}, {prefix: "hvb.", body: word64, min: 50}, {prefix: "shpat_", body: hex, min: 32},
	{prefix: "glsa_", body: word64, min: 30}, {prefix: "glc_", body: token, min: 32}, {prefix: "ntn_", body: alnum, min: 30}, {prefix: "lin_api_", body: alnum, min: 30},
	{prefix: "sha256~", body: word64, min: 40},
	{prefix: "eyJ", end: jwtEnd},
	{prefix: "bearer ", fold: true, keep: true, end: schemeEnd}, {prefix: "basic ", fold: true, keep: true, end: schemeEnd},
	{prefix: "BEGIN ", pem: true, end: pemEnd},
}

// shortestShape is the length of the shortest text that has a shape, in bytes.
const shortestShape = 18

// starts says which two bytes may begin a shape, and byFirst which shapes a byte may begin.
var starts, byFirst = func() (starts [1 << 10]uint64, byFirst [256][]*shape) {
	for i := range shapes {
		s := &shapes[i]
		for _, a := range cases(s.prefix[0], s.fold) {
			byFirst[a] = append(byFirst[a], s)
			for _, b := range cases(s.prefix[1], s.fold) {
				n := uint(a)<<8 | uint(b)
				starts[n>>6] |= 1 << (n & 63)
			}
		}
	}
	return starts, byFirst
}()

func cases(b byte, fold bool) []byte {
	if !fold {
		return []byte{b}
	}
	return []byte{b, b - 'a' + 'A'}
}

// found is a secret in a text: the bytes between the positions from and to are replaced.
type found struct {
	from, to int
	with     string
}

// shapeAt finds the key that begins at a place, where a word begins.
func (x *scanner) shapeAt(at int) (f found, ok bool) {
	s := x.s
	rows := byFirst[s[at]]
	for i := range rows {
		sh := rows[i]
		body := at + len(sh.prefix)
		if body >= len(s) || (s[at:body] != sh.prefix && (!sh.fold || !strings.EqualFold(s[at:body], sh.prefix))) {
			continue
		}
		end := x.ends(sh, body)
		switch {
		case end == 0:
			continue
		case sh.pem:
			return found{at - len(dashes), end, Redacted}, true
		case sh.keep && strings.EqualFold(sh.prefix, "basic "):
			return found{body, end, Redacted}, true // a user's name and password
		case sh.keep:
			return found{body, end, display(s[body:end])}, true
		default:
			return found{at, end, display(s[at:end])}, true
		}
	}
	return f, false
}

func (x *scanner) ends(sh *shape, body int) int {
	if sh.end != nil {
		return sh.end(x, body)
	}
	end := x.run(body, sh.body)
	if n := end - body; n < sh.min || (sh.max > 0 && n > sh.max) || (sh.mixed && !x.mixed(body, end)) {
		return 0
	}
	return end
}

// jwtEnd finds the end of a JSON web token: at least two parts of base64url, the first of which is an object.
func jwtEnd(x *scanner, body int) int {
	const part = 7 // bytes; the shortest object with a member has as many
	s := x.s
	end := x.run(body, word64)
	if end-body < part || end >= len(s) || s[end] != '.' {
		return 0
	}
	second := end + 1
	if end = x.run(second, word64); end-second < part {
		return 0
	}
	for end+1 < len(s) && s[end] == '.' && members[s[end+1]][word64] {
		end = x.run(end+1, word64)
	}
	return end
}

// schemeEnd finds the end of what follows "Bearer " or "Basic ".
func schemeEnd(x *scanner, body int) int {
	end := x.run(body, token)
	const least = 12 // bytes; what is shorter is rather a word of a text
	if end-body < least || x.s[body:end] == Redacted || !Looks(strings.TrimRight(x.s[body:end], ".=")) {
		return 0
	}
	return end
}

const dashes = "-----"

// pemEnd finds the end of a private key in PEM; of one that was cut off, the end of the text.
func pemEnd(x *scanner, body int) int {
	const label = 40 // bytes; "OPENSSH PRIVATE KEY" and the like are shorter
	s := x.s
	at := body - len("BEGIN ")
	if at < len(dashes) || s[at-len(dashes):at] != dashes || !strings.Contains(s[body:min(len(s), body+label)], "PRIVATE KEY") {
		return 0
	}
	foot := strings.Index(s[body:], dashes+"END ")
	if foot < 0 {
		return len(s)
	}
	foot += body + len(dashes+"END ")
	if end := strings.Index(s[foot:min(len(s), foot+label)], dashes); end >= 0 {
		return foot + end + len(dashes)
	}
	return len(s)
}
