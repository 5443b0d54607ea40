package keyring

import (
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/bits"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestKeysAreOnlyHashed reads this package's code: a key that a client sent is asked whether it is empty,
// and hashed. Nothing else is done with it, so that no time can depend on how much of it is right.
func TestKeysAreOnlyHashed(t *testing.T) {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	uses, empty, hashed := 0, 0, 0
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			queries := queriesOf(f.Type)
			isKey := func(n ast.Node) bool {
				s, ok := n.(*ast.SelectorExpr)
				if !ok || s.Sel.Name != "Key" {
					return false
				}
				id, ok := s.X.(*ast.Ident)
				return ok && queries[id.Name]
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr:
					if isKey(n) {
						uses++
					}
				case *ast.BinaryExpr:
					if text, ok := n.Y.(*ast.BasicLit); ok && isKey(n.X) && text.Value == `""` {
						empty++
					}
				case *ast.CallExpr:
					if sum, ok := n.Fun.(*ast.SelectorExpr); ok && sum.Sel.Name == "Sum256" {
						if bytes, ok := n.Args[0].(*ast.CallExpr); ok && isKey(bytes.Args[0]) {
							hashed++
						}
					}
				case *ast.AssignStmt:
					for _, x := range n.Rhs {
						if id, ok := x.(*ast.Ident); ok && queries[id.Name] {
							require.Fail(t, "a query is copied, which this test does not follow", name)
						}
					}
				case *ast.FuncLit:
					require.Empty(t, queriesOf(n.Type), "this test does not follow function literals")
				}
				return true
			})
		}
	}
	require.Equal(t, []int{2, 1, 1}, []int{uses, empty, hashed}, "a key is used for something else than its hash")
}

// queriesOf returns the parameters of a function that are queries.
func queriesOf(f *ast.FuncType) map[string]bool {
	out := map[string]bool{}
	for _, p := range f.Params.List {
		kind := p.Type
		if pointer, ok := kind.(*ast.StarExpr); ok {
			kind = pointer.X
		}
		if id, ok := kind.(*ast.Ident); ok && id.Name == "Query" {
			for _, name := range p.Names {
				out[name.Name] = true
			}
		}
	}
	return out
}

// TestGuessesRevealNothing: to all that comes after the hash, a key that is right but for its last letter
// looks like any other wrong one. The guesses are fixed, so that the distances are.
func TestGuessesRevealNothing(t *testing.T) {
	const right = "tb-ThisIsTheRightKeyOfAllThatAreTried0123456789"
	want := sha256.Sum256([]byte(right))
	w := newWorld(t.TempDir())
	defer w.close()
	w.ring.failures = throttle.NewRate(throttle.Limit{})
	w.add(t, 1, func(k *store.Key) { k.Fingerprint = usage.Fingerprint(right) })
	require.Equal(t, Valid, w.verify(t, Query{Key: right}).Outcome)
	for n := range len(right) {
		guess := right[:n] + "#" + right[n+1:]
		sum := sha256.Sum256([]byte(guess))
		distance, common := 0, 0
		for i := range sum {
			distance += bits.OnesCount8(sum[i] ^ want[i])
		}
		for common < len(sum) && sum[common] == want[common] {
			common++
		}
		require.InDelta(t, 128, distance, 40, "bits that differ with all right but letter %d", n)
		require.LessOrEqual(t, common, 1, "bytes that a comparison could find equal")
		require.Equal(t, Verdict{Outcome: Unknown}, w.verify(t, Query{Key: guess}))
	}
}

// BenchmarkWrongKey measures checks of wrong keys by how many letters are right.
func BenchmarkWrongKey(b *testing.B) {
	const right = "tb-ThisIsTheRightKeyOfAllThatAreTried0123456789"
	w := newWorld(b.TempDir())
	defer w.close()
	w.ring.failures = throttle.NewRate(throttle.Limit{})
	w.add(b, 1, func(k *store.Key) { k.Fingerprint = usage.Fingerprint(right) })
	w.ring.o.Now = time.Now
	for _, n := range []int{0, len(right) / 2, len(right) - 1} {
		guess := right[:n] + strings.Repeat("#", len(right)-n)
		b.Run(fmt.Sprint(n, " right"), func(b *testing.B) {
			for b.Loop() {
				if v, err := w.ring.Verify(ctx, Query{Key: guess}); err != nil || v.Outcome != Unknown {
					b.Fatal(v.Outcome, err)
				}
			}
		})
	}
}
