package console_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
)

// BenchmarkIdentify measures what finding out who a request acts for costs: go test ./internal/console -run - -bench Identify
func BenchmarkIdentify(b *testing.B) {
	o := consoletest.NewSecured(b, nil)
	alice := o.NewPerson("alice", access.Viewer)
	token := alice.Token(access.Viewer)
	handler := o.Console.Identified(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if access.From(r.Context()).Role != access.Viewer {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	for name, header := range map[string]map[string]string{"session": alice.Header, "token": token.Header, "nobody": nil} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "http://localhost:8317"+api.Base+"/stats", nil)
				for k, v := range header {
					r.Header.Set(k, v)
				}
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if (w.Code == http.StatusOK) != (header != nil) {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
