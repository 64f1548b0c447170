package rctest_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

// recorder is a test that ends when end is called.
type recorder struct {
	helper   bool
	cleanups []func()
	failure  string
}

func (r *recorder) Helper()                           { r.helper = true }
func (r *recorder) Cleanup(f func())                  { r.cleanups = append(r.cleanups, f) }
func (r *recorder) Fatalf(format string, args ...any) { r.failure = fmt.Sprintf(format, args...) }

func (r *recorder) end() {
	for _, f := range slices.Backward(r.cleanups) {
		f()
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	test := &recorder{}
	srv, client := rctest.Start(test, rctest.AllowlistForAll(), nil)
	require.True(t, test.helper)
	require.Empty(t, test.failure)
	_, err := client.Users.Register(t.Context(), rcuser.Registration{UserID: "u1", Name: "Ann"})
	require.NoError(t, err)
	require.True(t, srv.User("u1").AllowlistEnabled, "the options are used")
	test.end()
	_, err = client.Users.Get(t.Context(), "u1")
	require.Error(t, err, "the server is closed")
	_, err = srv.Changes(t.Context(), srv.LastChange())
	require.Equal(t, rctest.ErrClosed, err)
}

// testing.T is a TB, and a started server leaves no goroutine: the bubble wouldn't end.
func TestStartInABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, client := rctest.Start(t)
		srv.SetWebhook(&app{start: time.Now()})
		require.NoError(t, client.Bans.Add(t.Context(), []string{"a"}, time.Hour))
	})
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	test := &recorder{}
	_, client := rctest.Start(test, rctest.WithCredentials(rcuser.Credentials{AppKey: "a\nb", AppSecret: "s"}))
	require.Contains(t, test.failure, "rctest: Start: ")
	require.NotContains(t, test.failure, "\"s\"")
	require.Nil(t, client)
	test.end()
}

// callTime makes a call within a bubble and returns how long it took by the bubble's clock, and its error.
func callTime(t *testing.T, cfg rcuser.Config) (time.Duration, error) {
	client, err := rcuser.NewClient(cfg)
	require.NoError(t, err)
	start := time.Now()
	err = client.Bans.Add(t.Context(), []string{"a"}, time.Hour)
	return time.Since(start), err
}

// waitFaults make a call wait and try again.
var waitFaults = map[string]struct {
	fault     rctest.Fault
	succeeds  bool
	inMemory  time.Duration // the longest time that a call takes with a Config made outside of a bubble
	byDefault time.Duration // the shortest time with one made inside
}{
	"503 three times":    {rctest.Fault{Status: 503, Times: 3}, false, 20 * time.Millisecond, 1},
	"429 twice":          {rctest.Fault{Code: 1008, Times: 2}, true, 20 * time.Millisecond, 20 * time.Millisecond},
	"reset twice":        {rctest.Fault{Kind: rctest.ResetBefore, Times: 2}, true, 20 * time.Millisecond, 1},
	"Retry-After of 3 s": {rctest.Fault{Code: 1008, RetryAfter: "3"}, true, 3 * time.Second, 3 * time.Second},
	"hang":               {rctest.Fault{Kind: rctest.Hang}, true, 5 * time.Second, 5 * time.Second},
}

// A configuration made in real time has waits of milliseconds. One made in a bubble, where they take no time, has the
// default ones, so that a test there sees what an app would. A bubble's clock measures both.
func TestConfigWaits(t *testing.T) {
	t.Parallel()
	for name, c := range waitFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := rctest.NewServer()
			realTime := srv.Config()
			synctest.Test(t, func(t *testing.T) {
				require.Zero(t, srv.Config().Retry)
				for range 20 {
					srv.ClearFaults()
					srv.Inject(c.fault)
					took, err := callTime(t, realTime)
					require.Equal(t, c.succeeds, err == nil, err)
					require.LessOrEqual(t, took, c.inMemory)
				}
				var longest time.Duration
				for range 20 { // the waits are random
					srv.ClearFaults()
					srv.Inject(c.fault)
					took, err := callTime(t, srv.Config())
					require.Equal(t, c.succeeds, err == nil, err)
					longest = max(longest, took)
				}
				require.GreaterOrEqual(t, longest, c.byDefault)
			})
		})
	}
}

// The same in real time, with several callers at once: nothing to wait for.
func TestFaultsInRealTime(t *testing.T) {
	t.Parallel()
	srv, client := rctest.Start(t)
	require.NotZero(t, srv.Config().Retry.BaseWait)
	for range 50 {
		srv.Inject(rctest.Fault{Code: 1008, Times: 2})
		require.NoError(t, client.Bans.Add(t.Context(), []string{"a"}, time.Hour))
	}
	require.Len(t, srv.Requests(), 150)
}

func ExampleStart() {
	t := &recorder{} // in a test: its *testing.T
	defer t.end()

	srv, client := rctest.Start(t)
	if err := client.Bans.Add(context.Background(), []string{"u1"}, time.Hour); err != nil {
		t.Fatalf("%v", err)
	}
	fmt.Println("banned:", !srv.User("u1").BannedUntil.IsZero())
	// Output: banned: true
}
