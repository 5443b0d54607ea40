package emitters

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/e2e/process"
	"github.com/tokenboard/tokenboard/internal/freeport"
)

// TestEmitters runs each emitter and compares what Tokenboard shows with the provider's account. It installs packages,
// which is why only make asks for it: TOKENBOARD_EMITTERS is "main" for the entries that are always tested, "all", or
// names with commas between. TOKENBOARD_EMITTERS_SHOW prints every call, TOKENBOARD_EMITTERS_RECORD names a folder
// for captures, and TOKENBOARD_EMITTERS_DOC=1 writes the table into docs/accuracy.md.
func TestEmitters(t *testing.T) {
	asked := os.Getenv("TOKENBOARD_EMITTERS")
	if asked == "" {
		t.Skip("make emitters runs it")
	}
	var rows []row
	for i := range emitters {
		e := &emitters[i]
		if asked == "all" || (asked == "main" && e.main) || slices.Contains(strings.Split(asked, ","), e.name) {
			t.Run(e.name, func(t *testing.T) { rows = append(rows, e.test(t)) })
		}
	}
	require.NotEmpty(t, rows, "TOKENBOARD_EMITTERS=%s names no emitter", asked)
	table := tableOf(rows)
	t.Log("\n" + table)
	if os.Getenv("TOKENBOARD_EMITTERS_DOC") != "" && !t.Failed() {
		require.NoError(t, writeTable(table))
	}
}

// row is what the documents say of an emitter that was run.
type row struct {
	*emitter
	version      string
	calls, exact int
}

// test runs an emitter.
func (e *emitter) test(t *testing.T) row {
	command := e.install(t)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	board := startBoard(t)
	up := &provider{}
	upstream := httptest.NewServer(up)
	defer upstream.Close()
	export := httptest.NewServer(&tee{t: t, otlp: board.otlp, folder: recording(t, e.name)})
	defer export.Close()

	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "LANG=C.UTF-8", "NO_PROXY=*", "PROVIDER=" + upstream.URL, "PYTHONDONTWRITEBYTECODE=1",
		"OPENAI_BASE_URL=" + upstream.URL + "/v1", "OPENAI_API_BASE=" + upstream.URL + "/v1", "OPENAI_API_KEY=test",
		"ANTHROPIC_BASE_URL=" + upstream.URL, "ANTHROPIC_API_KEY=test", "GOOGLE_GEMINI_BASE_URL=" + upstream.URL, "GOOGLE_API_KEY=test",
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + export.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_SERVICE_NAME=" + e.name,
		"OTEL_BSP_SCHEDULE_DELAY=500", "OTEL_METRICS_EXPORTER=none", "OTEL_LOGS_EXPORTER=none",
	}, e.env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s: %s", command, out)

	served := up.Served()
	items := board.items(t)
	verdicts := judge(served, items)
	result := row{emitter: e, version: e.pinned(t), calls: len(served)}
	for _, v := range verdicts {
		if len(v.What) == 0 {
			result.exact++
		}
		if os.Getenv("TOKENBOARD_EMITTERS_SHOW") != "" {
			t.Logf("%-40s %s\n    %s", v.Model, strings.Join(v.What, " "), v.Line)
		}
	}
	if os.Getenv("TOKENBOARD_EMITTERS_SHOW") != "" {
		t.Logf("%s", out)
	}
	writeTruth(t, &result, served, items)
	require.NotEmpty(t, served, "%s", out)
	for _, problem := range unexpected(verdicts, e.gaps) {
		t.Error(problem)
	}
	return result
}

// install makes the interpreter's environment where it is not made yet, and returns the command that makes the calls.
// Environments stand in bin/emitters by the content of their pins, so that each is made once on a machine.
func (e *emitter) install(t *testing.T) []string {
	t.Helper()
	switch e.language {
	case "Python":
		return e.installPython(t)
	case "JavaScript":
		return e.installNode(t)
	case "JVM":
		return e.installJVM(t)
	}
	require.Fail(t, "no interpreter for "+e.language)
	return nil
}

func (e *emitter) installPython(t *testing.T) []string {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("not tested: python3 is not installed")
	}
	pins := filepath.Join("python", e.pins()+".txt")
	dir, done := environmentOf(t, pins)
	script, err := filepath.Abs(filepath.Join("python", e.name+"_calls.py"))
	require.NoError(t, err)
	command := []string{filepath.Join(dir, "bin", "python"), script}
	if done {
		return command
	}
	steps := [][]string{
		{python, "-m", "venv", "--clear", dir},
		{filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", pins},
	}
	if uv, err := exec.LookPath("uv"); err == nil { // the same in a tenth of the time
		steps = [][]string{{uv, "venv", "--quiet", "--clear", "-p", python, dir}, {uv, "pip", "install", "--quiet", "--no-deps", "-p", command[0], "-r", pins}}
	}
	for i, step := range steps {
		out, err := exec.Command(step[0], step[1:]...).CombinedOutput()
		if err != nil && i == 0 {
			t.Skipf("not tested: python3 has no venv; on Debian install python3-venv: %v: %s", err, out)
		}
		require.NoError(t, err, "%s: %s", step, out)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "done"), nil, 0o600))
	return command
}

func (e *emitter) installNode(t *testing.T) []string {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("not tested: node is not installed")
	}
	pins := filepath.Join("node", e.pins(), "package-lock.json")
	dir, done := environmentOf(t, pins)
	files, err := filepath.Glob(filepath.Join("node", e.pins(), "*"))
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(dir, 0o750))
	for _, file := range files { // a script finds packages from where it is
		if filepath.Base(file) == "node_modules" {
			continue
		}
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(file)), b, 0o600))
	}
	command := []string{node, filepath.Join(dir, e.name+".mjs")}
	if done {
		return command
	}
	install := exec.Command("npm", "ci", "--ignore-scripts", "--silent")
	install.Dir = dir
	out, err := install.CombinedOutput()
	require.NoError(t, err, string(out))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "done"), nil, 0o600))
	return command
}

// installJVM fetches the packages with Maven and compiles the calls. Where OpenTelemetry's Java agent is one of the packages,
// it runs with it.
func (e *emitter) installJVM(t *testing.T) []string {
	for _, program := range []string{"java", "javac", "mvn"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("not tested: " + program + " is not installed")
		}
	}
	pom := filepath.Join("jvm", e.pins(), "pom.xml")
	dir, done := environmentOf(t, pom)
	libraries := filepath.Join(dir, "lib")
	if !done {
		runHere(t, "mvn", "--quiet", "--batch-mode", "--file", pom, "dependency:copy-dependencies", "-DoutputDirectory="+libraries)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "done"), nil, 0o600))
	}
	// The program is not part of what the environment is named by.
	classes, path := t.TempDir(), filepath.Join(libraries, "*")
	var main string
	for word := range strings.SplitSeq(e.name, "_") {
		main += strings.ToUpper(word[:1]) + word[1:]
	}
	runHere(t, "javac", "-nowarn", "-d", classes, "-cp", path, filepath.Join("jvm", e.pins(), main+".java"))
	command := []string{"java"}
	agents, err := filepath.Glob(filepath.Join(libraries, "opentelemetry-javaagent-*.jar"))
	require.NoError(t, err)
	if len(agents) > 0 {
		command = append(command, "-javaagent:"+agents[0])
	}
	return append(command, "-cp", classes+string(filepath.ListSeparator)+path, "calls."+main)
}

func runHere(t *testing.T, command ...string) {
	t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	require.NoError(t, err, "%s: %s", command, out)
}

// environmentOf returns the folder of an environment with these pins, and whether it is complete.
func environmentOf(t *testing.T, pins string) (dir string, done bool) {
	t.Helper()
	raw, err := os.ReadFile(pins)
	require.NoError(t, err)
	sum := sha256.Sum256(raw)
	dir, err = filepath.Abs(filepath.Join("..", "..", "bin", "emitters", hex.EncodeToString(sum[:8])))
	require.NoError(t, err)
	_, err = os.Stat(filepath.Join(dir, "done"))
	return dir, err == nil
}

// pinned returns the version of the emitter's package.
func (e *emitter) pinned(t *testing.T) string {
	t.Helper()
	if e.language == "JavaScript" {
		raw, err := os.ReadFile(filepath.Join("node", e.pins(), "package-lock.json"))
		require.NoError(t, err)
		var lock struct {
			Packages map[string]struct{ Version string }
		}
		require.NoError(t, json.Unmarshal(raw, &lock))
		version := lock.Packages["node_modules/"+e.pkg].Version
		require.NotEmpty(t, version, e.pkg)
		return version
	}
	if e.language == "JVM" {
		raw, err := os.ReadFile(filepath.Join("jvm", e.pins(), "pom.xml"))
		require.NoError(t, err)
		found := regexp.MustCompile(`<artifactId>` + regexp.QuoteMeta(e.pkg) + `</artifactId>\s*<version>([^<]+)</version>`).FindSubmatch(raw)
		require.NotNil(t, found, e.pkg)
		return string(found[1])
	}
	raw, err := os.ReadFile(filepath.Join("python", e.pins()+".txt"))
	require.NoError(t, err)
	for line := range strings.Lines(string(raw)) {
		if name, version, ok := strings.Cut(strings.TrimSpace(line), "=="); ok && name == e.pkg {
			return version
		}
	}
	require.Fail(t, "no pin of "+e.pkg)
	return ""
}

// board is a running binary with an empty store.
type board struct{ console, otlp string }

func startBoard(t *testing.T) *board {
	t.Helper()
	console, otlp, grpc := freeport.Address(t), freeport.Address(t), freeport.Address(t)
	binary := os.Getenv("TOKENBOARD_BINARY")
	require.NotEmpty(t, binary, "TOKENBOARD_BINARY names the binary: make emitters")
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), "TOKENBOARD_DATA_DIR="+t.TempDir(), "TOKENBOARD_CONSOLE_ENDPOINT="+console,
		"TOKENBOARD_OTLP_GRPC_ENDPOINT="+grpc, "TOKENBOARD_OTLP_HTTP_ENDPOINT="+otlp)
	p := process.Start(t, cmd, &process.Buffer{})
	p.WaitFor(t, func() bool {
		c, err := net.Dial("tcp", otlp)
		if err != nil {
			return false
		}
		_ = c.Close()
		res, err := http.Get("http://" + console + "/ready")
		return err == nil && errors.Join(res.Body.Close()) == nil && res.StatusCode == http.StatusOK
	})
	t.Cleanup(func() { p.Stop(t, syscall.SIGTERM) })
	return &board{console: "http://" + console, otlp: "http://" + otlp}
}

// items reads the records that count.
func (b *board) items(t *testing.T) []item {
	t.Helper()
	res, err := http.Get(b.console + "/api/console/logs?limit=1000&order=asc")
	require.NoError(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, string(raw))
	var page struct {
		Data struct {
			Items      []item `json:"items"`
			NextCursor string `json:"next_cursor"`
		} `json:"data"`
	}
	require.NoError(t, json.Unmarshal(raw, &page))
	require.Empty(t, page.Data.NextCursor, "more records than a page")
	return page.Data.Items
}

func recording(t *testing.T, name string) string {
	t.Helper()
	root := os.Getenv("TOKENBOARD_EMITTERS_RECORD")
	if root == "" {
		return ""
	}
	dir := filepath.Join(root, name)
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, os.MkdirAll(dir, 0o750))
	return dir
}

const tableHead = "| emitter | version | calls | exact | not in the telemetry, or wrong in it | set |\n|---|---|---|---|---|---|\n"

// tableOf returns the rows of the emitters that were run and passed.
func tableOf(rows []row) string {
	var b strings.Builder
	b.WriteString(tableHead)
	for _, r := range rows {
		if r.emitter == nil {
			continue // skipped, or it failed
		}
		var whys []string
		for _, g := range r.gaps {
			whys = append(whys, g.why)
		}
		slices.Sort(whys)
		fmt.Fprintf(&b, "%s` %s | %d | %d | %s | %s |\n", r.row(), r.version, r.calls, r.exact, dash(strings.Join(slices.Compact(whys), "; ")), dash(r.set))
	}
	return b.String()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
