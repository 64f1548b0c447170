package systemtest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// Misuse makes every call with a client that NewClient didn't make, and with a nil context: each must return an
// *ArgumentError and send nothing.
func Misuse(t *testing.T) {
	server := rctest.NewServer()
	defer server.Close()
	client, err := rcuser.NewClient(server.Config())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range Rows() {
		users := Pair{"u1", "u2"}
		checkArgumentError(t, row.Path, row.Call(t.Context(), &rcuser.Client{}, users), "Client", "NewClient")
		var noContext context.Context
		checkArgumentError(t, row.Path, row.Call(noContext, client, users), "ctx", "is nil")
	}
	if n := len(server.Requests()); n > 0 {
		t.Errorf("%d requests were sent, want none", n)
	}
}

// checkArgumentError checks that err names the argument and says what is wrong.
func checkArgumentError(t *testing.T, path string, err error, name, text string) {
	t.Helper()
	if got, ok := errors.AsType[*rcuser.ArgumentError](err); !ok || got.Name != name || !strings.Contains(got.Reason, text) {
		t.Errorf("%s: want an *ArgumentError of %s that says %q, got %v", path, name, text, err)
	}
}
