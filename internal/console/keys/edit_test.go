package keys_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keycheck"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestChangeKey(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	made := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"a","owner":"alice","models":["gpt-*"],"limits":{"requests_per_minute":5,"tokens":{"day":100},"usd":{"month":1.5}}}`, 201)
	require.Equal(t, []string{"gpt-*"}, made.Models)
	require.EqualValues(t, 100, *made.Limits.Tokens.Day)
	require.EqualValues(t, 1_500_000_000, *made.Limits.USD.Month)
	require.EqualValues(t, 100, made.Left.Tokens.Day.Left)
	require.True(t, made.Left.Tokens.Day.ResetsAt.Equal(time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC)))
	path := "/keys/" + made.ID
	require.Equal(t, made.Key, consoletest.Data[keys.Key](b, "GET", path, "", 200))

	same := consoletest.Data[keys.Key](b, "PATCH", path, `{}`, 200)
	require.Equal(t, made.Key, same)
	changed := consoletest.Data[keys.Key](b, "PATCH", path, `{"name":"B","description":"d","limits":{"tokens":{"total":7}},"models":null,"expires_at":"2027-01-01T00:00:00Z","disabled":true}`, 200)
	require.Equal(t, "B", changed.Name)
	require.Equal(t, "disabled", changed.Status)
	require.Empty(t, changed.Models)
	require.Nil(t, changed.Limits.RequestsPerMinute, "limits are replaced as a whole")
	require.EqualValues(t, 7, changed.Left.Tokens.Total.Left)
	require.Nil(t, changed.Left.Tokens.Total.ResetsAt)
	require.NotNil(t, changed.ExpiresAt)
	cleared := consoletest.Data[keys.Key](b, "PATCH", path, `{"description":null,"owner":null,"limits":null,"expires_at":null,"disabled":false}`, 200)
	require.Equal(t, "active", cleared.Status)
	require.Empty(t, cleared.Description+cleared.Owner)
	require.Nil(t, cleared.Limits)
	require.Nil(t, cleared.Left)
	require.Nil(t, cleared.ExpiresAt)
	require.Equal(t, "B", cleared.Name)

	consoletest.Data[keys.Revoked](b, "DELETE", path, "", 200)
	consoletest.RequireProblem(t, b.Do("PATCH", api.Base+path, `{"name":"c"}`, nil), 409)
	consoletest.RequireProblem(t, b.Do("POST", api.Base+path+"/rotate", `{}`, nil), 409)
	actions := map[string]int{}
	for _, e := range consoletest.Data[audit.Page](b, "GET", "/audit?target="+made.ID, "", 200).Items {
		actions[e.Action]++
	}
	require.Equal(t, map[string]int{"key.create": 1, "key.change": 3, "key.revoke": 1}, actions)
}

func TestRotateKey(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	old := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"a"}`, 201)
	b.Spend(1, usage.Fingerprint(old.Secret), "m", 5)
	fresh := consoletest.Data[keys.NewKey](b, "POST", "/keys/"+old.ID+"/rotate", `{"overlap_seconds":3600}`, 201)
	require.Equal(t, old.ID, fresh.ID)
	require.NotEqual(t, old.Secret, fresh.Secret)
	require.Equal(t, &keys.Rotation{Display: old.Display, Until: consoletest.TestNow.Add(time.Hour)}, fresh.Rotated)
	b.Spend(2, usage.Fingerprint(fresh.Secret), "m", 70)
	for _, secret := range []string{old.Secret, fresh.Secret} {
		require.Equal(t, old.ID, consoletest.Data[keycheck.Verified](b, "POST", "/keys/verify", `{"key":"`+secret+`"}`, 200).ID)
	}
	require.EqualValues(t, 75, consoletest.Data[keys.Key](b, "GET", "/keys/"+old.ID, "", 200).Usage.Total)
	for _, key := range []string{"a", old.ID, usage.Fingerprint(old.Secret), usage.Fingerprint(fresh.Secret)} {
		require.EqualValues(t, 75, consoletest.Data[stats.Stats](b, "GET", "/stats?key="+key, "", 200).Used, key)
	}
	require.Len(t, consoletest.Data[calls.LogPage](b, "GET", "/logs?q=key:a", "", 200).Items, 2)
	for _, item := range consoletest.Data[calls.LogPage](b, "GET", "/logs?key=a", "", 200).Items {
		require.Equal(t, "a", item.Key.Name)
	}
	trend := consoletest.Data[stats.Trend](b, "GET", "/usage-trend?group_by=key", "", 200)
	require.Len(t, trend.Series, 1, "one key is one series")

	consoletest.Data[keys.NewKey](b, "POST", "/keys/"+old.ID+"/rotate", ``, 201) // no overlap
	consoletest.RequireProblem(t, b.Do("POST", api.Base+"/keys/verify", `{"key":"`+fresh.Secret+`"}`, nil), 401)
	consoletest.Data[keycheck.Verified](b, "POST", "/keys/verify", `{"key":"`+old.Secret+`"}`, 200) // its own overlap lasts
}

func TestImportKeys(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.Spend(1, usage.Fingerprint("sk-from-elsewhere-0123456789"), "m", 5)
	body := `{"keys":[{"name":"by value","key":"sk-from-elsewhere-0123456789","owner":"alice"},{"name":"by print","fingerprint":"` +
		strings.ToUpper(usage.Fingerprint("other")) + `","display":"ot…er","limits":{"tokens":{"day":9}}}]}`
	got := consoletest.Data[keys.Imported](b, "POST", "/keys/import", body, 200)
	require.Equal(t, 2, got.Added)
	require.Equal(t, "imported", got.Keys[0].Origin)
	require.Equal(t, usage.DisplayKey("sk-from-elsewhere-0123456789"), got.Keys[0].Display)
	require.EqualValues(t, 5, got.Keys[0].Usage.Total, "history gets the name")
	require.Equal(t, "ot…er", got.Keys[1].Display)
	require.Equal(t, "by print", consoletest.Data[keycheck.Verified](b, "POST", "/keys/verify", `{"key":"other"}`, 200).Name)
	again := consoletest.Data[keys.Imported](b, "POST", "/keys/import", body, 200)
	require.Equal(t, 2, again.Known)
	require.Zero(t, again.Added)
	require.Len(t, consoletest.Data[[]keys.Key](b, "GET", "/keys", "", 200), 2)
}

func TestKeyPages(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	var want []string
	for i := range 25 {
		k := consoletest.Data[keys.NewKey](b, "POST", "/keys", fmt.Sprintf(`{"name":"key %02d","owner":"o%d"}`, i, i%2), 201)
		if i%2 == 0 {
			want = append(want, k.ID)
		}
		if i == 4 {
			consoletest.Data[keys.Revoked](b, "DELETE", "/keys/"+k.ID, "", 200)
		}
	}
	var got []string
	for target := api.Base + "/keys?owner=o0&limit=4&q=KEY"; target != ""; {
		w := b.Do("GET", target, "", nil)
		require.Equal(t, 200, w.Code, w.Body)
		require.Equal(t, "13", w.Header().Get("X-Total-Count"))
		for _, k := range consoletest.Decode[[]keys.Key](t, w) {
			got = append(got, k.ID)
		}
		target, _, _ = strings.Cut(strings.TrimPrefix(w.Header().Get("Link"), "<"), ">")
		if target == "" {
			require.Empty(t, w.Header().Get("X-Next-Cursor"))
		}
	}
	require.ElementsMatch(t, want, got)
	require.Len(t, consoletest.Data[[]keys.Key](b, "GET", "/keys", "", 200), 25)
	require.Len(t, consoletest.Data[[]keys.Key](b, "GET", "/keys?status=revoked", "", 200), 1)
	require.Len(t, consoletest.Data[[]keys.Key](b, "GET", "/keys?status=revoked&status=active", "", 200), 25)
	require.Len(t, consoletest.Data[[]keys.Key](b, "GET", "/keys?q=key+07", "", 200), 1)
	require.Empty(t, consoletest.Data[[]keys.Key](b, "GET", "/keys?q=%25", "", 200), "a percent sign is no wildcard")
}

func TestMembersMayCloseKeysOnly(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	k := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"a","owner":"alice","limits":{"tokens":{"day":5}},"models":["m"],"expires_at":"2027-01-01T00:00:00Z"}`, 201)
	other := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"b"}`, 201)
	alice := b.As(access.Principal{Name: "alice", Role: access.Member})
	path := "/keys/" + k.ID
	for _, body := range []string{
		`{"owner":"bob"}`, `{"owner":null}`, `{"limits":null}`, `{"limits":{"tokens":{"day":50}}}`, `{"models":null}`, `{"models":["*"]}`,
		`{"expires_at":null}`, `{"expires_at":"2028-01-01T00:00:00Z"}`,
	} {
		consoletest.RequireProblem(t, alice.Do("PATCH", api.Base+path, body, nil), 403)
	}
	require.Equal(t, k.Key, consoletest.Data[keys.Key](alice, "GET", path, "", 200), "nothing was changed")
	consoletest.Data[keys.Key](alice, "PATCH", path, `{"name":"mine","description":"x","expires_at":"2026-12-01T00:00:00Z","disabled":true}`, 200)
	consoletest.RequireProblem(t, alice.Do("PATCH", api.Base+path, `{"disabled":false}`, nil), 403)
	consoletest.Data[keys.Key](b, "PATCH", path, `{"disabled":false}`, 200)
	consoletest.Data[keys.NewKey](alice, "POST", path+"/rotate", `{}`, 201)
	for _, do := range [][2]string{{"GET", ""}, {"PATCH", ""}, {"POST", "/rotate"}, {"DELETE", ""}} {
		body := ""
		if do[0] != "GET" && do[0] != "DELETE" {
			body = "{}"
		}
		consoletest.RequireProblem(t, alice.Do(do[0], api.Base+"/keys/"+other.ID+do[1], body, nil), 404)
	}
	consoletest.RequireProblem(t, alice.Do("POST", api.Base+"/keys/import", `{"keys":[{"name":"x","key":"y"}]}`, nil), 403)
	consoletest.RequireProblem(t, alice.Do("POST", api.Base+"/keys/verify", `{"key":"y"}`, nil), 403)
}

func TestMembersHaveSomeKeys(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	alice := b.As(access.Principal{Name: "alice", Role: access.Member})
	for i := range keys.MaxOwnKeys {
		consoletest.Data[keys.NewKey](alice, "POST", "/keys", fmt.Sprintf(`{"name":"%d"}`, i), 201)
	}
	consoletest.RequireProblem(t, alice.Do("POST", api.Base+"/keys", `{"name":"one more"}`, nil), 409)
}

func TestBadKeyRequests(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	taken := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"Zoë"}`, 201)
	id := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"other"}`, 201).ID
	before := consoletest.Data[[]keys.Key](b, "GET", "/keys", "", 200)
	audited := len(consoletest.Data[audit.Page](b, "GET", "/audit", "", 200).Items)
	long := strings.Repeat("x", 5_000)
	for _, tc := range []struct {
		name, method, target, body string
		status                     int
		says                       string
	}{
		{"a name in another case", "POST", "/keys", `{"name":"ZOË"}`, 409, "name"},
		{"a name composed otherwise", "POST", "/keys", `{"name":"Zoe` + "\u0308" + `"}`, 409, "name"},
		{"a name with a direction mark", "POST", "/keys", `{"name":"a\u202eb"}`, 400, "name"},
		{"a name with no width", "POST", "/keys", `{"name":"a\u200bb"}`, 400, "name"},
		{"a name with a NUL", "POST", "/keys", `{"name":"a\u0000b"}`, 400, "name"},
		{"a name with a line end", "POST", "/keys", `{"name":"a\r\nSet-Cookie: x"}`, 400, "name"},
		{"an empty pattern", "POST", "/keys", `{"name":"n","models":["a",""]}`, 400, "models[1]"},
		{"patterns of no text", "POST", "/keys", `{"name":"n","models":[5]}`, 400, "models"},
		{"a pattern with a line end", "POST", "/keys", `{"name":"n","models":["a\nb"]}`, 400, "models[0]"},
		{"too many patterns", "POST", "/keys", `{"name":"n","models":["a"` + strings.Repeat(`,"a"`, 100) + `]}`, 400, "models"},
		{"a limit of nothing", "POST", "/keys", `{"name":"n","limits":{"tokens":{"day":0}}}`, 400, "tokens.day"},
		{"a limit below nothing", "POST", "/keys", `{"name":"n","limits":{"tokens":{"day":-1}}}`, 400, "tokens.day"},
		{"a limit that is no number", "POST", "/keys", `{"name":"n","limits":{"tokens":{"day":"5"}}}`, 400, "day"},
		{"a limit of half a token", "POST", "/keys", `{"name":"n","limits":{"tokens":{"day":0.5}}}`, 400, "day"},
		{"a limit of a year", "POST", "/keys", `{"name":"n","limits":{"tokens":{"year":5}}}`, 400, "year"},
		{"no money", "POST", "/keys", `{"name":"n","limits":{"usd":{"day":0}}}`, 400, "usd.day"},
		{"money below nothing", "POST", "/keys", `{"name":"n","limits":{"usd":{"day":-1}}}`, 400, ""},
		{"a limit beyond numbers", "POST", "/keys", `{"name":"n","limits":{"requests_per_minute":1e300}}`, 400, ""},
		{"an end in the past", "PATCH", "/keys/" + id, `{"expires_at":"2020-01-01T00:00:00Z"}`, 400, "expires_at"},
		{"an end that is no time", "PATCH", "/keys/" + id, `{"expires_at":"soon"}`, 400, "expires_at"},
		{"no name any more", "PATCH", "/keys/" + id, `{"name":null}`, 400, "name"},
		{"a name that is taken", "PATCH", "/keys/" + id, `{"name":"zoë"}`, 409, "name"},
		{"an unknown field", "PATCH", "/keys/" + id, `{"fingerprint":"x"}`, 400, "fingerprint"},
		{"its own id", "PATCH", "/keys/" + id, `{"id":"x"}`, 400, "id"},
		{"no object", "PATCH", "/keys/" + id, `[]`, 400, ""},
		{"an unknown key", "PATCH", "/keys/key_none", `{"name":"n"}`, 404, "id"},
		{"an injection for an id", "GET", "/keys/x'%20OR%201=1--", "", 404, "id"},
		{"a wildcard for an id", "GET", "/keys/%25", "", 404, "id"},
		{"a path for an id", "GET", "/keys/..%2f..%2fstats", "", 404, ""},
		{"an overlap below nothing", "POST", "/keys/" + id + "/rotate", `{"overlap_seconds":-1}`, 400, "overlap_seconds"},
		{"an overlap of a year", "POST", "/keys/" + id + "/rotate", `{"overlap_seconds":31536000}`, 400, "overlap_seconds"},
		{"an unknown status", "GET", "/keys?status=lost", "", 400, "status"},
		{"a limit of 0", "GET", "/keys?limit=0", "", 400, "limit"},
		{"a cursor of nothing", "GET", "/keys?cursor=abc", "", 400, "cursor"},
		{"an import of nothing", "POST", "/keys/import", `{"keys":[]}`, 400, "keys"},
		{"an import without a key", "POST", "/keys/import", `{"keys":[{"name":"n"}]}`, 400, "keys[0]"},
		{"an import of both", "POST", "/keys/import", `{"keys":[{"name":"n","key":"plantedkey","fingerprint":"` + strings.Repeat("a", 64) + `"}]}`, 400, "keys[0]"},
		{"a fingerprint that is none", "POST", "/keys/import", `{"keys":[{"name":"n","fingerprint":"abc"}]}`, 400, "keys[0].fingerprint"},
		{"a key with a blank", "POST", "/keys/import", `{"keys":[{"name":"n","key":"planted key"}]}`, 400, "keys[0].key"},
		{"a key that is too long", "POST", "/keys/import", `{"keys":[{"name":"n","key":"` + long + `"}]}`, 400, "key"},
		{"the key as its display form", "POST", "/keys/import", `{"keys":[{"name":"n","fingerprint":"` + usage.Fingerprint("plantedkey") + `","display":"plantedkey"}]}`, 400, "display"},
		{"one key twice", "POST", "/keys/import", `{"keys":[{"name":"n","key":"plantedkey"},{"name":"m","fingerprint":"` + usage.Fingerprint("plantedkey") + `"}]}`, 400, "keys[1]"},
		{"one name twice", "POST", "/keys/import", `{"keys":[{"name":"n","key":"a1"},{"name":"N","key":"a2"}]}`, 409, "keys[1].name"},
		{"an import of a name that is taken", "POST", "/keys/import", `{"keys":[{"name":"fine","key":"a3"},{"name":"OTHER","key":"a4"}]}`, 409, "keys[1].name"},
		{"a check of a long key", "POST", "/keys/verify", `{"key":"` + long + `"}`, 400, "key"},
		{"an estimate below nothing", "POST", "/keys/verify", `{"key":"k","estimate":-1}`, 400, "estimate"},
		{"a check with an unknown field", "POST", "/keys/verify", `{"key":"k","colour":"x"}`, 400, "colour"},
		{"a check without a key", "POST", "/keys/verify", `{}`, 401, "key"},
		{"an injection for a key", "POST", "/keys/verify", `{"key":"x' OR '1'='1"}`, 401, "known"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := b.Do(tc.method, api.Base+tc.target, tc.body, nil)
			consoletest.RequireNoLeak(t, w)
			p := consoletest.RequireProblem(t, w, tc.status)
			require.Contains(t, p.Message+describeDetails(p), tc.says)
			require.NotContains(t, w.Body.String(), "plantedkey")
			require.Less(t, w.Body.Len(), 2_000)
		})
	}
	require.Equal(t, before, consoletest.Data[[]keys.Key](b, "GET", "/keys", "", 200), "nothing was changed")
	require.Len(t, consoletest.Data[audit.Page](b, "GET", "/audit", "", 200).Items, audited, "and nothing said to be")
	_ = taken
}

func describeDetails(p api.Problem) string {
	var b strings.Builder
	for _, d := range p.Details {
		fmt.Fprintf(&b, " %s %s", d.Location, d.Message)
	}
	return b.String()
}

func TestCreatedKeysAreThereForOthers(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	k := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"a"}`, 201)
	stored, _, err := b.Directory.Keys(context.Background(), 0)
	require.NoError(t, err)
	require.Equal(t, b.Ledger.KeyedFingerprint(usage.Fingerprint(k.Secret)), stored[0].Fingerprint)
}
