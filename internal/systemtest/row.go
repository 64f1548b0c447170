// Package systemtest holds the tests that run over every endpoint of the module: the fault matrix, the model, the soak
// and concurrency tests, the fuzz targets and the check of the source. Each resource's test file registers a [Row] for
// each of its endpoints, and a test file of the root package runs the tests. Only tests may import this package.
package systemtest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// Pair is the two users that a row's functions act on. No other test of the same server uses them.
type Pair struct {
	ID    string // the user that the call reads or changes
	Other string // a second user, for calls that need one: a member of a list, for example
}

// Row describes one endpoint to the tests that run over all of them. Path, Call and Examples are required.
type Row struct {
	Path string // such as "/user/block.json"

	// Setup creates the state that Call needs. Then the server's clock is advanced by Wait.
	Setup func(ctx context.Context, client *rcuser.Client, users Pair) error
	Wait  time.Duration

	// Call makes one call of the endpoint, which must change something if Applied is set. It returns the method's error,
	// or an error of its own for a result that is wrong after Setup.
	Call func(ctx context.Context, client *rcuser.Client, users Pair) error

	// Applied reports whether the server's state shows that Call was applied. It is nil for an endpoint that only reads.
	Applied func(server *rctest.Server, users Pair) bool

	Examples []Example // of RC's documentation

	Switch *Switch // what the soak test turns on and off, if this endpoint changes something of that kind

	// Step, Check and Erase are the endpoint's part of the model, see [Model]. Step makes calls with random arguments,
	// compares the results with the model and updates the model. Check compares the fake's state of a user with the model
	// after every step. Erase removes from the model what RC deletes when a user's deactivation finishes.
	Step  func(m *Model)
	Check func(m *Model, want *User, got rctest.User)
	Erase func(m *Model, user *User)
}

// Example is a call as RC's documentation shows it.
type Example struct {
	Form         string // as shown; its keys may be in another order than the client's
	FormNotShown bool   // the page shows only the answer
	Answer       string // as shown
	Source       string // the page
	Call         func(ctx context.Context, client *rcuser.Client) (any, error)
	Body         string // what the client must send, byte for byte
	Want         any    // what Call must return, nil for a method without a result
}

// Switch is a property of a user that calls turn on and off. It is off for a new user.
type Switch struct {
	Name string
	Turn func(ctx context.Context, client *rcuser.Client, users Pair, on bool) error
	IsOn func(server *rctest.Server, users Pair) bool
}

var (
	mu         sync.Mutex
	registered []Row
)

// Register adds rows to the tests of this package. It panics if a row lacks a required field or its path has a row
// already. The result has no meaning; it allows a call in a variable declaration: var _ = systemtest.Register(...).
func Register(rows ...Row) struct{} {
	mu.Lock()
	defer mu.Unlock()
	for _, row := range rows {
		sameRow := func(r Row) bool { return r.Path == row.Path }
		switch {
		case row.Path == "" || row.Call == nil:
			panic(fmt.Sprintf("systemtest: the row %q lacks its Path or its Call", row.Path))
		case slices.ContainsFunc(registered, sameRow):
			panic("systemtest: two rows for " + row.Path)
		}
		registered = append(registered, row)
	}
	return struct{}{}
}

// Rows returns the registered rows, sorted by path.
func Rows() []Row {
	mu.Lock()
	defer mu.Unlock()
	return slices.SortedFunc(slices.Values(registered), func(a, b Row) int { return cmp.Compare(a.Path, b.Path) })
}

// SwitchNames returns the names of all rows' switches, sorted by the path of their row.
func SwitchNames() []string {
	var names []string
	for _, s := range switches() {
		names = append(names, s.Name)
	}
	return names
}

func switches() []Switch {
	var all []Switch
	for _, row := range Rows() {
		if row.Switch != nil {
			all = append(all, *row.Switch)
		}
	}
	return all
}

// prepare creates the state that the row's Call needs.
func (r Row) prepare(ctx context.Context, server *rctest.Server, client *rcuser.Client, users Pair) error {
	if r.Setup != nil {
		if err := r.Setup(ctx, client, users); err != nil {
			return fmt.Errorf("the setup of %s failed: %w", r.Path, err)
		}
	}
	server.Advance(r.Wait)
	return nil
}

// applied reports whether the call was applied; for an endpoint that only reads the answer is unset.
func (r Row) applied(server *rctest.Server, users Pair, unset bool) bool {
	if r.Applied == nil {
		return unset
	}
	return r.Applied(server, users)
}
