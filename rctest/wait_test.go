package rctest_test

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestDelays(t *testing.T) {
	t.Parallel()
	outside := setup(t) // its faults must also use the clock of the bubble
	synctest.Test(t, func(t *testing.T) {
		for _, srv := range []*rctest.Server{outside.Server, rctest.NewServer()} {
			f := &fake{srv, t, srv.Config().HTTPClient, outside.base}
			f.Inject(rctest.Fault{HeaderDelay: time.Hour, BodyDelay: time.Minute})
			got, took := f.timed(f.request(blockPath, banForm))
			require.Equal(t, result{status: 200, length: 12, header: got.header, body: successBody}, got)
			require.Equal(t, time.Hour+time.Minute, took)

			f.Inject(rctest.Fault{Kind: rctest.LostAnswer, HeaderDelay: time.Hour})
			got, took = f.timed(f.request(blockPath, banForm))
			require.ErrorIs(t, got.err, syscall.ECONNRESET)
			require.Equal(t, time.Hour, took)
		}
	})
}

// delayFaults keep a call waiting for an hour or, with Hang, forever.
var delayFaults = map[string]rctest.Fault{
	"hang":             {Kind: rctest.Hang},
	"slow header":      {HeaderDelay: time.Hour},
	"late lost answer": {Kind: rctest.LostAnswer, HeaderDelay: time.Hour},
	"slow body":        {BodyDelay: time.Hour},
	"slow cut":         {Kind: rctest.Cut, BodyDelay: time.Hour},
}

func TestDelayEndsWithContext(t *testing.T) {
	t.Parallel()
	for name, fault := range delayFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t)
				f.Inject(fault)
				cause := errors.New("gave up")
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, cause)
				defer cancel()
				got, took := f.timed(f.request(blockPath, banForm).WithContext(ctx))
				require.ErrorIs(t, got.failure(), cause)
				require.Equal(t, time.Minute, took)

				f.Inject(fault)
				f.http.Timeout = time.Second
				got, took = f.timed(f.request(blockPath, banForm))
				require.ErrorIs(t, got.failure(), context.DeadlineExceeded)
				require.Equal(t, time.Second, took)
			})
		})
	}
}

func TestDelayBlocksNoOtherCall(t *testing.T) {
	t.Parallel()
	for name, fault := range delayFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t)
				f.Inject(fault)
				ctx, cancel := context.WithCancel(t.Context())
				var group sync.WaitGroup
				group.Go(func() { f.try(f.request(blockPath, banForm).WithContext(ctx)) })
				synctest.Wait()
				f.ok(checkOnlinePath, "userId=a")
				require.Len(t, f.Requests(), 2)
				require.Equal(t, fault.Kind != rctest.Hang, f.banned(), "applied before the wait")
				cancel()
				group.Wait()
			})
		})
	}
}

func TestDelayEndsWithClose(t *testing.T) {
	t.Parallel()
	for name, fault := range delayFaults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t)
				f.Inject(fault)
				var got result
				var group sync.WaitGroup
				group.Go(func() { got = f.try(f.request(blockPath, banForm)) })
				synctest.Wait()
				f.Close()
				group.Wait()
				require.ErrorIs(t, got.failure(), syscall.ECONNRESET)
			})
			t.Run("port", func(t *testing.T) {
				f := setup(t)
				f.usePort(f.ListenBackup())
				f.Inject(fault)
				var got result
				var group sync.WaitGroup
				group.Go(func() { got = f.try(f.request(blockPath, banForm)) })
				f.waitForRequest()
				start := time.Now()
				f.Close()
				group.Wait()
				require.Error(t, got.failure())
				require.Less(t, time.Since(start), 4*time.Second)
			})
		})
	}
}
