package console_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
)

// TestPagesFromElsewhere asks every route as a browser does for a page from elsewhere: by frame, image,
// script, fetch and link, signed in and where access is open. Only links to the page itself are followed.
func TestPagesFromElsewhere(t *testing.T) {
	signedIn := consoletest.NewSecured(t, consoletest.WithProvider(t))
	root := signedIn.NewPerson("root", access.Admin)
	open := consoletest.NewBench(t, nil)
	link := map[string]bool{"GET /console/": true, "GET /console": true, "GET /{$}": true, "GET /console/from-grafana": true,
		"GET /api/console/docs": true, "GET /api/console/session/oidc/callback": true}
	for _, e := range expectations {
		method, target, _ := strings.Cut(e.route, " ")
		if e.target != "" {
			target = e.target
		}
		target = strings.NewReplacer("{id}", "x", "{call}", "x", "{key}", "x", "{token}", "x", "{file}", "x").Replace(target)
		forwards := strings.Contains(target, "/forward-auth")
		for _, site := range []string{"cross-site", "same-site", "unheard-of"} {
			for _, way := range []struct{ mode, dest string }{
				{"navigate", "iframe"}, {"navigate", "frame"}, {"navigate", "embed"}, {"navigate", "object"}, {"navigate", "fencedframe"},
				{"no-cors", "image"}, {"no-cors", "script"}, {"no-cors", "style"}, {"no-cors", "empty"}, {"cors", "empty"}, {"cors", "font"},
				{"websocket", "empty"}, {"no-cors", "audio"}, {"same-origin", "worker"}, {"", ""}, {"navigate", "document"}, {"navigate", ""},
			} {
				header := map[string]string{"Sec-Fetch-Site": site}
				if way.mode != "" {
					header["Sec-Fetch-Mode"] = way.mode
				}
				if way.dest != "" {
					header["Sec-Fetch-Dest"] = way.dest
				}
				what := fmt.Sprint(e.route, " ", header)
				followed := way.mode == "navigate" && (way.dest == "document" || way.dest == "") && link[e.route]
				if !forwards {
					w := open.Do(method, target, e.body, header)
					require.Equal(t, !followed, w.Code == 403 && strings.Contains(w.Body.String(), "pages"), "%s: %d %s", what, w.Code, w.Body)
				}
				header["Cookie"] = root.Header["Cookie"]
				w := signedIn.Do(method, target, e.body, header)
				switch {
				case forwards:
					require.Equal(t, 401, w.Code, what)
				case followed:
					require.NotContains(t, w.Body.String(), "other web pages", what)
				default:
					require.Equal(t, 403, w.Code, what)
				}
			}
		}
		if !forwards {
			w := open.Do(method, target, e.body, map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"})
			require.Equal(t, 403, w.Code, "nothing is shown in a frame, of the console's own page either")
		}
	}
	for _, header := range []map[string]string{{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty"}, {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, {}} {
		require.Equal(t, 200, open.Do("GET", api.Base+"/stats", "", header).Code, header)
	}
}
