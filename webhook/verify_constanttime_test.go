package webhook_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// variableTime are functions whose duration depends on how much of their arguments is equal.
var variableTime = []string{
	"bytes.Equal", "bytes.Compare", "bytes.EqualFold", "bytes.HasPrefix", "bytes.HasSuffix", "bytes.Contains",
	"strings.EqualFold", "strings.Compare", "strings.HasPrefix", "strings.HasSuffix", "strings.Contains",
	"slices.Equal", "slices.Compare", "slices.EqualFunc", "slices.Contains", "cmp.Compare", "reflect.DeepEqual",
}

// TestConstantTime parses the source and checks that nothing with the name of a signature is compared other than in
// constant time, except for its length and with the empty string.
func TestConstantTime(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{".", "../rctest"} {
		constant := 0
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, names)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			source, err := os.ReadFile(name)
			require.NoError(t, err)
			found, safe := comparisons(t, string(source))
			require.Empty(t, found, name)
			constant += safe
		}
		require.Positive(t, constant, "no subtle.ConstantTimeCompare in %s", dir)
	}
}

// TestConstantTimeCheck checks that TestConstantTime detects what it should, and nothing else.
func TestConstantTimeCheck(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int{
		"if s.signature == expected {}":                                     1,
		"if got != want.Signature {}":                                       1,
		"ok := rcuser.Sign(a) == in.header[\"signature\"]":                  1,
		"ok := bytes.Equal(sum[:], got)":                                    1,
		"ok := strings.EqualFold(hex.EncodeToString(sum[:]), got)":          1,
		"ok := slices.Equal(a, rawDigest)":                                  1,
		"ok := strings.HasPrefix(theMAC, got)":                              1,
		"switch signature { case expected: }":                               1,
		"switch { case digest == got: }":                                    1,
		"if len(s.signature) != signatureDigits || s.signature == \"\" {}":  0,
		"if \"\" != signature && summary == consumed && macro == window {}": 0,
		"if subtle.ConstantTimeCompare(expected, signature) == 1 {}":        0,
		"if code == codeSignature || err == webhook.ErrSignature {}":        0,
		"if signature == nil || w.sum+units > most {}":                      0,
	} {
		found, _ := comparisons(t, "package p\nfunc f() {\n"+code+"\n}")
		require.Len(t, found, want, code)
	}
}

// comparisons returns the unsafe comparisons, and the number of safe ones.
func comparisons(t *testing.T, source string) (found []string, safe int) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", source, 0)
	require.NoError(t, err)
	report := func(n ast.Node) {
		found = append(found, source[fset.Position(n.Pos()).Offset:fset.Position(n.End()).Offset])
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if (n.Op == token.EQL || n.Op == token.NEQ) && !harmless(n.X) && !harmless(n.Y) && (namesSignature(n.X) || namesSignature(n.Y)) {
				report(n)
			}
		case *ast.SwitchStmt:
			if n.Tag != nil && !harmless(n.Tag) && namesSignature(n.Tag) {
				report(n.Tag)
			}
		case *ast.CallExpr:
			switch name := calledFunction(n); {
			case name == "subtle.ConstantTimeCompare":
				safe++
			case slices.Contains(variableTime, name) && slices.ContainsFunc(n.Args, namesSignature):
				report(n)
			}
		}
		return true
	})
	return found, safe
}

// harmless reports whether an expression reveals nothing about a signature: a length, the result of a comparison in
// constant time, "" or nil.
func harmless(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.CallExpr:
		return calledFunction(e) == "len" || calledFunction(e) == "subtle.ConstantTimeCompare"
	case *ast.BasicLit:
		return e.Value == `""`
	case *ast.Ident:
		return e.Name == "nil"
	}
	return false
}

var signatureWord = regexp.MustCompile(`^(signatures?|sums?|digests?|macs?|expected)$`)

// namesSignature reports whether an expression contains an identifier or a text that names a signature.
func namesSignature(e ast.Expr) bool {
	is := false
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			is = is || slices.ContainsFunc(splitWords(n.Name), signatureWord.MatchString)
		case *ast.BasicLit:
			is = is || slices.ContainsFunc(splitWords(strings.Trim(n.Value, "`\"")), signatureWord.MatchString)
		}
		return !is
	})
	return is
}

// splitWords returns the words of a name such as rawDigest or rc-signature, in lowercase. It returns none for names of
// errors and codes.
func splitWords(name string) []string {
	if strings.HasPrefix(strings.ToLower(name), "err") || strings.HasPrefix(name, "code") {
		return nil
	}
	var spaced strings.Builder
	var before rune
	for _, r := range name {
		if unicode.IsUpper(r) && !unicode.IsUpper(before) {
			spaced.WriteByte(' ')
		}
		spaced.WriteRune(unicode.ToLower(r))
		before = r
	}
	return strings.FieldsFunc(spaced.String(), func(r rune) bool { return !unicode.IsLetter(r) })
}

func calledFunction(call *ast.CallExpr) string {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		if pkg, ok := fun.X.(*ast.Ident); ok {
			return pkg.Name + "." + fun.Sel.Name
		}
	}
	return ""
}
