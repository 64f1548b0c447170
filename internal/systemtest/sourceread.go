package systemtest

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// source is a package without its tests. Types of other packages are unknown in it.
type source struct {
	info      types.Info
	decls     map[types.Object]*ast.FuncDecl
	files     map[*ast.FuncDecl]string
	endpoints map[string]endpointVar // by name
}

type endpointVar struct{ name, path, file string }

// method is an exported method of a service, and what it uses, itself or in the functions that it calls.
type method struct {
	name      string // such as "BansService.Add"
	file      string
	comment   string   // with its directives
	calls     int      // of callFunc
	through   []string // exported methods of services
	endpoints []string // endpoint variables
}

func readSource(t *testing.T, dir string) *source {
	t.Helper()
	s := &source{
		info:      types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}},
		decls:     map[types.Object]*ast.FuncDecl{},
		files:     map[*ast.FuncDecl]string{},
		endpoints: map[string]endpointVar{},
	}
	fset := token.NewFileSet()
	var files []*ast.File
	names := goFiles(t, dir, false)
	for _, name := range names {
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	config := types.Config{Importer: noImporter{}, Error: func(error) {}} // what needs other packages can't be checked
	_, _ = config.Check("rcuser", fset, files, &s.info)
	for i, file := range files {
		s.addDecls(file, filepath.Base(names[i]))
	}
	if len(s.endpoints) == 0 {
		t.Fatalf("no variable of type %s in %s", endpointType, dir)
	}
	return s
}

type noImporter struct{}

func (noImporter) Import(string) (*types.Package, error) { return nil, errors.ErrUnsupported }

func (s *source) addDecls(file *ast.File, name string) {
	for _, decl := range file.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			s.decls[s.info.Defs[decl.Name]] = decl
			s.files[decl] = name
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				if value, ok := spec.(*ast.ValueSpec); ok {
					s.addEndpoint(value, name)
				}
			}
		}
	}
}

// addEndpoint adds a variable such as: var addBans = endpoint{path: "/user/block.json"}.
func (s *source) addEndpoint(value *ast.ValueSpec, file string) {
	if len(value.Values) != 1 || !s.isEndpoint(value.Names[0]) {
		return
	}
	name := value.Names[0].Name
	found := endpointVar{name: name, file: file}
	ast.Inspect(value.Values[0], func(n ast.Node) bool {
		if field, ok := n.(*ast.KeyValueExpr); ok {
			key, isName := field.Key.(*ast.Ident)
			text, isText := field.Value.(*ast.BasicLit)
			if isName && isText && key.Name == pathField {
				found.path, _ = strconv.Unquote(text.Value)
			}
		}
		return true
	})
	s.endpoints[name] = found
}

// isEndpoint reports whether an identifier is a variable of the package that describes an endpoint.
func (s *source) isEndpoint(ident *ast.Ident) bool {
	object := s.info.ObjectOf(ident)
	variable, ok := object.(*types.Var)
	return ok && object.Parent() == object.Pkg().Scope() && typeName(variable.Type()) == endpointType
}

// serviceMethods returns the exported methods of the services, sorted by name.
func (s *source) serviceMethods() []method {
	var methods []method
	for object, fn := range s.decls {
		name := methodName(object)
		if !fn.Name.IsExported() || !isServiceMethod(name) {
			continue
		}
		m := method{name: name, file: s.files[fn], comment: rawComment(fn.Doc)}
		s.addUses(&m, fn, map[*ast.FuncDecl]bool{})
		slices.Sort(m.through)
		m.through = slices.Compact(m.through)
		methods = append(methods, m)
	}
	slices.SortFunc(methods, func(a, b method) int { return strings.Compare(a.name, b.name) })
	return methods
}

// addUses adds what fn uses to m. It follows functions of the package, but not exported methods of services: those make
// calls of their own.
func (s *source) addUses(m *method, fn *ast.FuncDecl, entered map[*ast.FuncDecl]bool) {
	if entered[fn] { // recursion
		return
	}
	entered[fn] = true
	defer delete(entered, fn)
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		ident, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		used := s.info.Uses[ident]
		name := methodName(used)
		decl := s.decls[used]
		switch {
		case name == callFunc:
			m.calls++
		case ident.IsExported() && (isServiceMethod(name) || strings.HasPrefix(name, listInterface+".")):
			m.through = append(m.through, name)
		case decl != nil && decl.Body != nil:
			s.addUses(m, decl, entered)
		case used != nil && s.isEndpoint(ident) && !slices.Contains(m.endpoints, ident.Name):
			m.endpoints = append(m.endpoints, ident.Name)
		}
		return true
	})
}

func isServiceMethod(name string) bool { return strings.Contains(name, serviceSuffix+".") }

// methodName returns a name such as "BansService.Add", or "" for what isn't a method.
func methodName(object types.Object) string {
	fn, ok := object.(*types.Func)
	if !ok || fn.Signature().Recv() == nil {
		return ""
	}
	receiver := fn.Signature().Recv().Type()
	if pointer, ok := receiver.(*types.Pointer); ok {
		receiver = pointer.Elem()
	}
	if name := typeName(receiver); name != "" {
		return name + "." + fn.Name()
	}
	return ""
}

// typeName returns the name of a type that has one.
func typeName(t types.Type) string {
	if named, ok := t.(*types.Named); ok {
		return named.Obj().Name()
	}
	return ""
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

// goFiles lists the module's Go files that aren't tests, in dir or, if deep, also in the packages below it.
func goFiles(t *testing.T, dir string, deep bool) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && path != dir {
			_, noModule := os.Stat(filepath.Join(path, "go.mod"))
			if !deep || strings.HasPrefix(entry.Name(), ".") || noModule == nil {
				return filepath.SkipDir
			}
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			names = append(names, path)
		}
		return nil
	})
	if err != nil || len(names) == 0 {
		t.Fatalf("Go files in %s: %v, %v", dir, names, err)
	}
	return names
}
