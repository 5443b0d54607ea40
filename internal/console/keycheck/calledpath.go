// Package keycheck answers gateways whether a key may make a call, and reserves what it will use.
package keycheck

import (
	"net/url"
	"regexp"
	"strings"
)

// plainPath reports whether all readers interpret the path of a request in the same way: no dot
// segments, no empty ones, no path parameters, nothing that becomes a separator when it is decoded.
func plainPath(escaped string) bool {
	segments := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	for i, s := range segments {
		text, err := url.PathUnescape(s)
		if err != nil || text == "." || text == ".." || (text == "" && i < len(segments)-1) {
			return false
		}
		if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`/\;%?#`, r) }) {
			return false
		}
	}
	return true
}

// modelPaths are the calls whose path contains the whole name of the model: Google's Gemini and Vertex APIs,
// Azure's and OpenAI's older ones, Amazon Bedrock's; and what gateways put before them.
var modelPaths = []*regexp.Regexp{
	regexp.MustCompile(`^(?:/gemini|/genai|/google)?/v1(?:alpha|beta)?[0-9]*/models/([^/:]+):[A-Za-z]+$`),
	regexp.MustCompile(`^(?:/vertex_ai|/vertex-ai)?/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/publishers/[^/]+/models/([^/:]+):[A-Za-z]+$`),
	regexp.MustCompile(`^(?:/azure)?/openai/deployments/([^/]+)/` + openAICalls + `$`),
	regexp.MustCompile(`^(?:/v1)?/engines/([^/]+)/` + openAICalls + `$`),
	regexp.MustCompile(`^(?:/bedrock)?/model/([^/]+)/(?:invoke|invoke-with-response-stream|converse|converse-stream|count-tokens)$`),
}

const openAICalls = `(?:chat/completions|completions|embeddings|responses|realtime|images/generations|images/edits|audio/speech|audio/transcriptions|audio/translations)`

// modelOfPath returns the model that a plain path names; "" where it is in the body.
func modelOfPath(escaped string) string {
	for _, p := range modelPaths {
		if m := p.FindStringSubmatch(escaped); m != nil {
			model, err := url.PathUnescape(m[1])
			if err != nil {
				return ""
			}
			return model
		}
	}
	return ""
}
