package views_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/views"
)

// TestViewsArePrivateOrShared: one's own views are seen and changed by oneself only; shared ones are seen by all, and admins delete them. Every
// change is in the audit log.
func TestViewsArePrivateOrShared(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root, mia, vic := o.NewPerson("root", access.Admin), o.NewPerson("mia", access.Member), o.NewPerson("vic", access.Viewer)
	mine := consoletest.Read[views.View](t, mia.Do("POST", "/views", `{"name":" My week ","page":"explore","query":"compare=before&range=week&by=model"}`), 201)
	require.Equal(t, "My week", mine.Name)
	require.Equal(t, "by=model&compare=before&range=week", mine.Query, "in one order, so that equal views have equal addresses")
	require.True(t, mine.Own)
	list := func(p *consoletest.Person) []views.View {
		return consoletest.Read[[]views.View](t, p.Do("GET", "/views", ""), 200)
	}
	require.Len(t, list(mia), 1)
	require.Empty(t, list(vic))
	require.Empty(t, list(root))
	consoletest.RequireProblem(t, vic.Do("PATCH", "/views/"+mine.ID, `{"name":"x"}`), 404)
	consoletest.RequireProblem(t, root.Do("DELETE", "/views/"+mine.ID, ""), 404)

	shared := consoletest.Read[views.View](t, mia.Do("PATCH", "/views/"+mine.ID, fmt.Sprintf(`{"shared":true,"version":%d}`, mine.Version)), 200)
	consoletest.RequireProblem(t, mia.Do("PATCH", "/views/"+mine.ID, fmt.Sprintf(`{"shared":false,"version":%d}`, mine.Version)), 409)
	require.Equal(t, "My week", list(vic)[0].Name)
	require.False(t, list(vic)[0].Own)
	require.EqualValues(t, "view_of_another", consoletest.RequireProblem(t, vic.Do("PATCH", "/views/"+mine.ID, `{"name":"x"}`), 403).Reason)
	require.EqualValues(t, "view_of_another", consoletest.RequireProblem(t, vic.Do("DELETE", "/views/"+mine.ID, ""), 403).Reason)
	require.EqualValues(t, "view_name_taken", consoletest.RequireProblem(t, mia.Do("POST", "/views", `{"name":"MY WEEK","page":"logs"}`), 409).Reason)
	consoletest.Read[views.View](t, vic.Do("POST", "/views", `{"name":"My week","page":"logs"}`), 201)
	consoletest.Read[views.RemovedView](t, root.Do("DELETE", fmt.Sprintf("/views/%s?version=%d", mine.ID, shared.Version), ""), 200)
	require.Len(t, list(vic), 1)
	var actions []string
	for _, i := range consoletest.Read[audit.Page](t, root.Do("GET", "/audit", ""), 200).Items {
		if strings.HasPrefix(i.Action, "view.") {
			actions = append(actions, i.Actor.Name+" "+i.Action)
		}
	}
	require.Equal(t, []string{"root view.delete", "vic view.create", "mia view.change", "mia view.create"}, actions)
}

// TestViewsRefuse: what makes no view names its reason.
func TestViewsRefuse(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	for body, reason := range map[string]api.Reason{
		`{"page":"logs"}`: "name_empty", `{"name":"x"}`: "name_empty", `{"name":" ","page":"logs"}`: "name_empty",
		`{"name":"a\u202eb","page":"logs"}`:                                      "text_invisible",
		`{"name":"x","page":"users"}`:                                            "value_not_listed",
		`{"name":"x","page":"logs","query":"a=%zz"}`:                             "view_query_unfit",
		`{"name":"x","page":"logs","query":"` + strings.Repeat("a", 4097) + `"}`: "text_too_long",
		`{"name":"` + strings.Repeat("ä", 101) + `","page":"logs"}`:              "text_too_long",
	} {
		p := consoletest.RequireProblem(t, b.Do("POST", api.Base+"/views", body, nil), 400)
		require.Equal(t, reason, p.Details[0].Reason, body)
	}
	for i := range 200 {
		consoletest.Data[views.View](b, "POST", "/views", fmt.Sprintf(`{"name":"v%d","page":"logs"}`, i), 201)
	}
	require.EqualValues(t, "views_full", consoletest.RequireProblem(t, b.Do("POST", api.Base+"/views", `{"name":"more","page":"logs"}`, nil), 409).Reason)
	require.EqualValues(t, "view_unknown", consoletest.RequireProblem(t, b.Do("DELETE", api.Base+"/views/"+"none", "", nil), 404).Reason)
}

// TestHostileViews: names and queries that break statements, documents and addresses are texts like others.
func TestHostileViews(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	for _, text := range []string{"'; DROP TABLE views; --", `<script>alert(1)</script>`, "javascript:alert(1)", "//example.org", `a"b\c`, "名 🙂"} {
		quoted, err := json.Marshal(text)
		require.NoError(t, err)
		v := consoletest.Data[views.View](b, "POST", "/views", fmt.Sprintf(`{"name":%s,"page":"explore","query":%s}`, quoted, strings.ReplaceAll(string(quoted), ";", "")), 201)
		require.Equal(t, text, v.Name)
		require.NotContains(t, v.Query, "<")
		require.NotContains(t, v.Query, "//")
		consoletest.Data[views.RemovedView](b, "DELETE", "/views/"+v.ID, "", 200)
	}
}
