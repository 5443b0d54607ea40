package modules

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const prefix = "github.com/tokenboard/tokenboard/"

// program is a Go program outside of the repository.
type program struct{ dir string }

// newProgram writes a program and builds it, with the checksums that a library of the repository has.
func newProgram(t *testing.T, goMod, code, sumsOf string) program {
	p := program{t.TempDir()}
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
	}
	write("go.mod", "module example.com/program\n\ngo 1.26.0\n\n"+goMod+"\n")
	write("main.go", "package main\n\n"+code+"\n")
	sums, err := os.ReadFile(filepath.Join(folder(t, sumsOf), "go.sum"))
	if !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
		write("go.sum", string(sums))
	}
	p.run(t, "build", "-o", filepath.Join(p.dir, "program"), ".")
	return p
}

// folder is where a library of the repository is.
func folder(t *testing.T, name string) string {
	dir, err := filepath.Abs(filepath.Join("..", "..", name))
	require.NoError(t, err)
	return dir
}

func (p program) run(t *testing.T, args ...string) string {
	cmd := exec.Command("go", args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	var problems strings.Builder
	cmd.Stderr = &problems
	out, err := cmd.Output()
	require.NoError(t, err, "go %s: %s", strings.Join(args, " "), &problems)
	return string(out)
}

// graph returns the paths of all modules whose go.mod the go command has to know for the program.
func (p program) graph(t *testing.T) []string {
	found := map[string]bool{}
	for module := range strings.FieldsSeq(p.run(t, "mod", "graph")) {
		path, _, _ := strings.Cut(module, "@")
		found[path] = true
	}
	return sorted(found)
}

// compiled returns the paths of the modules that are compiled into the program, which have to be downloaded.
func (p program) compiled(t *testing.T) []string {
	found := map[string]bool{}
	for path := range strings.FieldsSeq(p.run(t, "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".")) {
		found[path] = true
	}
	return sorted(found)
}

func sorted(found map[string]bool) []string {
	for _, own := range []string{"example.com/program", "go", "toolchain"} {
		delete(found, own)
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(found)), func(path string) bool { return strings.HasPrefix(path, prefix) })
}

// using is a program that uses one library of the repository.
func using(t *testing.T, library, statement string) program {
	return newProgram(t, "require "+prefix+library+" v0.1.0\n\nreplace "+prefix+library+" => "+folder(t, library),
		"import \""+prefix+library+"\"\n\nfunc main() { "+statement+" }", library)
}

// TestClient: a program with the client has nothing but the client.
func TestClient(t *testing.T) {
	p := using(t, "client", `_, _ = client.New("http://127.0.0.1:8317")`)
	require.Empty(t, p.graph(t))
	require.Empty(t, p.compiled(t))
}

// TestProxytrace: a program with proxytrace has what a program with OpenTelemetry's API has anyway, and two
// modules for the content codings that answers come in.
func TestProxytrace(t *testing.T) {
	p := using(t, "proxytrace", "_ = proxytrace.Middleware(nil)")
	const otel = "go.opentelemetry.io/otel"
	version := strings.TrimSpace(p.run(t, "list", "-m", "-f", "{{.Version}}", otel))
	api := newProgram(t, "require (\n\t"+otel+" "+version+"\n\t"+otel+"/trace "+version+"\n)",
		"import (\n\t\""+otel+"\"\n\t\""+otel+"/trace\"\n)\n\nfunc main() { var _ trace.TracerProvider = otel.GetTracerProvider() }", "proxytrace")
	codings := []string{"github.com/andybalholm/brotli", "github.com/klauspost/compress"}
	require.ElementsMatch(t, append(codings, api.compiled(t)...), p.compiled(t))
	const forTestsOfBrotli = "github.com/xyproto/randomstring" // its go.mod names it
	require.ElementsMatch(t, append(append(codings, forTestsOfBrotli), api.graph(t)...), p.graph(t))
}
