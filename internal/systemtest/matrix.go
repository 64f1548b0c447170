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

// matrixCase is one call of the matrix.
type matrixCase struct {
	FaultCase
	row   Row
	hosts int         // of the client's data center
	host  rctest.Host // whose requests get the fault
	times int         // how many attempts get the fault
}

func (c matrixCase) String() string {
	return fmt.Sprintf("%s, %d hosts, fault of host %d, %d times", c.row.Path, c.hosts, c.host, c.times)
}

// succeeds reports whether the call must succeed despite the fault.
func (c matrixCase) succeeds() bool {
	return c.Attempts == 0 ||
		c.times == 1 && c.attempts() > 1 ||
		c.host == rctest.PrimaryHost && c.hosts == 2 && c.Moves
}

// attempts returns how many the failed call makes.
func (c matrixCase) attempts() int {
	if c.hosts == 2 && c.TwoHosts > 0 {
		return c.TwoHosts
	}
	return c.Attempts
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
					for _, c := range []matrixCase{
						{fault, row, hosts, rctest.AnyHost, rctest.Always},
						{fault, row, hosts, rctest.AnyHost, 1},
						{fault, row, hosts, rctest.PrimaryHost, rctest.Always},
					} {
						synctest.Test(t, c.run)
					}
				}
			}
		})
	}
}

func (c matrixCase) run(t *testing.T) {
	server := rctest.NewServer()
	defer server.Close()
	config := server.Config()
	if c.hosts == 1 {
		config.DataCenter.Backup = ""
	}
	client, err := rcuser.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	users := Pair{"u1", "u2"}
	if err := c.row.prepare(t.Context(), server, client, users); err != nil {
		t.Fatalf("%v: %v", c, err)
	}
	c.Fault.Endpoint, c.Fault.Host, c.Fault.Times = c.row.Path, c.host, c.times
	server.Inject(c.Fault)
	before := len(server.Requests())
	start := time.Now()
	err = c.row.Call(t.Context(), client, users)
	if took := time.Since(start); took > 17*time.Second {
		t.Errorf("%v: the call took %v, at most 17 s are right", c, took)
	}
	switch {
	case !c.succeeds():
		c.checkFailure(t, err, c.row.applied(server, users, false))
	case err != nil:
		t.Fatalf("%v: the call should succeed: %v", c, err)
	case !c.row.applied(server, users, true):
		t.Errorf("%v: the call succeeded, but it was not applied", c)
	}
	c.checkAttempts(t, server.Requests()[before:])
}

func (c matrixCase) checkFailure(t *testing.T, err error, applied bool) {
	t.Helper()
	failure, ok := errors.AsType[*rcuser.Error](err)
	if !ok {
		t.Fatalf("%v: want an *Error, got %v", c, err)
	}
	want := [...]any{c.attempts(), c.Outcome, c.Code, c.Status}
	if got := [...]any{failure.Attempts, failure.Outcome, failure.Code, failure.StatusCode}; got != want {
		t.Errorf("%v: attempts, outcome, code and status are %v, want %v: %v", c, got, want, err)
	}
	if applied && failure.Outcome == rcuser.NotApplied {
		t.Errorf("%v: the outcome is NotApplied, but the call was applied", c)
	}
}

// checkAttempts checks that all attempts of a call have the same form and request ID, and different nonces.
func (c matrixCase) checkAttempts(t *testing.T, requests []rctest.Request) {
	t.Helper()
	nonces := map[string]bool{}
	for _, request := range requests {
		nonces[request.Header.Get("Nonce")] = true
		if first, id := requests[0].Header.Get("X-Request-Id"), request.Header.Get("X-Request-Id"); id != first {
			t.Errorf("%v: the request IDs of two attempts differ: %q, %q", c, first, id)
		}
		if !maps.EqualFunc(requests[0].Form, request.Form, slices.Equal) {
			t.Errorf("%v: the forms of two attempts differ: %v, %v", c, requests[0].Form, request.Form)
		}
	}
	if len(nonces) != len(requests) {
		t.Errorf("%v: %d attempts were sent with %d nonces", c, len(requests), len(nonces))
	}
}
