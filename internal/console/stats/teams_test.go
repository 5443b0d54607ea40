package stats_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/budgets"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// teamed is a team of a test, as it was asked for.
type teamed struct {
	id, name              string
	keys, users, projects []string // keys by their secrets
}

func (t *teamed) has(c *usage.Call) bool {
	return slices.ContainsFunc(t.keys, func(s string) bool { return c.KeyFingerprint == usage.Fingerprint(s) }) || slices.Contains(t.users, c.User) || slices.Contains(t.projects, c.Project)
}

// teamWorld makes keys, teams and calls by a seed; first is the fingerprint of the key k0. kinds says of which kinds teams have members: k, u, p.
func teamWorld(b *consoletest.Bench, seed uint64, kinds string) (teams []teamed, all []usage.Call, first string) {
	t, r := b.T, rand.New(rand.NewPCG(seed, 3))
	var made []keys.NewKey
	for i := range 3 {
		made = append(made, consoletest.Data[keys.NewKey](b, "POST", "/keys", fmt.Sprintf(`{"name":"k%d"}`, i), 201))
	}
	for i := range 4 {
		one, body := teamed{name: fmt.Sprint("team ", i)}, map[string][]string{}
		for _, k := range kinds {
			n := r.IntN(3)
			switch v := fmt.Sprint(n); k {
			case 'k':
				one.keys, body["keys"] = append(one.keys, made[n].Secret), append(body["keys"], made[n].ID)
			case 'u':
				one.users, body["users"] = append(one.users, "u"+v), append(body["users"], "u"+v)
			case 'p':
				one.projects, body["projects"] = append(one.projects, "p"+v), append(body["projects"], "p"+v)
			}
		}
		fields := map[string]any{"name": one.name}
		for name, v := range body {
			fields[name] = v
		}
		text, err := json.Marshal(fields)
		require.NoError(t, err)
		one.id = consoletest.Data[budgets.Team](b, "POST", "/teams", string(text), 201).ID
		teams = append(teams, one)
	}
	var batch usage.Batch
	for i := range 150 {
		c := consoletest.CallOf(i+1, func(c *usage.Call) {
			c.Start = consoletest.TestNow.Add(-time.Duration(r.IntN(96)) * time.Hour).Add(-time.Minute)
			c.Model, c.Provider = fmt.Sprint("m", r.IntN(2)), "openai"
			c.User, c.Project = fmt.Sprint("u", r.IntN(5)), fmt.Sprint("p", r.IntN(5))
			if n := r.IntN(5); n < 3 {
				c.KeyFingerprint = usage.Fingerprint(made[n].Secret)
			}
			c.Failed = r.IntN(4) == 0
			c.Tokens = usage.Tokens{InputUncached: r.Int64N(1000), OutputText: r.Int64N(100), Fields: usage.HasInput | usage.HasOutput}
			c.ReportedCost, c.HasReportedCost = usage.NanoUSD(r.Int64N(1e9)), true
		}).Calls[0]
		batch.Calls = append(batch.Calls, c)
	}
	b.Commit(batch)
	return teams, batch.Calls, usage.Fingerprint(made[0].Secret)
}

// sum is what a plain loop adds up.
type sum struct{ calls, tokens, cost, errors int64 }

func (s *sum) add(c *usage.Call) {
	s.calls++
	s.tokens += c.Tokens.Total()
	s.cost += int64(c.ReportedCost)
	if c.Failed {
		s.errors++
	}
}

func sumOf(s *stats.Sums) sum { return sum{s.Calls, s.Total, int64(s.Cost), s.Errors} }

// groupsOf returns the groups of a call by team: the ids, or "" where it has none.
func groupsOf(teams []teamed, c *usage.Call) (ids []string) {
	for i := range teams {
		if teams[i].has(c) {
			ids = append(ids, teams[i].id)
		}
	}
	if ids == nil {
		ids = []string{""}
	}
	return ids
}

// TestTeams: filtered by teams, and by team with and without another dimension, sums are those of a plain loop over the calls, in
// which a call counts once for each of its teams and once in the total; teams of members of one kind, which sums in memory
// answer, and of several, which records do, alike.
func TestTeams(t *testing.T) {
	for seed, kinds := range []string{"k", "uu", "p", "kup", "kkuup"} {
		t.Run(kinds, func(t *testing.T) {
			b := consoletest.NewBench(t, nil)
			teams, all, first := teamWorld(b, uint64(seed), kinds)
			from := consoletest.TestNow.Add(-50 * time.Hour)
			for _, only := range []struct {
				query string
				holds func(*usage.Call) bool
			}{
				{"", func(*usage.Call) bool { return true }},
				{"&user=u1&from=" + url.QueryEscape(from.Format(time.RFC3339)), func(c *usage.Call) bool { return c.User == "u1" && !c.Start.Before(from) }},
				{"&key=k0&model=m1", func(c *usage.Call) bool { return c.Model == "m1" && c.KeyFingerprint == first }},
				{"&team=" + url.QueryEscape("TEAM 0") + "&team=" + teams[2].id, func(c *usage.Call) bool { return teams[0].has(c) || teams[2].has(c) }},
				{"&team=" + teams[1].id + "&status=error", func(c *usage.Call) bool { return teams[1].has(c) && c.Failed }},
				{"&team=nobody", func(*usage.Call) bool { return false }},
			} {
				var total sum
				want, wantBoth, wantUsers := map[string]sum{}, map[[2]string]sum{}, map[string]sum{}
				for i := range all {
					c := &all[i]
					if !only.holds(c) {
						continue
					}
					total.add(c)
					u := wantUsers[c.User]
					u.add(c)
					wantUsers[c.User] = u
					for _, id := range groupsOf(teams, c) {
						s, both := want[id], wantBoth[[2]string{c.User, id}]
						s.add(c)
						both.add(c)
						want[id], wantBoth[[2]string{c.User, id}] = s, both
					}
				}
				s := consoletest.Data[stats.Stats](b, "GET", "/stats?"+only.query, "", 200)
				require.Equal(t, total, sum{s.Calls, s.Used, int64(s.Cost), s.Errors}, only.query)
				require.Len(t, b.AllLogs(t, only.query), int(total.calls), only.query)

				x := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by=team&top=10"+only.query, "", 200)
				require.Equal(t, total, sumOf(&x.Total.Sums))
				got := map[string]sum{}
				for i := range x.Rows {
					got[*x.Rows[i].Team] = sumOf(&x.Rows[i].Sums)
					if *x.Rows[i].Team != "" {
						require.Contains(t, *x.Rows[i].TeamName, "team ")
					}
				}
				require.Equal(t, want, got, only.query)
				require.Len(t, x.Ranking.Values, len(want))

				both := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by=user,team&limit=1000&top=10"+only.query, "", 200)
				require.Equal(t, total, sumOf(&both.Total.Sums))
				gotBoth := map[[2]string]sum{}
				for i := range both.Rows {
					gotBoth[[2]string{*both.Rows[i].User, *both.Rows[i].Team}] = sumOf(&both.Rows[i].Sums)
				}
				require.Equal(t, wantBoth, gotBoth, only.query)
				for _, v := range both.Ranking.Values {
					require.Equal(t, wantUsers[*v.User], sumOf(&v.Sums), "each call of a user once")
				}

				values := consoletest.Data[stats.DimensionValues](b, "GET", "/dimensions/team?"+only.query, "", 200)
				require.Len(t, values.Values, len(want))
				for _, v := range values.Values {
					require.Equal(t, want[v.Value].calls, v.Calls)
				}
				requireTrendOfTeams(t, b, teams, all, only.query, only.holds)
			}
		})
	}
}

// requireTrendOfTeams compares the series of the two largest teams, and of the calls that neither has, with a plain loop.
func requireTrendOfTeams(t *testing.T, b *consoletest.Bench, teams []teamed, all []usage.Call, query string, holds func(*usage.Call) bool) {
	t.Helper()
	if slices.Contains([]string{"&user"}, query[:min(5, len(query))]) {
		return // it has a range of its own
	}
	x := consoletest.Data[stats.Trend](b, "GET", "/usage-trend?group_by=team&days=7&top=2"+query, "", 200)
	names := map[string]*teamed{}
	for i := range teams {
		names[teams[i].name] = &teams[i]
	}
	none := func(c *usage.Call) bool { return groupsOf(teams, c)[0] == "" }
	var shown []func(*usage.Call) bool
	for _, s := range x.Series {
		member := none
		switch team := names[s.Group]; {
		case s.Other:
			of := shown
			member = func(c *usage.Call) bool {
				return !slices.ContainsFunc(of, func(has func(*usage.Call) bool) bool { return has(c) })
			}
		case team != nil:
			member = team.has
		}
		shown = append(shown, member)
		for i := range s.Points {
			var want sum
			for j := range all {
				end := x.Points[len(x.Points)-1].Time.AddDate(0, 0, 1)
				if i+1 < len(s.Points) {
					end = s.Points[i+1].Time
				}
				if c := &all[j]; holds(c) && member(c) && !c.Start.Before(s.Points[i].Time) && c.Start.Before(end) {
					want.add(c)
				}
			}
			require.Equal(t, want, sumOf(&s.Points[i].Sums), "%s %s %d", query, s.Group, i)
		}
	}
}

// TestChangesByTeam: each team's difference is that of its calls, and the whole that of all calls, each once.
func TestChangesByTeam(t *testing.T) {
	for seed, kinds := range []string{"k", "kup", "uupp"} {
		b := consoletest.NewBench(t, nil)
		teams, all, _ := teamWorld(b, uint64(seed)+10, kinds)
		from, against := consoletest.TestNow.Add(-48*time.Hour), consoletest.TestNow.Add(-96*time.Hour)
		query := "from=" + url.QueryEscape(from.Format(time.RFC3339)) + "&against=" + url.QueryEscape(against.Format(time.RFC3339))
		x := consoletest.Data[stats.Changes](b, "GET", "/changes?by=team&top=100&"+query, "", 200)
		model := consoletest.Data[stats.Changes](b, "GET", "/changes?by=model&top=100&"+query, "", 200)
		require.Equal(t, model.All, x.All, "the whole does not depend on groups")
		want := map[string]int64{}
		for i := range all {
			sign := int64(1)
			if all[i].Start.Before(from) {
				sign = -1
			}
			if all[i].Start.Before(against) {
				continue
			}
			for _, id := range groupsOf(teams, &all[i]) {
				want[id] += sign * int64(all[i].ReportedCost)
			}
		}
		got := map[string]int64{}
		for _, r := range x.Rows {
			requireAddsUp(t, r.Before, r.After, r.Effects)
			if got[r.Group] = int64(r.Difference); r.Group != "" {
				require.Contains(t, r.Label, "team ")
			}
		}
		require.Equal(t, want, got)
	}
}

// TestTeamsOfMembers: a member sees the teams that it is in, and of these its own calls only.
func TestTeamsOfMembers(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	mias := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"mias key","owner":"mia"}`, 201)
	bobs := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"bobs key","owner":"bob"}`, 201)
	hers := consoletest.Data[budgets.Team](b, "POST", "/teams", fmt.Sprintf(`{"name":"hers","keys":[%q,%q]}`, mias.ID, bobs.ID), 201)
	his := consoletest.Data[budgets.Team](b, "POST", "/teams", fmt.Sprintf(`{"name":"his","keys":[%q],"projects":["p"]}`, bobs.ID), 201)
	for i, secret := range []string{mias.Secret, bobs.Secret, bobs.Secret} {
		b.Commit(consoletest.CallOf(i+1, func(c *usage.Call) {
			c.KeyFingerprint, c.Project, c.Start = usage.Fingerprint(secret), "p", consoletest.TestNow.Add(-time.Hour)
		}))
	}
	mia := b.As(access.Principal{Name: "mia", Role: access.Member})
	rows := consoletest.Data[stats.Breakdown](mia, "GET", "/breakdown?by=team", "", 200).Rows
	require.Len(t, rows, 1)
	require.Equal(t, hers.ID, *rows[0].Team)
	require.EqualValues(t, 1, rows[0].Calls)
	require.EqualValues(t, 1, consoletest.Data[stats.Stats](mia, "GET", "/stats?team=hers", "", 200).Calls)
	require.Zero(t, consoletest.Data[stats.Stats](mia, "GET", "/stats?team=his", "", 200).Calls, "it may not learn which of its calls others' teams have")
	require.Zero(t, consoletest.Data[stats.Stats](mia, "GET", "/stats?team="+his.ID, "", 200).Calls)
	require.EqualValues(t, 3, consoletest.Data[stats.Stats](b, "GET", "/stats?team=his", "", 200).Calls)
	require.Equal(t, 400, b.Do("GET", api.Base+"/breakdown?by=team,team", "", nil).Code)
	csv := b.Do("GET", api.Base+"/breakdown/export?by=team,key&format=csv", "", nil)
	require.Equal(t, 200, csv.Code)
	require.Contains(t, csv.Body.String(), "row,team,team_name,key,key_name,")
	require.Contains(t, b.Do("GET", api.Base+"/breakdown/export?by=model&format=json&team=his", "", nil).Body.String(), `"team":["his"]`)
	var file struct{ Logs []json.RawMessage }
	require.NoError(t, json.Unmarshal(b.Do("GET", api.Base+"/export?team=hers&user=u0&user=u1&user=u2", "", nil).Body.Bytes(), &file))
	require.Len(t, file.Logs, 3)
}
