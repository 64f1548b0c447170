package rcuser_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

var (
	directive = regexp.MustCompile(`(?m)^//rc:endpoint POST (/\S+\.json)$`)
	docPage   = regexp.MustCompile(`Source: https://docs\.rongcloud\.io/platform-chat-api/\S+`)
)

// composed are the service methods that aren't a call of RC's API themselves, and the methods through which they make
// their calls. Those of userList are the blocklist's and the allowlist's.
var composed = map[string][]string{
	"UsersService.AllDeactivated":  {"UsersService.ListDeactivated"},
	"BansService.All":              {"BansService.List"},
	"BlocklistService.All":         {"BlocklistService.List"},
	"BlocklistService.Replace":     {"userList.Add", "userList.All", "userList.Remove"},
	"BlocklistService.Plan":        {"userList.All"},
	"BlocklistService.Contains":    {"userList.All"},
	"AllowlistService.All":         {"AllowlistService.List"},
	"AllowlistService.Replace":     {"userList.Add", "userList.All", "userList.Remove"},
	"AllowlistService.Plan":        {"userList.All"},
	"AllowlistService.Contains":    {"userList.All"},
	"BulkService.Ban":              {"BansService.Add"},
	"BulkService.Unban":            {"BansService.Remove"},
	"BulkService.ExpireTokens":     {"TokensService.Expire"},
	"BulkService.Deactivate":       {"UsersService.Deactivate"},
	"BulkService.Reactivate":       {"UsersService.Reactivate"},
	"BulkService.EnableAllowlist":  {"AllowlistService.Enable"},
	"BulkService.DisableAllowlist": {"AllowlistService.Disable"},
	"BulkService.Block":            {"BlocklistService.Add"},
	"BulkService.Unblock":          {"BlocklistService.Remove"},
	"BulkService.Allow":            {"AllowlistService.Add"},
	"BulkService.Disallow":         {"AllowlistService.Remove"},
	"BulkService.Register":         {"UsersService.Register"},
	"BulkService.Online":           {"PresenceService.Online"},
}

// TestEveryMethodNamesItsEndpoint reads the source: a service's method either makes one call itself, and names its
// endpoint, which the fake serves, and the documentation's page; or it is composed, and makes calls only through others.
func TestEveryMethodNamesItsEndpoint(t *testing.T) {
	t.Parallel()
	server := rctest.NewServer()
	t.Cleanup(server.Close)
	source := readSource(t)
	paths := map[string]bool{}
	throughOthers := map[string][]string{}
	for name, method := range source.serviceMethods() {
		comment := rawComment(method.Doc)
		calls := source.calls(method)
		found := directive.FindStringSubmatch(comment)
		if found == nil {
			require.NotContains(t, comment, "rc:endpoint", "the directive of %s is malformed", name)
			throughOthers[name] = calls
			continue
		}
		require.Equal(t, []string{"service.do"}, calls, name)
		require.Regexp(t, docPage, comment, "%s names no page of the documentation", name)
		paths[found[1]] = true
	}
	require.Equal(t, composed, throughOthers, "without a directive")
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

// source is the package without its tests. Types of other packages aren't known in it.
type source struct {
	info  types.Info
	decls map[types.Object]*ast.FuncDecl
}

func readSource(t *testing.T) source {
	t.Helper()
	s := source{types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}}, map[types.Object]*ast.FuncDecl{}}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range goFiles(t, ".", false) {
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, file)
	}
	config := types.Config{Importer: noImporter{}, Error: func(error) {}} // what needs other packages can't be checked
	_, _ = config.Check("rcuser", fset, files, &s.info)
	for _, file := range files {
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok {
				s.decls[s.info.Defs[fn.Name]] = fn
			}
		}
	}
	return s
}

type noImporter struct{}

func (noImporter) Import(string) (*types.Package, error) { return nil, errors.ErrUnsupported }

// serviceMethods are those that users call, as "BansService.Add".
func (s source) serviceMethods() map[string]*ast.FuncDecl {
	methods := map[string]*ast.FuncDecl{}
	for object, fn := range s.decls {
		if name := methodName(object); fn.Name.IsExported() && strings.Contains(name, "Service.") {
			methods[name] = fn
		}
	}
	return methods
}

// calls returns what a function uses, itself or in functions of the package that it uses, to make calls of the API:
// exported methods of services, and service.do, which every call goes through.
func (s source) calls(fn *ast.FuncDecl) []string {
	found := map[string]bool{}
	seen := map[types.Object]bool{}
	var walk func(*ast.FuncDecl)
	walk = func(fn *ast.FuncDecl) {
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			ident, ok := n.(*ast.Ident)
			if !ok || seen[s.info.Uses[ident]] {
				return true
			}
			used := s.info.Uses[ident]
			seen[used] = true
			name := methodName(used)
			service := strings.Contains(name, "Service.") || strings.HasPrefix(name, "userList.")
			switch decl := s.decls[used]; {
			case service && ident.IsExported(), name == "service.do":
				found[name] = true
			case decl != nil:
				walk(decl)
			}
			return true
		})
	}
	walk(fn)
	return slices.Sorted(maps.Keys(found))
}

// methodName returns "BansService.Add", or "" for what isn't a method of the package.
func methodName(object types.Object) string {
	fn, ok := object.(*types.Func)
	if !ok || fn.Signature().Recv() == nil {
		return ""
	}
	receiver := fn.Signature().Recv().Type()
	if pointer, ok := receiver.(*types.Pointer); ok {
		receiver = pointer.Elem()
	}
	named, ok := receiver.(*types.Named)
	if !ok {
		return ""
	}
	return named.Obj().Name() + "." + fn.Name()
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
