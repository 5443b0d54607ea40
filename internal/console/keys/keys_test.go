package keys_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestKeyLife(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	made := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":" alice ","description":"laptop","owner":"Alice","expires_at":"2027-01-01T00:00:00Z"}`, 201)
	require.True(t, strings.HasPrefix(made.Secret, "tb-"))
	require.GreaterOrEqual(t, len(made.Secret), len("tb-")+43, "256 bits")
	require.Equal(t, "alice", made.Name)
	require.Equal(t, usage.DisplayKey(made.Secret), made.Display)

	list := b.Do("GET", api.Base+"/keys", "", nil).Body.String()
	require.NotContains(t, list, made.Secret)
	stored, _, err := b.Directory.Keys(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, b.Ledger.KeyedFingerprint(usage.Fingerprint(made.Secret)), stored[0].Fingerprint)

	c := usage.Call{
		ID: usage.ID{1}, Trace: usage.TraceID{1}, Span: usage.SpanID{1}, Role: usage.RoleCall, Start: consoletest.TestNow.Add(-time.Hour), Model: "m",
		KeyFingerprint: usage.Fingerprint(made.Secret), KeyDisplay: "other",
		Tokens: usage.Tokens{InputUncached: 3, OutputText: 4, Fields: usage.HasInput | usage.HasOutput},
	}
	require.NoError(t, b.Ledger.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
	key := consoletest.Data[[]keys.Key](b, "GET", "/keys", "", 200)[0]
	require.EqualValues(t, 7, key.Usage.Total)
	require.True(t, key.LastUsedAt.Equal(c.Start))
	for _, filter := range []string{"alice", made.ID, usage.Fingerprint(made.Secret)} {
		page := consoletest.Data[calls.LogPage](b, "GET", "/logs?key="+filter, "", 200)
		require.Len(t, page.Items, 1, filter)
		require.Equal(t, &calls.KeyRef{ID: made.ID, Name: "alice", Display: made.Display}, page.Items[0].Key)
	}
	for _, q := range []string{"key:alice", "key:ALI", "lic", "key:" + made.ID, "status:ok", "quality:unpriced", "-key:bob", "superseded:no"} {
		require.Len(t, consoletest.Data[calls.LogPage](b, "GET", "/logs?q="+q, "", 200).Items, 1, q)
	}
	for _, q := range []string{"key:bob", "-key:alice", "status:5xx", "quality:no_usage", "superseded:yes", "-m"} {
		require.Empty(t, consoletest.Data[calls.LogPage](b, "GET", "/logs?q="+q, "", 200).Items, q)
	}
	require.Empty(t, consoletest.Data[calls.LogPage](b, "GET", "/logs?key=bob", "", 200).Items)

	require.Equal(t, keys.Revoked{ID: made.ID, Status: "revoked"}, consoletest.Data[keys.Revoked](b, "DELETE", "/keys/"+made.ID, "", 200))
	consoletest.RequireProblem(t, b.Do("DELETE", api.Base+"/keys/"+made.ID, "", nil), 404)
	require.Equal(t, "revoked", consoletest.Data[[]keys.Key](b, "GET", "/keys", "", 200)[0].Status)
	require.Equal(t, "alice", consoletest.Data[calls.LogPage](b, "GET", "/logs", "", 200).Items[0].Key.Name, "history keeps the name")
	consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"alice"}`, 201) // the name is free again
}

func TestMaxKeys(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) { o.MaxKeys = 2 })
	consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"a"}`, 201)
	second := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"b"}`, 201)
	consoletest.RequireProblem(t, b.Do("POST", api.Base+"/keys", `{"name":"c"}`, nil), 409)
	consoletest.Data[keys.Revoked](b, "DELETE", "/keys/"+second.ID, "", 200)
	consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"c"}`, 201)
}
