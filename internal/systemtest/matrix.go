package systemtest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// encounter is one call that meets a fault.
type encounter struct {
	FaultCase
	row   Row
	hosts int         // of the client's data center
	host  rctest.Host // that has the fault
	times int         // how many attempts meet it
}

func (e encounter) String() string {
	return fmt.Sprintf("%s, %d hosts, fault of host %d, %d times", e.row.Path, e.hosts, e.host, e.times)
}

// succeeds reports whether the call must succeed in spite of the fault.
func (e encounter) succeeds() bool {
	return e.Attempts == 0 ||
		e.times == 1 && e.Attempts > 1 ||
		e.host == rctest.PrimaryHost && e.hosts == 2 && e.Moves
}

// Matrix gives every fault to every endpoint, with one host and with two: in every attempt, in the first attempt only,
// and in every attempt at the primary host. The error, its outcome, the number of attempts and the fake's state must
// agree, and every attempt must be signed anew.
func Matrix(t *testing.T) {
	for _, fault := range FaultCases {
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			for _, row := range Rows() {
				for _, hosts := range []int{1, 2} {
					for _, e := range []encounter{
						{fault, row, hosts, rctest.AnyHost, rctest.Always},
						{fault, row, hosts, rctest.AnyHost, 1},
						{fault, row, hosts, rctest.PrimaryHost, rctest.Always},
					} {
						synctest.Test(t, e.run)
					}
				}
			}
		})
	}
}

func (e encounter) run(t *testing.T) {
	server := rctest.NewServer()
	defer server.Close()
	config := server.Config()
	if e.hosts == 1 {
		config.DataCenter.Backup = ""
	}
	client, err := rcuser.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	users := Pair{"u1", "u2"}
	if err := e.row.prepare(t.Context(), server, client, users); err != nil {
		t.Fatalf("%v: %v", e, err)
	}
	e.Fault.Endpoint, e.Fault.Host, e.Fault.Times = e.row.Path, e.host, e.times
	server.Inject(e.Fault)
	before := len(server.Requests())
	start := time.Now()
	err = e.row.Call(t.Context(), client, users)
	if took := time.Since(start); took > 17*time.Second {
		t.Errorf("%v: the call took %v, at most 17 s are right", e, took)
	}
	switch {
	case !e.succeeds():
		e.checkFailure(t, err, e.row.applied(server, users, false))
	case err != nil:
		t.Fatalf("%v: the call should succeed: %v", e, err)
	case !e.row.applied(server, users, true):
		t.Errorf("%v: the call succeeded, but it was not applied", e)
	}
	e.checkAttempts(t, server.Requests()[before:])
}

func (e encounter) checkFailure(t *testing.T, err error, applied bool) {
	t.Helper()
	failure, ok := errors.AsType[*rcuser.Error](err)
	if !ok {
		t.Fatalf("%v: want an *Error, got %v", e, err)
	}
	want := [...]any{e.Attempts, e.Outcome, e.Code, e.Status}
	if got := [...]any{failure.Attempts, failure.Outcome, failure.Code, failure.StatusCode}; got != want {
		t.Errorf("%v: attempts, outcome, code and status are %v, want %v: %v", e, got, want, err)
	}
	if applied && failure.Outcome == rcuser.NotApplied {
		t.Errorf("%v: the outcome is NotApplied, but the call was applied", e)
	}
}

// checkAttempts checks that all attempts of a call have the same form and request ID, and different nonces.
func (e encounter) checkAttempts(t *testing.T, requests []rctest.Request) {
	t.Helper()
	nonces := map[string]bool{}
	for _, request := range requests {
		nonces[request.Header.Get("Nonce")] = true
		if first, id := requests[0].Header.Get("X-Request-Id"), request.Header.Get("X-Request-Id"); id != first {
			t.Errorf("%v: the request IDs of two attempts differ: %q, %q", e, first, id)
		}
		if !maps.EqualFunc(requests[0].Form, request.Form, slices.Equal) {
			t.Errorf("%v: the forms of two attempts differ: %v, %v", e, requests[0].Form, request.Form)
		}
	}
	if len(nonces) != len(requests) {
		t.Errorf("%v: %d attempts were sent with %d nonces", e, len(requests), len(nonces))
	}
}
