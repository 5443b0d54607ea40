package secret

import "strings"

// Certainty says how sure a name makes it that the value is a secret.
type Certainty uint8

// The degrees of certainty.
const (
	Not    Certainty = iota // the name says nothing
	Likely                  // a secret if the value looks like one: "token" may name a word of an answer
	Sure                    // a secret whatever the value
)

// word describes which names that end with a word are names of secrets.
type word struct {
	is     string
	alone  Certainty            // with a separator or a change of case before it, or nothing
	joined Certainty            // behind other letters: "proxyauthorization"
	after  map[string]Certainty // what the word before it makes of it, where that matters
}

// notTokens are words that make a unit of text of a "token", or a place in a list.
var notTokens = certain(Not, "first", "last", "per", "input", "output", "prompt", "completion", "max", "min", "stop", "eos", "bos", "pad", "cls",
	"sep", "unk", "mask", "total", "cached", "cache", "reasoning", "image", "audio", "text", "video", "next", "page", "continuation", "sync", "special",
	"start", "end", "each", "of", "by", "budget")

// keys are words that make a secret of a "key", which alone is a key of a map or of a table.
var keys = merge(
	certain(Sure, "api", "access", "secret", "private", "signing", "encryption", "master", "subscription", "auth", "account", "storage", "shared",
		"openai", "anthropic", "claude", "gemini", "google", "litellm", "azure", "groq", "mistral", "cohere", "deepseek", "xai", "openrouter", "bedrock", "tokenboard"),
	certain(Likely, "user", "client", "virtual", "license", "ssh", "provider", "llm", "proxy", "bearer", "service"),
)

// lastWords are the last words of names of secrets, by their last letter.
var lastWords = byLastLetter(
	word{is: "authorization", alone: Sure, joined: Sure},
	word{is: "cookie", alone: Sure, joined: Sure}, word{is: "cookies", alone: Sure, joined: Sure},
	word{is: "password", alone: Sure, joined: Sure}, word{is: "passwords", alone: Sure}, word{is: "passwd", alone: Sure, joined: Sure},
	word{is: "passphrase", alone: Sure, joined: Sure}, word{is: "pwd", alone: Likely},
	word{is: "secret", alone: Sure, after: certain(Sure, "client", "app", "shared")}, word{is: "secrets", alone: Sure},
	word{is: "credential", alone: Sure}, word{is: "credentials", alone: Sure},
	word{is: "token", alone: Likely, after: merge(notTokens, certain(Likely, "access", "auth", "api", "id", "refresh", "session", "bearer",
		"security", "csrf", "xsrf", "bot"))},
	word{is: "jwt", alone: Sure}, word{is: "bearer", alone: Likely}, word{is: "auth", alone: Likely}, word{is: "vk", alone: Likely},
	word{is: "key", after: keys},
)

func certain(c Certainty, words ...string) map[string]Certainty {
	m := make(map[string]Certainty, len(words))
	for _, w := range words {
		m[w] = c
	}
	return m
}

func merge(maps ...map[string]Certainty) map[string]Certainty {
	all := map[string]Certainty{}
	for _, m := range maps {
		for w, c := range m {
			all[w] = c
		}
	}
	return all
}

func byLastLetter(words ...word) (by [256][]word) {
	for _, w := range words {
		c := w.is[len(w.is)-1]
		by[c] = append(by[c], w)
		by[c-'a'+'A'] = append(by[c-'a'+'A'], w)
	}
	return by
}

// valueWords may follow the name of a secret and still mean it.
var valueWords = []string{"value", "values", "header", "headers", "raw", "plain", "plaintext", "string"}

// maxNameWord is the longest word before the last one that means anything, in bytes.
const maxNameWord = 16

// Name reports whether the name of an attribute, header, field or variable is the name of a secret, in any case and
// with any separators: Authorization, x_api_key, OPENAI_API_KEY, clientSecret, set-cookie.
func Name(name string) Certainty {
	if c := nameEnds(name); c != Not {
		return c
	}
	shorter := name
	for shorter != "" && (shorter[len(shorter)-1] == ']' || isDigit(shorter[len(shorter)-1])) { // of a list: authorization.0, cookie[1]
		shorter = shorter[:len(shorter)-1]
	}
	for _, w := range valueWords {
		if n := len(shorter) - len(w); n > 1 && hasSuffixFold(shorter, w) && (!isLetter(shorter[n-1]) || isUpper(shorter[n])) {
			shorter = shorter[:n]
			break
		}
	}
	if len(shorter) == len(name) {
		return Not
	}
	return nameEnds(strings.TrimRight(shorter, "._-[/: "))
}

func nameEnds(name string) Certainty {
	if name == "" {
		return Not
	}
	rows := lastWords[name[len(name)-1]]
	for i := range rows {
		w := &rows[i]
		at := len(name) - len(w.is)
		if at < 0 || !hasSuffixFold(name, w.is) {
			continue
		}
		joined := at > 0 && isLetter(name[at-1]) && (!isUpper(name[at]) || isUpper(name[at-1]))
		if w.after != nil && at > 0 {
			if c, known := w.after[wordBefore(name, at, joined, w.after)]; known {
				return c
			}
		}
		if joined {
			return w.joined
		}
		return w.alone
	}
	return Not
}

// wordBefore returns the word of a name that ends before a place, in lower case. Where nothing parts it from
// what follows, it is the longest known one.
func wordBefore(name string, end int, joined bool, known map[string]Certainty) string {
	var letters [maxNameWord]byte
	if !joined && !isLetter(name[end-1]) {
		end--
	}
	n := 0
	for n < maxNameWord && n < end && isLetter(name[end-1-n]) {
		letters[maxNameWord-1-n] = name[end-1-n] | ' '
		n++
		if isUpper(name[end-n]) && n < end && !isUpper(name[end-n-1]) {
			break // a change of case begins a word
		}
	}
	whole := letters[maxNameWord-n:]
	if !joined {
		return string(whole)
	}
	for i := range whole {
		if _, ok := known[string(whole[i:])]; ok {
			return string(whole[i:])
		}
	}
	return ""
}

func hasSuffixFold(s, lower string) bool {
	s = s[len(s)-len(lower):]
	for i := range len(lower) {
		if s[i]|' ' != lower[i] {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isUpper(c byte) bool  { return c >= 'A' && c <= 'Z' }
func isLetter(c byte) bool { return c|' ' >= 'a' && c|' ' <= 'z' }
func isAlnum(c byte) bool  { return isLetter(c) || isDigit(c) }

// shortest is the length of the shortest secret that is looked for, in bytes: a shorter one may be a part of any word.
const shortest = 8

// Looks reports whether a value could be a secret: not a number, a word, an empty text.
func Looks(value string) bool {
	if len(value) < shortest {
		return false
	}
	const long = 20 // bytes; few words are longer
	digits, uppers, lowers := 0, 0, 0
	for i := range len(value) {
		switch c := value[i]; {
		case isDigit(c):
			digits++
		case isUpper(c) && i > 0:
			uppers++
		case isLetter(c):
			lowers++
		case c <= ' ':
			return false
		}
	}
	if digits+uppers+lowers == 0 || uppers+lowers == 0 && numeric(value) {
		return false
	}
	return digits > 0 || len(value) >= long || uppers > 0 && lowers > 0
}

func numeric(s string) bool {
	return strings.Trim(s, "0123456789.,+-eE ") == ""
}

// Bare takes the scheme off the value of an Authorization header.
func Bare(value string) string {
	value = strings.TrimSpace(value)
	if scheme, rest, ok := strings.Cut(value, " "); ok && isScheme(scheme) {
		value = strings.TrimSpace(rest)
	}
	return value
}

// isScheme recognises the schemes of Authorization headers that a secret follows.
func isScheme(s string) bool {
	for _, scheme := range []string{"bearer", "basic", "token", "apikey", "api-key", "digest", "negotiate"} {
		if strings.EqualFold(s, scheme) {
			return true
		}
	}
	return false
}
