package houserules

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// Limits in lines. Generated code counts nowhere. Test code counts in the size of files only.
const (
	maxPackage  = 3000
	maxFile     = 500
	maxFunction = 60
)

// reason is the sentence in the comment of a function above maxFunction that says why it is not split.
var reason = regexp.MustCompile(`(?:^|\s)Long because \w`)

// exceptions lists what is above a limit, with its lines. An entry may only shrink, and is removed when it holds the
// limit. Nothing is added here: a package, file or function above its limit is split instead.
const exceptions = `
`

// TestLimits: no package, file or function of the repository is above its limit, unless it is listed in exceptions.
func TestLimits(t *testing.T) {
	sizes, err := measure(os.DirFS("../.."))
	require.NoError(t, err)
	require.Greater(t, len(sizes), 3000, "packages, files and functions of the whole repository")
	for _, problem := range violations(sizes, exceptionsOf(t, exceptions)) {
		t.Error(problem)
	}
}

// exceptionsOf reads a list of exceptions: a name as in the result of measure and a number of lines in each line.
func exceptionsOf(t *testing.T, list string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for line := range strings.Lines(list) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		at := strings.LastIndexByte(line, ' ')
		lines, err := strconv.Atoi(line[at+1:])
		require.NoError(t, err, line)
		out[line[:at]] = lines
	}
	return out
}

// size is the number of lines of a package, a file or a function, and what it is compared with.
type size struct {
	lines, limit int
	reason       bool // a comment says why it is above the limit
}

// violations compares what was measured with the limits and the exceptions from them, and returns a sentence for each
// entry that is above, and for each exception that is out of date.
func violations(sizes map[string]size, exceptions map[string]int) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(sizes)) {
		s := sizes[name]
		excepted, listed := exceptions[name]
		switch above := s.lines > s.limit && !s.reason; {
		case above && !listed:
			found = append(found, fmt.Sprintf("%s has %d lines, above the limit of %d: split it", name, s.lines, s.limit))
		case above && s.lines > excepted:
			found = append(found, fmt.Sprintf("%s grew to %d lines; its exception of %d may only shrink", name, s.lines, excepted))
		case listed && !above:
			found = append(found, fmt.Sprintf("%s holds its limit: remove it from exceptions", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(exceptions)) {
		if _, there := sizes[name]; !there {
			found = append(found, fmt.Sprintf("%s does not exist: remove it from exceptions", name))
		}
	}
	return found
}

// measure returns the sizes of all packages, files and functions below a folder, by "package dir", "file path" and
// "func dir.name" or "func dir.receiver.name".
func measure(root fs.FS) (map[string]size, error) {
	sizes := map[string]size{}
	err := eachFile(root, func(name string, text []byte, file *ast.File, positions *token.FileSet) {
		lines, dir := bytes.Count(text, []byte("\n")), path.Dir(name)
		sizes["file "+name] = size{lines: lines, limit: maxFile}
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		sizes["package "+dir] = size{lines: sizes["package "+dir].lines + lines, limit: maxPackage}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				from, to := positions.Position(f.Pos()).Line, positions.Position(f.End()).Line
				measured := size{lines: to - from + 1, limit: maxFunction, reason: reason.MatchString(f.Doc.Text())}
				id := "func " + dir + "." + receiver(f) + f.Name.Name
				if measured.lines > sizes[id].lines { // init and _ can be there more than once
					sizes[id] = measured
				}
			}
		}
	})
	return sizes, err
}

// receiver returns the type of a method with a dot, and nothing for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	of := f.Recv.List[0].Type
	for {
		switch t := of.(type) {
		case *ast.StarExpr:
			of = t.X
		case *ast.IndexExpr:
			of = t.X
		case *ast.IndexListExpr:
			of = t.X
		case *ast.Ident:
			return t.Name + "."
		default:
			return ""
		}
	}
}

// eachFile parses every Go file below a folder, except generated ones.
func eachFile(root fs.FS, visit func(name string, text []byte, file *ast.File, positions *token.FileSet)) error {
	return fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"node_modules", "testdata", ".git", "bin", "dist"}, d.Name()):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if !ast.IsGenerated(file) {
			visit(name, text, file, positions)
		}
		return nil
	})
}

// TestLimitsAreNoticed: each limit is checked, each exception can only shrink, and what does not count is left out.
func TestLimitsAreNoticed(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("// line\n", n) }
	function := func(comment, head string, n int) string {
		return comment + "func " + head + " {\n" + lines(n-2) + "}\n"
	}
	file := func(n int) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("package p\n" + strings.Repeat("\n", n-1))}
	}
	root := fstest.MapFS{
		"a/a.go": {Data: []byte("package a\n" +
			function("", "long()", 61) + function("", "(t *T[K]) long()", 62) + function("", "fits()", 60) +
			function("// Table is long. Long because it is one table.\n", "table()", 70))},
		"a/a_test.go":         {Data: []byte("package a\n" + function("", "testLong()", 90))},
		"b/long.go":           file(501),
		"b/long_test.go":      file(502),
		"b/generated.go":      {Data: []byte("// Code generated by x. DO NOT EDIT.\npackage b\n" + lines(9000))},
		"b/testdata/more.go":  file(600),
		"c/1.go":              file(500),
		"c/2.go":              file(500),
		"c/3.go":              file(500),
		"c/4.go":              file(500),
		"c/5.go":              file(500),
		"c/6.go":              file(500),
		"c/7.go":              file(1),
		"c/8_test.go":         file(400),
		"c/below/c.go":        file(400),
		"node_modules/x/x.go": file(700),
	}
	sizes, err := measure(root)
	require.NoError(t, err)
	require.Equal(t, []string{
		"file b/long.go has 501 lines, above the limit of 500: split it",
		"file b/long_test.go has 502 lines, above the limit of 500: split it",
		"func a.T.long has 62 lines, above the limit of 60: split it",
		"func a.long has 61 lines, above the limit of 60: split it",
		"package c has 3001 lines, above the limit of 3000: split it",
	}, violations(sizes, nil))
	require.Equal(t, []string{
		"file b/long_test.go grew to 502 lines; its exception of 501 may only shrink",
		"func a.fits holds its limit: remove it from exceptions",
		"func a.table holds its limit: remove it from exceptions",
		"func a.gone does not exist: remove it from exceptions",
	}, violations(sizes, exceptionsOf(t, `
file b/long.go 501
file b/long_test.go 501
func a.T.long 100
func a.long 61
func a.fits 60
func a.table 70
func a.gone 80
package c 3001
`)))
}
