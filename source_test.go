package rcuser_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

var (
	directive = regexp.MustCompile(`(?m)^//rc:endpoint POST (/\S+\.json)$`)
	docPage   = regexp.MustCompile(`Source: https://docs\.rongcloud\.io/platform-chat-api/\S+`)
)

// TestEveryMethodNamesItsEndpoint reads the source: a service's method that isn't an iterator names its endpoint and
// the documentation's page, and the fake serves the path.
func TestEveryMethodNamesItsEndpoint(t *testing.T) {
	t.Parallel()
	server := rctest.NewServer()
	t.Cleanup(server.Close)
	paths := map[string]bool{}
	for _, method := range serviceMethods(t) {
		name := method.Name.Name
		comment := rawComment(method.Doc)
		if strings.HasPrefix(name, "All") {
			require.NotRegexp(t, directive, comment, name)
			continue
		}
		found := directive.FindStringSubmatch(comment)
		require.Len(t, found, 2, "%s has no endpoint directive", name)
		require.Regexp(t, docPage, comment, "%s names no page of the documentation", name)
		paths[found[1]] = true
	}
	require.Len(t, paths, 19)
	for path := range paths {
		require.NotEqual(t, http.StatusNotFound, post(server, path), path)
	}
	require.Equal(t, http.StatusNotFound, post(server, "/user/none.json"))
}

// TestDirectivesNameThePathThatIsCalled guards against a directive and an endpoint variable drifting apart.
func TestDirectivesNameThePathThatIsCalled(t *testing.T) {
	t.Parallel()
	for _, name := range goFiles(t, ".", false) {
		source := readFile(t, name)
		called := map[string]bool{}
		for _, m := range regexp.MustCompile(`endpoint\{path: "([^"]+)"`).FindAllStringSubmatch(source, -1) {
			called[m[1]] = true
		}
		named := map[string]bool{}
		for _, m := range directive.FindAllStringSubmatch(source, -1) {
			named[m[1]] = true
		}
		require.Equal(t, named, called, name)
	}
}

// TestOnlyTestsImportTestingLibraries keeps them out of users' builds.
func TestOnlyTestsImportTestingLibraries(t *testing.T) {
	t.Parallel()
	forbidden := []string{"testing", "net/http/httptest", "httpmock", "testify", "rapid", "goleak"}
	allowedInFake := "github.com/f0207b22/rcuser"
	for _, name := range goFiles(t, ".", true) {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			for _, library := range forbidden {
				require.NotContains(t, strings.Split(path, "/"), library, name)
				require.NotEqual(t, library, path, name)
			}
			if strings.HasPrefix(name, "rctest") && strings.Contains(path, ".") {
				require.Equal(t, allowedInFake, path, name)
			}
		}
	}
}

func serviceMethods(t *testing.T) []*ast.FuncDecl {
	t.Helper()
	var methods []*ast.FuncDecl
	for _, name := range goFiles(t, ".", false) {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Name.IsExported() && isServiceMethod(fn) {
				methods = append(methods, fn)
			}
		}
	}
	require.NotEmpty(t, methods)
	return methods
}

func isServiceMethod(fn *ast.FuncDecl) bool {
	if fn.Recv == nil {
		return false
	}
	pointer, ok := fn.Recv.List[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	name, ok := pointer.X.(*ast.Ident)
	return ok && strings.HasSuffix(name.Name, "Service")
}

// rawComment keeps the directives, which CommentGroup.Text drops.
func rawComment(doc *ast.CommentGroup) string {
	if doc == nil {
		return ""
	}
	var lines []string
	for _, c := range doc.List {
		lines = append(lines, c.Text)
	}
	return strings.Join(lines, "\n")
}

// goFiles lists the files that aren't tests.
func goFiles(t *testing.T, dir string, deep bool) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if entry.IsDir() && path != dir {
			_, otherModule := os.Stat(filepath.Join(path, "go.mod"))
			if !deep || strings.HasPrefix(entry.Name(), ".") || otherModule == nil {
				return filepath.SkipDir
			}
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			names = append(names, path)
		}
		return err
	}))
	require.NotEmpty(t, names)
	return names
}

func post(handler http.Handler, path string) int {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, path, nil))
	return recorder.Code
}
