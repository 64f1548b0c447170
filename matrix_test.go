package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// operation is one of the 19 calls as the fault matrix makes it.
type operation struct {
	path    string
	prepare func(*rctest.Server, *rcuser.Client) error // the state that it changes
	do      func(context.Context, *rcuser.Client) error
	done    func(*rctest.Server) bool // whether the state shows that it was applied; nil for those that only read
}

// matrixFault is a fault that stays, and what every call must make of it.
type matrixFault struct {
	name     string
	fault    rctest.Fault
	attempts int            // of the failing call; 0 = it succeeds in spite of it
	outcome  rcuser.Outcome // of the failing call
	code     rcuser.ErrorCode
	status   int
	moves    bool // the other host is tried
}

var matrixFaults = []matrixFault{
	{"1000", rctest.Fault{Code: 1000}, 3, rcuser.Unknown, rcuser.ErrInternal, 500, true},
	{"1050", rctest.Fault{Code: 1050}, 3, rcuser.Unknown, rcuser.ErrTimeout, 504, true},
	{"1000 applied", rctest.Fault{Code: 1000, Applied: true}, 3, rcuser.Unknown, rcuser.ErrInternal, 500, true},
	{"1008", rctest.Fault{Code: 1008}, 3, rcuser.NotApplied, rcuser.ErrRateLimited, 429, false},
	{"1008 after 3 s", rctest.Fault{Code: 1008, RetryAfter: "3"}, 3, rcuser.NotApplied, rcuser.ErrRateLimited, 429, false},
	{"1008 after 60 s", rctest.Fault{Code: 1008, RetryAfter: "60"}, 1, rcuser.NotApplied, rcuser.ErrRateLimited, 429, false},
	{"1001", rctest.Fault{Code: 1001}, 1, rcuser.NotApplied, rcuser.ErrAppSecret, 401, false},
	{"1002", rctest.Fault{Code: 1002}, 1, rcuser.NotApplied, rcuser.ErrParameter, 400, false},
	{"1004", rctest.Fault{Code: 1004}, 1, rcuser.NotApplied, rcuser.ErrSignature, 401, false},
	{"1009", rctest.Fault{Code: 1009}, 1, rcuser.NotApplied, rcuser.ErrNotEnabled, 430, false},
	{"2007", rctest.Fault{Code: 2007}, 1, rcuser.NotApplied, rcuser.ErrUserLimit, 403, false},
	{"unknown code", rctest.Fault{Code: 1234, Status: 200}, 1, rcuser.NotApplied, 1234, 200, false},
	{"429 without a code", rctest.Fault{Status: 429, Body: "slow down"}, 3, rcuser.NotApplied, rcuser.ErrRateLimited, 429, false},
	{"404 page", rctest.Fault{Status: 404, Body: "<html>"}, 1, rcuser.NotApplied, 0, 404, false},
	{"redirect", redirect, 1, rcuser.NotApplied, 0, 307, false},
	{"502 page", rctest.Fault{Status: 502, Body: "<html>bad gateway"}, 3, rcuser.Unknown, 0, 502, true},
	{"empty 503", rctest.Fault{Status: 503}, 3, rcuser.Unknown, 0, 503, true},
	{"success under 500", rctest.Fault{Status: 500, Code: 200}, 3, rcuser.Unknown, 0, 500, true},
	{"200 page", rctest.Fault{Status: 200, Body: "<html>"}, 3, rcuser.Unknown, 0, 200, true},
	{"empty 200", rctest.Fault{Status: 200}, 3, rcuser.Unknown, 0, 200, true},
	{"oversized", rctest.Fault{BodySize: 4<<20 + 1}, 3, rcuser.Unknown, 0, 200, true},
	{"cut", rctest.Fault{Kind: rctest.Cut}, 3, rcuser.Unknown, 0, 200, true},
	{"wrong length", rctest.Fault{Kind: rctest.WrongLength}, 3, rcuser.Unknown, 0, 200, true},
	{"hang", rctest.Fault{Kind: rctest.Hang}, 3, rcuser.Unknown, 0, 0, true},
	{"hang applied", rctest.Fault{Kind: rctest.Hang, Applied: true}, 3, rcuser.Unknown, 0, 0, true},
	{"refused", rctest.Fault{Kind: rctest.RefuseConnection}, 3, rcuser.NotApplied, 0, 0, true},
	{"reset", rctest.Fault{Kind: rctest.ResetBefore}, 3, rcuser.Unknown, 0, 0, true},
	{"answer lost", rctest.Fault{Kind: rctest.LostAnswer}, 3, rcuser.Unknown, 0, 0, true},
	{"slow headers", rctest.Fault{HeaderDelay: 4 * time.Second}, 0, 0, 0, 0, false},
	{"slow body", rctest.Fault{BodyDelay: 4 * time.Second}, 0, 0, 0, 0, false},
	{"too slow headers", rctest.Fault{HeaderDelay: 6 * time.Second}, 3, rcuser.Unknown, 0, 0, true},
	{"too slow body", rctest.Fault{BodyDelay: 6 * time.Second}, 3, rcuser.Unknown, 0, 200, true},
	{"wrong clock", rctest.Fault{ClockOffset: 10 * time.Minute}, 0, 0, 0, 0, false},
}

var redirect = rctest.Fault{Status: 307, Header: http.Header{"Location": {"https://evil.example.com/"}}}

// TestFaultMatrix meets every call with every fault, on one host and on two: a fault that stays, everywhere; one that is
// over after a call; and one of the primary alone. The error, its outcome, the attempts and the fake's state must agree.
func TestFaultMatrix(t *testing.T) {
	t.Parallel()
	require.Len(t, operations, 19)
	for _, f := range matrixFaults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for _, op := range operations {
				for _, hosts := range []int{1, 2} {
					name := fmt.Sprintf("%s, %d hosts", op.path, hosts)
					synctest.Test(t, func(t *testing.T) { meet(t, name+", for good", f, op, hosts, rctest.AnyHost, rctest.Always) })
					synctest.Test(t, func(t *testing.T) { meet(t, name+", once", f, op, hosts, rctest.AnyHost, 1) })
					synctest.Test(t, func(t *testing.T) { meet(t, name+", primary", f, op, hosts, rctest.PrimaryHost, rctest.Always) })
				}
			}
		})
	}
}

func meet(t *testing.T, name string, f matrixFault, op operation, hosts int, host rctest.Host, times int) {
	server := rctest.NewServer()
	defer server.Close()
	config := server.Config()
	if hosts == 1 {
		config.DataCenter.Backup = ""
	}
	client, err := rcuser.NewClient(config)
	require.NoError(t, err)
	require.NoError(t, op.prepare(server, client), name)
	f.fault.Endpoint, f.fault.Host, f.fault.Times = op.path, host, times
	server.Inject(f.fault)
	before := len(server.Requests())
	start := time.Now()
	err = op.do(t.Context(), client)
	took := time.Since(start)

	succeeds := f.attempts == 0 ||
		times == 1 && f.attempts > 1 ||
		host == rctest.PrimaryHost && hosts == 2 && f.moves
	if succeeds {
		require.NoError(t, err, name)
		require.True(t, op.done == nil || op.done(server), "%s: success, but it was not applied", name)
	} else {
		requireFault(t, name, f, err)
		applied := op.done != nil && op.done(server)
		failure, _ := errors.AsType[*rcuser.Error](err)
		require.False(t, applied && failure.Outcome == rcuser.NotApplied, "%s: not applied, it says, but it was", name)
	}
	require.LessOrEqual(t, took, 17*time.Second, name)
	requireFreshSignatures(t, server.Requests()[before:])
}

func requireFault(t *testing.T, name string, f matrixFault, err error) {
	t.Helper()
	failure, ok := errors.AsType[*rcuser.Error](err)
	require.True(t, ok, "%s: %v", name, err)
	require.Equal(t, f.attempts, failure.Attempts, name)
	require.Equal(t, f.outcome, failure.Outcome, name)
	require.Equal(t, f.code, failure.Code, name)
	require.Equal(t, f.status, failure.StatusCode, name)
}

func requireFreshSignatures(t *testing.T, requests []rctest.Request) {
	t.Helper()
	nonces := map[string]bool{}
	for _, request := range requests {
		nonces[request.Header.Get("Nonce")] = true
		require.Equal(t, requests[0].Header.Get("X-Request-Id"), request.Header.Get("X-Request-Id"))
		require.Equal(t, requests[0].Form, request.Form)
	}
	require.Len(t, nonces, len(requests))
}
