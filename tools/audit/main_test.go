package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// writeFiles writes files below a new folder.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// program writes a Go module whose main function has one statement, with net/url.
func program(t *testing.T, statement string) string {
	return writeFiles(t, map[string]string{
		"go.mod":  "module example.com/program\n\ngo 1.26.0\n",
		"main.go": "package main\n\nimport \"net/url\"\n\nfunc main() { " + statement + " }\n",
	})
}

// database writes a database that has one vulnerability, of url.JoinPath.
func database(t *testing.T) string {
	return "file://" + writeFiles(t, map[string]string{
		"index/db.json":      `{"modified":"2026-01-01T00:00:00Z"}`,
		"index/vulns.json":   `[{"id":"GO-2026-0001","modified":"2026-01-01T00:00:00Z"}]`,
		"index/modules.json": `[{"path":"stdlib","vulns":[{"id":"GO-2026-0001","modified":"2026-01-01T00:00:00Z"}]}]`,
		"ID/GO-2026-0001.json": `{"schema_version":"1.3.1","id":"GO-2026-0001","modified":"2026-01-01T00:00:00Z","published":"2026-01-01T00:00:00Z","summary":"made up",
			"affected":[{"package":{"name":"stdlib","ecosystem":"Go"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}],
			"ecosystem_specific":{"imports":[{"path":"net/url","symbols":["JoinPath"]}]}}]}`,
	})
}

func govulncheck(t *testing.T) string {
	out, err := exec.Command("go", "tool", "-n", "govulncheck").Output()
	if err != nil {
		t.Fatal("build govulncheck:", err)
	}
	return strings.TrimSpace(string(out))
}

// TestGoModules runs the real govulncheck against databases of the test: only a function that is called is a failure.
func TestGoModules(t *testing.T) {
	check := govulncheck(t)
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1") // the public database cannot be reached
	for _, tc := range []struct {
		name, dir, database, prints, fails string
	}{
		{"a vulnerable function is called", program(t, `_, _ = url.JoinPath("a", "b")`), database(t), "GO-2026-0001", "failed: govulncheck ."},
		{"its package is imported", program(t, `_, _ = url.Parse("a")`), database(t), "no known vulnerability", ""},
		{"no database", program(t, `_, _ = url.JoinPath("a", "b")`), "", "NOT CHECKED", ""},
		{"no database where one is named", program(t, `_, _ = url.Parse("a")`), "file:///nowhere", "", "failed: govulncheck ."},
		{"what does not compile", program(t, `url.Nothing()`), database(t), "", "failed: govulncheck ."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			c := checks{root: tc.dir, govulncheck: check, database: tc.database, modules: []string{"."}, out: &out}
			err := c.run(context.Background())
			if tc.fails == "" && err != nil || tc.fails != "" && (err == nil || err.Error() != tc.fails) {
				t.Errorf("error %v, want %q; it printed %s", err, tc.fails, out.String())
			}
			if !strings.Contains(out.String(), tc.prints) {
				t.Errorf("it printed %q without %q", out.String(), tc.prints)
			}
		})
	}
}

// TestTime: what is not finished in time is no failure, and is named.
func TestTime(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	c := checks{root: t.TempDir(), govulncheck: "govulncheck", modules: []string{"first", "second"}, npm: []string{"web"}, out: &out}
	if err := c.run(ctx); err != nil {
		t.Error(err)
	}
	want := "govulncheck: NOT CHECKED: first second (the time was over)\nnpm audit: NOT CHECKED: web (the time was over)\n"
	if out.String() != want {
		t.Errorf("it printed %q, want %q", out.String(), want)
	}
}

// TestNpm reads what npm 10 prints.
func TestNpm(t *testing.T) {
	exit := errors.New("exit status 1")
	for _, tc := range []struct {
		name, stdout string
		err          error
		want         outcome
	}{
		{"nothing found", `{"auditReportVersion":2,"vulnerabilities":{},"metadata":{"vulnerabilities":{"info":0,"total":0}}}`, nil, clean},
		{"something found", `{"auditReportVersion":2,"vulnerabilities":{"pkg":{"name":"pkg","severity":"high","range":"<1.2.3"}},"metadata":{"vulnerabilities":{"high":1,"total":1}}}`, exit, vulnerable},
		{"a registry that does not audit", `{"message":"405 Method Not Allowed - POST https://registry.example/bulk","statusCode":405,"body":"","error":{"summary":"","detail":""}}`, exit, unreachable},
		{"no network", `{"message":"request to https://registry.example/bulk failed","error":{"summary":"","detail":""}}`, exit, unreachable},
		{"no lock file", `{"error":{"code":"ENOLOCK","summary":"This command requires an existing lockfile.","detail":""}}`, exit, broken},
		{"no JSON", `usage`, exit, broken},
	} {
		if got, text := npmOutcome(tc.stdout, "", tc.err); got != tc.want {
			t.Errorf("%s: %d %q, want %d", tc.name, got, text, tc.want)
		}
	}
}
