package history

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/racetest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestNewAPI reads the same rows from the answer of the API and from real dumps of three databases, which
// testdata/newapi/dumps.py made.
func TestNewAPI(t *testing.T) {
	want := rows(t, NewAPI, open(t, "newapi/logs.json"))
	require.Len(t, want, 9)
	for _, r := range want {
		require.Empty(t, r.Bad)
	}
	c := want[0].Call
	require.Equal(t, usage.Tokens{InputUncached: 20, CacheRead: 100, OutputText: 30, Fields: both | usage.HasCacheRead}, c.Tokens)
	require.Equal(t, usage.NanoUSD(3_000_000), c.ReportedCost)
	require.Equal(t, []string{"gpt-4o", "gpt-4o", "alice", "", "laptop", "20260119080000000001", "/v1/chat/completions", "new-api"},
		[]string{c.Model, c.RequestModel, c.User, c.Project, c.KeyDisplay, c.RequestID, c.Path, c.Service})
	require.Equal(t, "2026-01-19T07:59:58Z", c.Start.Format(time.RFC3339), "a row is written at the end of its call")
	require.Equal(t, 2*time.Second, c.Duration)
	require.Equal(t, 500*time.Millisecond, c.TTFT)
	require.Equal(t, usage.Yes, c.Stream)

	claude := want[1].Call
	require.Equal(t, usage.Tokens{InputUncached: 6, CacheRead: 800, CacheWrite: 50, CacheWrite1h: 40, OutputText: 20,
		Fields: both | usage.HasCacheRead | usage.HasCacheWrite | usage.HasCacheWrite1h}, claude.Tokens)
	require.Equal(t, []string{"bob", "team-b", `it's "bob"; \ 中文`}, []string{claude.User, claude.Project, claude.KeyDisplay})
	require.Equal(t, usage.No, claude.Stream)
	require.NotEqual(t, c.KeyFingerprint, claude.KeyFingerprint)

	failed := want[2].Call
	require.True(t, failed.Failed)
	require.Equal(t, 429, failed.Status)
	require.Equal(t, "rate_limit_exceeded", failed.ErrorType)
	require.False(t, failed.Tokens.Reported())
	for _, i := range []int{3, 4, 8} {
		require.Contains(t, want[i].LeftOut, "no call")
	}
	mapped := want[5].Call
	require.Equal(t, "deepseek-chat alias", mapped.Model+" "+mapped.RequestModel)
	require.Equal(t, usage.Tokens{InputUncached: 100, CacheRead: 20, OutputText: 30, Fields: both | usage.HasCacheRead}, mapped.Tokens)
	require.NotEqual(t, want[6].Call.ID, want[7].Call.ID, "two calls alike in one second are two")

	for _, file := range []string{"sqlite.sql", "postgres-copy.sql", "postgres-inserts.sql", "postgres.csv", "mysql.sql"} {
		t.Run(file, func(t *testing.T) {
			got := rows(t, NewAPI, open(t, "newapi/"+file))
			require.Len(t, got, len(want))
			for i := range got {
				require.Empty(t, got[i].Bad)
				require.Equal(t, want[i].Call, got[i].Call, "row %d", i)
				require.Equal(t, want[i].LeftOut, got[i].LeftOut, "row %d", i)
			}
		})
	}
}

func TestOldOneAPI(t *testing.T) {
	file := `{"success":true,"data":[{"id":1,"user_id":1,"created_at":1768809600,"type":2,"username":"root","token_name":"t","model_name":"gpt-3.5-turbo",` +
		`"quota":30,"prompt_tokens":10,"completion_tokens":5,"channel":1,"elapsed_time":1500,"is_stream":false}]}`
	got := rows(t, NewAPI, []byte(file))
	require.Len(t, got, 1)
	require.Empty(t, got[0].Bad)
	require.Equal(t, 1500*time.Millisecond, got[0].Call.Duration)
	require.Equal(t, int64(15), got[0].Call.Tokens.Total())
}

// TestLangfuse reads one generation in each of the spellings in which Langfuse gives it.
func TestLangfuse(t *testing.T) {
	blob := `{"id":"00f067aa0ba902b7","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","project_id":"p","environment":"default","type":"GENERATION","parent_observation_id":"53995c3f42cd8ad8",` +
		`"start_time":"2026-01-19 08:00:00.500000","end_time":"2026-01-19 08:00:02.500000","completion_start_time":"2026-01-19 08:00:01.000000","level":"DEFAULT","status_message":"",` +
		`"provided_model_name":"gpt-4o","usage_details":{"input":20,"input_cached_tokens":100,"output":18,"output_reasoning_tokens":12,"total":150},"cost_details":{"total":0.00123},` +
		`"total_cost":0.00123,"latency":2,"time_to_first_token":0.5,"user_id":"u1","session_id":"s1","input":"` + strings.Repeat("x", 2<<20) + `","output":"y"}`
	got := rows(t, Langfuse, []byte(blob+"\n"+`{"id":"a","trace_id":"t","type":"SPAN","start_time":"2026-01-19 08:00:00.500000"}`+"\n"))
	require.Len(t, got, 2)
	require.Empty(t, got[0].Bad)
	require.Contains(t, got[1].LeftOut, "another type")
	c := got[0].Call
	require.Equal(t, usage.Tokens{InputUncached: 20, CacheRead: 100, OutputText: 18, Reasoning: 12, Fields: both | usage.HasCacheRead | usage.HasReasoning}, c.Tokens)
	require.Equal(t, usage.NanoUSD(1_230_000), c.ReportedCost)
	require.Equal(t, []string{"gpt-4o", "u1", "s1", "chat"}, []string{c.Model, c.User, c.Session, c.Operation})
	require.Equal(t, 2*time.Second, c.Duration)
	require.Equal(t, 500*time.Millisecond, c.TTFT)
	require.Equal(t, usage.SpanRecordID(c.Trace, c.Span), c.ID, "the record of the same span that was sent to Tokenboard")
	require.Equal(t, "4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 53995c3f42cd8ad8", fmt.Sprint(c.Trace, c.Span, c.Parent))

	page := `{"data":[{"id":"00f067aa0ba902b7","traceId":"4bf92f3577b34da6a3ce929d0e0e4736","type":"GENERATION","startTime":"2026-01-19T08:00:00.500Z","endTime":"2026-01-19T08:00:02.500Z",` +
		`"completionStartTime":"2026-01-19T08:00:01.000Z","projectId":"p","parentObservationId":"53995c3f42cd8ad8","level":"DEFAULT","providedModelName":"gpt-4o","userId":"u1","sessionId":"s1",` +
		`"usageDetails":{"input":20,"input_cached_tokens":100,"output":18,"output_reasoning_tokens":12,"total":150},"totalCost":0.00123}],"meta":{"cursor":"x"}}`
	csv := "id,trace_id,type,start_time,end_time,completion_start_time,parent_observation_id,level,provided_model_name,user_id,session_id,usage_details,total_cost,output\n" +
		`00f067aa0ba902b7,4bf92f3577b34da6a3ce929d0e0e4736,GENERATION,2026-01-19 08:00:00.500000,2026-01-19 08:00:02.500000,2026-01-19 08:00:01.000000,53995c3f42cd8ad8,DEFAULT,gpt-4o,u1,s1,` +
		`"{""input"":20,""input_cached_tokens"":100,""output"":18,""output_reasoning_tokens"":12,""total"":150}",0.00123,"a` + "\n" + `b"` + "\n"
	for what, file := range map[string]string{"API": page, "CSV": csv} {
		again := rows(t, Langfuse, []byte(file))
		require.Len(t, again, 1, what)
		require.Empty(t, again[0].Bad)
		require.Equal(t, c, again[0].Call, what)
	}
	for usageText, want := range map[string]usage.Tokens{
		`"usage":{"input":10,"output":5,"total":15,"unit":"TOKENS"}`:                                                             {InputUncached: 10, OutputText: 5, Fields: both},
		`"inputUsage":10,"outputUsage":5,"totalUsage":15`:                                                                        {InputUncached: 10, OutputText: 5, Fields: both},
		`"usageDetails":{"input":120,"output":30,"cache_read_input_tokens":100,"total":150}`:                                     {InputUncached: 20, CacheRead: 100, OutputText: 30, Fields: both | usage.HasCacheRead},
		`"usageDetails":{"input":20,"output":30,"cache_read_input_tokens":100,"cache_creation_input_tokens":50}`:                 {InputUncached: 20, CacheRead: 100, CacheWrite: 50, OutputText: 30, Fields: both | usage.HasCacheRead | usage.HasCacheWrite},
		`"usageDetails":{"input":20,"input_audio_tokens":7,"output":30,"output_audio_tokens":3,"total":60,"web_search_calls":9}`: {InputUncached: 27, OutputText: 33, Fields: both},
		`"usageDetails":{}`: {},
	} {
		one := rows(t, Langfuse, []byte(`{"id":"g","traceId":"t","type":"GENERATION","startTime":"2026-01-19T08:00:00Z","model":"m",`+usageText+`}`))
		require.Len(t, one, 1)
		require.Empty(t, one[0].Bad, usageText)
		require.Equal(t, want, one[0].Call.Tokens, usageText)
	}
	bad := rows(t, Langfuse, []byte(`{"id":"g","traceId":"t","type":"GENERATION","startTime":"2026-01-19T08:00:00Z","usageDetails":{"input":-1}}`))
	require.Contains(t, bad[0].Bad, "token figures")
}

func TestHelicone(t *testing.T) {
	row := `{"request_id":"11111111-1111-4111-8111-111111111111","response_id":"x","request_created_at":"2026-01-19T08:00:00.500Z","response_created_at":"2026-01-19T08:00:02.500Z",` +
		`"response_status":200,"response_model":"claude-sonnet-4-5-20250929","request_model":"claude-sonnet-4-5","request_path":"https://api.anthropic.com/v1/messages","request_user_id":"u1",` +
		`"provider":"ANTHROPIC","delay_ms":2000,"time_to_first_token":500,"total_tokens":26,"prompt_tokens":6,"completion_tokens":20,"prompt_cache_read_tokens":800,"prompt_cache_write_tokens":50,` +
		`"costUSD":0.00123,"properties":{"Helicone-Session-Id":"s1","Project":"web"},"cache_reference_id":"00000000-0000-0000-0000-000000000000","request_body":{"messages":["secret"]},"response_body":{}}`
	got := rows(t, Helicone, []byte(row+"\n"+strings.Replace(row, "00000000-0000-0000-0000-000000000000", "22222222-2222-4222-8222-222222222222", 1)))
	require.Len(t, got, 2)
	require.Empty(t, got[0].Bad)
	require.Contains(t, got[1].LeftOut, "cache")
	c := got[0].Call
	require.Equal(t, usage.Tokens{InputUncached: 6, CacheRead: 800, CacheWrite: 50, OutputText: 20, Fields: both | usage.HasCacheRead | usage.HasCacheWrite}, c.Tokens)
	require.Equal(t, []string{"claude-sonnet-4-5-20250929", "claude-sonnet-4-5", "anthropic", "u1", "s1", "web"}, []string{c.Model, c.RequestModel, c.Provider, c.User, c.Session, c.Project})
	require.Equal(t, 2*time.Second, c.Duration)
	require.Equal(t, 500*time.Millisecond, c.TTFT)
	require.Equal(t, 200, c.Status)
	require.Equal(t, usage.NanoUSD(1_230_000), c.ReportedCost)

	csv := "request_id,request_created_at,response_status,request_model,provider,delay_ms,prompt_tokens,completion_tokens,total_tokens\n" +
		"33333333-3333-4333-8333-333333333333,2026-01-19T08:00:00Z,429,gpt-4o,OPENAI,100,,,\n"
	failed := rows(t, Helicone, []byte(csv))
	require.Len(t, failed, 1)
	require.Empty(t, failed[0].Bad)
	require.True(t, failed[0].Call.Failed)
	require.Equal(t, 429, failed[0].Call.Status)
	require.False(t, failed[0].Call.Tokens.Reported())
}

// TestLiteLLMTable reads spend logs as the API, psql and pg_dump write them.
func TestLiteLLMTable(t *testing.T) {
	want := rows(t, LiteLLM, open(t, "litellm.ndjson"))[0].Call
	metadata := `{"user_api_key_alias": "alice laptop", "user_api_key_team_alias": "team one", "status": "success", "usage_object": {"prompt_tokens": 120, "completion_tokens": 30, ` +
		`"prompt_tokens_details": {"cached_tokens": 100}, "completion_tokens_details": {"reasoning_tokens": 12}}}`
	names := `request_id,call_type,api_key,spend,total_tokens,prompt_tokens,completion_tokens,"startTime","endTime","completionStartTime",model,model_group,custom_llm_provider,"user",team_id,cache_hit,session_id,status,metadata,messages`
	values := []string{
		"chatcmpl-1", "acompletion", "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b", "0.00123", "150", "120", "30", "2026-01-19 08:00:00.5", "2026-01-19 08:00:02.5",
		"2026-01-19 08:00:01", "openai/gpt-4o", "my-gpt", "openai", "u1", "t1", "False", "s1", "success", metadata, "{}",
	}
	copied := "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\nSET statement_timeout = 0;\nCREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $_$ SELECT 'a;''$b$' $_$;\n" +
		"COPY public.\"LiteLLM_SpendLogs\" (" + strings.ReplaceAll(names, ",", ", ") + ") FROM stdin;\n" + strings.Join(values, "\t") + "\n\\.\n\n\\unrestrict abc\n"
	quoted := make([]string, len(values))
	for i, v := range values {
		quoted[i] = `"` + strings.ReplaceAll(v, `"`, `""`) + `"`
	}
	csv := strings.ReplaceAll(names, `"`, "") + "\n" + strings.Join(quoted, ",") + "\n"
	for what, file := range map[string]string{"COPY": copied, "CSV": csv} {
		got := rows(t, LiteLLM, []byte(file))
		require.Len(t, got, 1, what)
		require.Empty(t, got[0].Bad, what)
		require.Equal(t, want, got[0].Call, what)
	}
}

// TestBrokenTables: each file is refused with a word of what is wrong, or its row is.
func TestBrokenTables(t *testing.T) {
	const table = "CREATE TABLE logs (id int, created_at int, type int, model_name text, prompt_tokens int);\n"
	for _, tc := range []struct{ name, file, says string }{
		{"neither", "hello", "neither JSON, nor CSV"},
		{"no table", "CREATE TABLE other (id int);\nINSERT INTO other VALUES (1);\n", "the table logs"},
		{"no columns", "INSERT INTO logs VALUES (1,2);\n", "does not name the columns"},
		{"the end in a statement", table + "INSERT INTO logs VALUES (1,2", "ends within a statement"},
		{"the end in a text", table + "INSERT INTO logs VALUES (1,'x", "ends within a statement"},
		{"a function", table + "INSERT INTO logs VALUES (1,load_extension('x'),2,3,4);", "not executed"},
		{"nested functions", table + "INSERT INTO logs VALUES (1," + strings.Repeat("replace(", 100) + ");", "nested deeper"},
		{"a subquery", table + "INSERT INTO logs VALUES (1 2,3,4,5);", "due"},
		{"COPY without an end", "COPY logs (id, created_at) FROM stdin;\n1\t2\n", "ends within a statement"},
		{"a long word", "INSERT INTO " + strings.Repeat("x", 1000), "longer than"},
	} {
		err := Read(t.Context(), NewAPI, strings.NewReader(tc.file), func(*Row) error { return nil })
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, tc.name)
		require.Contains(t, err.Error(), tc.says, tc.name)
	}
	long := rows(t, NewAPI, []byte(table+"INSERT INTO logs VALUES (1,2,2,'"+strings.Repeat("m", maxLine+2)+"',1),(1,2);\n"))
	require.Len(t, long, 2)
	require.Contains(t, long[0].Bad, "longer than")
	require.Contains(t, long[1].Bad, "2 values where the table has 5 columns")
	short := rows(t, NewAPI, []byte("created_at,type,model_name,prompt_tokens\n1768809600,2,m\n"))
	require.Contains(t, short[0].Bad, "3 columns where the header has 4")
	quote := Read(t.Context(), NewAPI, io.MultiReader(strings.NewReader("created_at,type,model_name,prompt_tokens\n1,2,\""), bytes.NewReader(bytes.Repeat([]byte("x"), 2*maxTableRow))), func(*Row) error { return nil })
	require.ErrorContains(t, quote, "quotation mark")
	none := rows(t, NewAPI, nil)
	require.Empty(t, none)
}

// TestDumpMemoryIsBounded reads dumps whose statements, rows and texts do not end.
func TestDumpMemoryIsBounded(t *testing.T) {
	racetest.Single(t)
	const many = 16 << 20
	for name, file := range map[string]func() io.Reader{
		"a comment":          func() io.Reader { return repeated("/*", "x", many, "*/") },
		"a line of comment":  func() io.Reader { return repeated("--", "x", many, "\n") },
		"a text passed over": func() io.Reader { return repeated("SELECT '", "x", many, "';") },
		"a text of a row":    func() io.Reader { return repeated("INSERT INTO logs (model_name) VALUES ('", "x", many, "');") },
		"brackets":           func() io.Reader { return repeated("CREATE TABLE logs (id int, ", "(", many, ";") },
		"columns":            func() io.Reader { return repeated("CREATE TABLE logs (", "a int, ", many/7, ");") },
		"values":             func() io.Reader { return repeated("INSERT INTO logs (id) VALUES (1", ",1", many/2, ");") },
		"a line of COPY":     func() io.Reader { return repeated("COPY logs (id) FROM stdin;\n", "x", many, "\n\\.\n") },
		"tabs of COPY":       func() io.Reader { return repeated("COPY logs (id) FROM stdin;\n", "\t", many, "\n\\.\n") },
		"dollars":            func() io.Reader { return repeated("SELECT $a$", "$b", many/2, "$a$;") },
	} {
		t.Run(name, func(t *testing.T) {
			before := totalAlloc()
			err := Read(t.Context(), NewAPI, file(), func(r *Row) error {
				require.NotEmpty(t, r.Bad)
				return nil
			})
			var syntax *SyntaxError
			if err != nil {
				require.ErrorAs(t, err, &syntax)
			}
			require.Less(t, totalAlloc()-before, uint64(12*maxLine))
		})
	}
}

// BenchmarkDump measures the reading of a dump, per row.
func BenchmarkDump(b *testing.B) {
	dump, err := os.ReadFile("testdata/newapi/mysql.sql")
	require.NoError(b, err)
	for b.Loop() {
		require.NoError(b, Read(b.Context(), NewAPI, bytes.NewReader(dump), func(*Row) error { return nil }))
	}
}

func totalAlloc() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}
