package systemtest

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/f0207b22/rcuser/rctest"
)

// Names in the source of the root package that the check of the source knows.
const (
	serviceSuffix = "Service"         // of the types whose exported methods users call
	callFunc      = "service.prepare" // through which every method makes its call of the API
	listInterface = "userList"        // whose methods are those of the blocklist's and the allowlist's services
	endpointType  = "endpoint"        // of the variables that describe RC's endpoints
	pathField     = "path"            // of endpointType
)

var (
	directive = regexp.MustCompile(`(?m)^//rc:endpoint POST (/\S+\.json)$`)
	docPage   = regexp.MustCompile(`Source: https://docs\.rongcloud\.io/platform-chat-api/\S+`)
)

// Source reads the root package's source, in dir, and checks every exported method of a service. Either it makes exactly
// one call of the API itself: then its comment has a directive with the path of the endpoint variable that it uses, and
// names the page of the documentation; the fake serves the path, and the tests have a [Row] with an [Example] for it. Or it
// has no directive, and makes its calls through exported methods of services, or of endpoints that such methods have.
func Source(t *testing.T, dir string) {
	source := readSource(t, dir)
	paths := map[string]string{} // the file of each path
	used := map[string]bool{}    // endpoint variables
	var composed []method
	for _, method := range source.serviceMethods() {
		found := directive.FindStringSubmatch(method.comment)
		switch {
		case found != nil:
			paths[found[1]] = method.file
			used[source.checkEndpoint(t, method, found[1])] = true
		case strings.Contains(method.comment, "rc:endpoint"):
			t.Errorf("%s: the directive of %s is malformed, want //rc:endpoint POST /path.json", method.file, method.name)
		default:
			composed = append(composed, method)
		}
	}
	for _, method := range composed {
		checkComposed(t, method, used)
	}
	for _, endpoint := range source.endpoints {
		if !used[endpoint.name] {
			t.Errorf("%s: no method with a directive uses %s", endpoint.file, endpoint.name)
		}
	}
	checkFake(t, paths)
	checkRows(t, paths)
}

// checkEndpoint checks a method that has a directive, and returns the endpoint variable that it uses.
func (s *source) checkEndpoint(t *testing.T, method method, path string) string {
	t.Helper()
	if len(method.through) > 0 || method.calls != 1 {
		t.Errorf("%s: %s has a directive, so it must make exactly 1 call of the API itself; it makes %d, and uses %v",
			method.file, method.name, method.calls, method.through)
	}
	if !docPage.MatchString(method.comment) {
		t.Errorf("%s: the comment of %s names no page of the documentation, want %v", method.file, method.name, docPage)
	}
	if len(method.endpoints) != 1 {
		t.Errorf("%s: %s uses the endpoint variables %v, want exactly 1", method.file, method.name, method.endpoints)
		return ""
	}
	name := method.endpoints[0]
	if actual := s.endpoints[name].path; actual != path {
		t.Errorf("%s: the directive of %s says %s, but %s has the path %s", method.file, method.name, path, name, actual)
	}
	return name
}

// checkComposed checks a method without a directive. Methods with one use the endpoint variables in used.
func checkComposed(t *testing.T, method method, used map[string]bool) {
	t.Helper()
	ownEndpoint := func(name string) bool { return !used[name] }
	switch {
	case slices.ContainsFunc(method.endpoints, ownEndpoint):
		t.Errorf("%s: %s makes a call of the API itself, but has no directive //rc:endpoint", method.file, method.name)
	case len(method.through) == 0 && len(method.endpoints) == 0:
		t.Errorf("%s: %s has no directive and uses no exported method of a service", method.file, method.name)
	}
}

// checkFake checks that the fake serves the paths.
func checkFake(t *testing.T, paths map[string]string) {
	t.Helper()
	server := rctest.NewServer()
	defer server.Close()
	status := func(path string) int {
		recorder := httptest.NewRecorder()
		server.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil))
		return recorder.Code
	}
	for path, file := range paths {
		if status(path) == http.StatusNotFound {
			t.Errorf("rctest/%s: the fake doesn't serve %s, which %s calls", file, path, file)
		}
	}
	if got := status("/user/none.json"); got != http.StatusNotFound {
		t.Errorf("the fake answers a path that doesn't exist with HTTP %d, want 404", got)
	}
}

// checkRows checks that each path has a row with an example, and that each row has a path.
func checkRows(t *testing.T, paths map[string]string) {
	t.Helper()
	rows := Rows()
	for path, file := range paths {
		testFile := strings.TrimSuffix(file, ".go") + "_test.go"
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Path == path })
		switch {
		case i < 0:
			t.Errorf("%s: no systemtest.Row is registered for %s, which %s calls", testFile, path, file)
		case len(rows[i].Examples) == 0:
			t.Errorf("%s: the systemtest.Row for %s has no Example of the documentation", testFile, path)
		}
	}
	for _, row := range rows {
		if paths[row.Path] == "" {
			t.Errorf("a systemtest.Row is registered for %s, but no method has a directive with that path", row.Path)
		}
	}
}
