package systemtest

import (
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	module    = "github.com/f0207b22/rcuser"
	ownDir    = "internal/systemtest"
	ownImport = module + "/" + ownDir
)

// testLibraries are the packages that only tests may import, by any element of their path.
var testLibraries = []string{"testing", "httptest", "httpmock", "testify", "rapid", "goleak", "systemtest"}

// Imports checks the imports of every package of the module in dir: testing libraries are for tests and for this package,
// which has only the standard library's, and only tests import this package. Package rctest has the root package and
// the standard library.
func Imports(t *testing.T, dir string) {
	for _, name := range goFiles(t, dir, true) {
		for _, imported := range importsOf(t, name) {
			switch file := filepath.ToSlash(name); {
			case path.Dir(file) == ownDir:
				checkImport(t, file, imported, module, module+"/rctest")
			case isTestLibrary(imported):
				t.Errorf("%s imports %s, which is for tests only", file, imported)
			case strings.HasPrefix(file, "rctest/"):
				checkImport(t, file, imported, module)
			}
		}
	}
}

// checkImport allows the standard library and the packages given.
func checkImport(t *testing.T, file, imported string, allowed ...string) {
	t.Helper()
	if strings.Contains(imported, ".") && !slices.Contains(allowed, imported) {
		t.Errorf("%s imports %s, allowed are the standard library and %v", file, imported, allowed)
	}
}

func isTestLibrary(imported string) bool {
	return imported == ownImport || slices.ContainsFunc(strings.Split(imported, "/"), func(element string) bool {
		return slices.Contains(testLibraries, element)
	})
}

func importsOf(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, spec := range parsed.Imports {
		imports = append(imports, strings.Trim(spec.Path.Value, `"`))
	}
	return imports
}
