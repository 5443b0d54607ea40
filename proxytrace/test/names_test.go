package test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/proxytrace"
	"github.com/tokenboard/tokenboard/proxytrace/internal/answers"
)

// TestNames: the library and Tokenboard have the names of attributes twice. Every name that a span can have
// is one that Tokenboard reads, or one of a few that it leaves alone.
func TestNames(t *testing.T) {
	want := []string{
		usage.AttrOperation, usage.AttrProvider, usage.AttrRequestModel, usage.AttrRequestStream, usage.AttrResponseModel, usage.AttrResponseID,
		usage.AttrTTFT, usage.AttrInputTokens, usage.AttrOutputTokens, usage.AttrCacheRead, usage.AttrCacheWrite, usage.AttrReasoningTokens,
		usage.AttrErrorType, usage.AttrHTTPMethod, usage.AttrHTTPStatus, usage.AttrHTTPRoute, usage.AttrURLPath, usage.AttrUserID,
		usage.AttrRole, usage.AttrCacheWrite1h, usage.AttrQuality, usage.AttrKeyFingerprint, usage.AttrKeyDisplay, usage.AttrRequestID, usage.AttrUser,
		usage.AttrAudioInput, usage.AttrAudioOutput, usage.AttrImageInput, usage.AttrImageCacheRead, usage.AttrImageOutput,
		"tokenboard.usage.audio.input_seconds",
		"gen_ai.response.finish_reasons", "openai.response.service_tier", "openai.request.service_tier",
		"anthropic.response.service_tier", "gen_ai.response.service_tier", "gen_ai.request.service_tier", "server.address", "server.port",
	}
	got := map[string]bool{}
	for i := range answers.Cases {
		c := &answers.Cases[i]
		s := newSpans(t)
		h := proxytrace.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Request-Id", "req_1")
			script(c, "", [][]byte{[]byte(c.Body)}).ServeHTTP(w, r)
		}), proxytrace.WithTracerProvider(s.provider), proxytrace.WithUser(func(*http.Request) string { return "alice" }),
			proxytrace.WithRoute(func(*http.Request) string { return "/v1/{rest}" }))
		r := requestOf(c, "http://board.example:8080"+c.Path)
		r.Header.Set("Authorization", "Bearer "+clientKey)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		_, err := io.Copy(io.Discard, w.Body)
		require.NoError(t, err)
		for name := range attributes(s.only(t, 1)) {
			got[name] = true
		}
	}
	slices.Sort(want)
	require.Equal(t, want, slices.Sorted(maps.Keys(got)))
}

// TestKeyForms: a key has the same fingerprint and the same display in the library and in Tokenboard.
func TestKeyForms(t *testing.T) {
	for _, key := range []string{
		"k", "short-key-of-16c", "seventeen-letters", clientKey, "sk-Ünïcödé-ключ-鍵鍵鍵-0123456789", "鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵鍵", strings.Repeat("a", 4096),
	} {
		s := newSpans(t)
		r := httptest.NewRequest(http.MethodPost, "/v1/messages", strings.NewReader("{}"))
		r.Header.Set("X-Api-Key", key)
		proxytrace.Middleware(http.NotFoundHandler(), proxytrace.WithTracerProvider(s.provider)).ServeHTTP(httptest.NewRecorder(), r)
		m := attributes(s.only(t, 1))
		require.Equal(t, usage.Fingerprint(key), m[usage.AttrKeyFingerprint].AsString(), key)
		require.Equal(t, usage.DisplayKey(key), m[usage.AttrKeyDisplay].AsString(), key)
	}
}
