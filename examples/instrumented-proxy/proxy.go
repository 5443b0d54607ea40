package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/tokenboard/tokenboard/proxytrace"
)

// provider is where calls of one API go.
type provider struct {
	name   string
	url    *url.URL
	key    string
	keyIn  string // the header
	prefix string // of the header's value
}

// keyHeaders carry clients' keys; none of them reaches a provider.
var keyHeaders = []string{"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"}

// newProxy puts the proxy together: the key is checked, then the call is traced, then sent on.
func newProxy(s settings, env func(string) string, traces trace.TracerProvider) (http.Handler, error) {
	providers := map[string]*provider{
		"openai":    {key: env("OPENAI_API_KEY"), keyIn: "Authorization", prefix: "Bearer "},
		"anthropic": {key: env("ANTHROPIC_API_KEY"), keyIn: "X-Api-Key"},
		"gemini":    {key: env("GEMINI_API_KEY"), keyIn: "X-Goog-Api-Key"},
	}
	for name, address := range map[string]string{"openai": s.openAI, "anthropic": s.anthropic, "gemini": s.gemini} {
		u, err := url.Parse(address)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("-%s: %q is no URL", name, address)
		}
		providers[name].name, providers[name].url = name, u
	}
	options := []proxytrace.Option{
		proxytrace.WithTracerProvider(traces),
		proxytrace.WithUser(func(r *http.Request) string { return ownerOf(r.Context()) }),
	}
	if s.bodyUser {
		options = append(options, proxytrace.WithBodyUser())
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.DisableCompression = true // clients ask for what they can read
	base.MaxIdleConnsPerHost = 100
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			p := providers[providerOf(r.In)]
			r.SetURL(p.url)
			for _, h := range keyHeaders {
				r.Out.Header.Del(h)
			}
			if q := r.Out.URL.Query(); q.Has("key") {
				q.Del("key")
				r.Out.URL.RawQuery = q.Encode()
			}
			r.Out.Header.Set(p.keyIn, p.prefix+p.key)
		},
		Transport:     proxytrace.NewTransport(base, options...),
		FlushInterval: -1, // every event of a stream at once
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			slog.Warn("provider does not answer", "provider", providerOf(r), "error", err)
			refuse(w, r, &refusal{http.StatusBadGateway, "the provider does not answer", ""})
		},
	}
	traced := proxytrace.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // see proxytrace/README.md
		proxy.ServeHTTP(w, r)
	}), options...)
	checked, err := newVerifier(s.verify, traced)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.Handle("/v1/", checked)
	mux.Handle("/v1beta/", checked)
	return http.MaxBytesHandler(whole(mux), s.maxBody), nil
}

// providerOf returns whose API a request calls.
func providerOf(r *http.Request) string {
	switch {
	case strings.HasPrefix(r.URL.Path, "/v1beta/"), strings.Contains(r.URL.Path, ":generateContent"), strings.Contains(r.URL.Path, ":streamGenerateContent"):
		return "gemini"
	case strings.HasPrefix(r.URL.Path, "/v1/messages"), r.Header.Get("Anthropic-Version") != "":
		return "anthropic"
	default:
		return "openai"
	}
}

// whole reads a request's body before anything is decided: a key may be for some models only.
func whole(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var tooLong *http.MaxBytesError
		switch {
		case errors.As(err, &tooLong):
			refuse(w, r, &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is longer than %d bytes", tooLong.Limit), ""})
			return
		case err != nil:
			return // the client is gone
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		next.ServeHTTP(w, r.WithContext(withModel(r.Context(), modelOf(r, body))))
	})
}

// modelOf returns which model a request asks for, "" where it asks for none.
func modelOf(r *http.Request, body []byte) string {
	if _, rest, ok := strings.Cut(r.URL.Path, "/models/"); ok {
		model, _, _ := strings.Cut(rest, ":")
		return model
	}
	if kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "multipart/form-data" {
		return modelOfForm(multipart.NewReader(bytes.NewReader(body), params["boundary"]))
	}
	var b struct {
		Model string `json:"model"`
	}
	_ = json.Unmarshal(body, &b)
	return b.Model
}

// modelOfForm returns the model that a form asks for: requests about images and sound are forms with files.
func modelOfForm(form *multipart.Reader) string {
	for {
		part, err := form.NextPart()
		if err != nil {
			return ""
		}
		if part.FormName() == "model" && part.FileName() == "" {
			const longest = 512
			model, err := io.ReadAll(io.LimitReader(part, longest))
			if err != nil {
				return ""
			}
			return string(model)
		}
	}
}

// refusal is an answer of the proxy itself.
type refusal struct {
	status     int
	message    string
	retryAfter string
}

// refuse answers in the form in which the client's SDK expects errors.
func refuse(w http.ResponseWriter, r *http.Request, f *refusal) {
	kind := map[int]string{401: "authentication_error", 403: "permission_error", 413: "request_too_large", 429: "rate_limit_error"}[f.status]
	if kind == "" {
		kind = "api_error"
	}
	var body any
	switch providerOf(r) {
	case "anthropic":
		body = map[string]any{"type": "error", "error": map[string]any{"type": kind, "message": f.message}}
	case "gemini":
		state := map[int]string{401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}[f.status]
		if state == "" {
			state = "UNAVAILABLE"
		}
		body = map[string]any{"error": map[string]any{"code": f.status, "message": f.message, "status": state}}
	default:
		body = map[string]any{"error": map[string]any{"message": f.message, "type": kind, "param": nil, "code": kind}}
	}
	w.Header().Set("Content-Type", "application/json")
	if f.retryAfter != "" {
		w.Header().Set("Retry-After", f.retryAfter)
	}
	w.WriteHeader(f.status)
	_ = json.NewEncoder(w).Encode(body)
}
