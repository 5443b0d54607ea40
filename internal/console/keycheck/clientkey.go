package keycheck

import (
	"net/http"
	"net/url"
	"strings"
)

// clientKey is the key that a call brings, and where it was: the lower-case name of a header, or query.
type clientKey struct{ key, from string }

// keyPlace is a header in which some proxy looks for a client's key; docs/keys.md says which.
type keyPlace struct {
	header string
	scheme bool // a scheme may precede the key: Bearer
}

// keyPlaces are in the order in which the first one that holds the key is named.
var keyPlaces = []keyPlace{
	{"Authorization", true}, {"X-Api-Key", false}, {"Api-Key", false}, {"X-Goog-Api-Key", false}, {"X-Litellm-Api-Key", true}, {"X-Bf-Vk", false},
	{"Ocp-Apim-Subscription-Key", false}, {"Mj-Api-Secret", true},
}

const (
	keyFromQuery     = "query"
	keyFromWebSocket = "Sec-Websocket-Protocol"
	// webSocketKey begins the subprotocol in which OpenAI's clients in browsers send a key.
	webSocketKey = "openai-insecure-api-key."
)

// keyParameters are the names of query parameters that hold keys, in lower case and with _ for -.
var keyParameters = map[string]bool{
	"key": true, "auth_token": true, "api_key": true, "apikey": true, "access_token": true, "subscription_key": true, "x_api_key": true, "x_goog_api_key": true,
}

// findKey finds the one key that a call brings in its headers or in the query of an address. A check
// of one key would be useless if the proxy used another, so that ambiguous calls are refused: problem says
// why, and repeats no key.
func findKey(h http.Header, addresses ...string) (found clientKey, problem string) {
	take := func(key, from string) string {
		if found.key != "" && found.key != key {
			return "the call brings different keys, in " + found.from + " and in " + from + "; send one"
		}
		if found.key == "" {
			found = clientKey{key, from}
		}
		return ""
	}
	if problem := otherSpelling(h); problem != "" {
		return clientKey{}, problem
	}
	for _, place := range keyPlaces {
		values := h.Values(place.header)
		if len(values) > 1 {
			return clientKey{}, place.header + " is there more than once; send it once"
		}
		if len(values) == 0 || strings.TrimSpace(values[0]) == "" {
			continue
		}
		key, ok := place.Read(values[0])
		if !ok {
			return clientKey{}, place.header + " holds something that is not one key; send Bearer and the key, or the key alone"
		}
		if problem := take(key, strings.ToLower(place.header)); problem != "" {
			return clientKey{}, problem
		}
	}
	for _, part := range strings.Split(strings.Join(h.Values(keyFromWebSocket), ","), ",") {
		key, ok := strings.CutPrefix(strings.TrimSpace(part), webSocketKey)
		if !ok || key == "" {
			continue
		}
		if problem := take(key, strings.ToLower(keyFromWebSocket)); problem != "" {
			return clientKey{}, problem
		}
	}
	for _, address := range addresses {
		keys, ok := keysOfQuery(address)
		if !ok {
			return clientKey{}, "the query of the call cannot be read"
		}
		for _, key := range keys {
			if !plainKey(key) {
				return clientKey{}, "the query holds something that is not one key"
			}
			if problem := take(key, keyFromQuery); problem != "" {
				return clientKey{}, problem
			}
		}
		if len(keys) > 1 {
			return clientKey{}, "the query holds a key more than once; send it once"
		}
	}
	return found, ""
}

// Read returns the key of a header's value.
func (p *keyPlace) Read(value string) (string, bool) {
	value = strings.Trim(value, " \t")
	if p.scheme {
		if scheme, rest, ok := strings.Cut(value, " "); ok && strings.EqualFold(scheme, "bearer") {
			value = strings.Trim(rest, " \t")
		}
		if strings.EqualFold(value, "bearer") {
			return "", false
		}
	}
	return value, plainKey(value)
}

// plainKey reports whether a text is a key and nothing else: no list, no scheme, no quotation.
func plainKey(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == ',' || c == '"' {
			return false
		}
	}
	return s != ""
}

// otherSpelling finds headers that some servers take for one of keyPlaces, because they make _ of -.
func otherSpelling(h http.Header) (problem string) {
	for name := range h {
		if !strings.Contains(name, "_") {
			continue
		}
		plain := strings.ReplaceAll(name, "_", "-")
		for i := range keyPlaces {
			if strings.EqualFold(plain, keyPlaces[i].header) {
				return "a header is spelled with _ that holds a key as " + keyPlaces[i].header + "; send that"
			}
		}
	}
	return ""
}

// keysOfQuery returns the keys in the query of an address.
func keysOfQuery(address string) (keys []string, ok bool) {
	_, query, _ := strings.Cut(address, "?")
	query, _, _ = strings.Cut(query, "#")
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, false
	}
	for name, all := range values {
		if !keyParameters[strings.ReplaceAll(strings.ToLower(name), "-", "_")] {
			continue
		}
		for _, v := range all {
			if v != "" {
				keys = append(keys, v)
			}
		}
	}
	return keys, true
}
