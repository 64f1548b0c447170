package rctest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

// took runs a call in a bubble and returns how long it took there.
func (f *fake) took(req *http.Request) (result, time.Duration) {
	start := time.Now()
	got := f.try(req)
	return got, time.Since(start)
}

func TestSlowAnswersTakeTheirTime(t *testing.T) {
	t.Parallel()
	outside := setup(t) // its faults must wait by the time of the bubble as well
	synctest.Test(t, func(t *testing.T) {
		for _, srv := range []*rctest.Server{outside.Server, rctest.NewServer()} {
			f := &fake{srv, t, srv.Config().HTTPClient, outside.base}
			f.Inject(rctest.Fault{HeaderDelay: time.Hour, BodyDelay: time.Minute})
			got, took := f.took(f.request(block, ban))
			require.Equal(t, result{status: 200, length: 12, header: got.header, body: truth}, got)
			require.Equal(t, time.Hour+time.Minute, took)

			f.Inject(rctest.Fault{Kind: rctest.LostAnswer, HeaderDelay: time.Hour})
			got, took = f.took(f.request(block, ban))
			require.ErrorIs(t, got.err, syscall.ECONNRESET)
			require.Equal(t, time.Hour, took)
		}
	})
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		f.Inject(rctest.Fault{Body: "abc", BodyDelay: time.Hour})
		start := time.Now()
		resp, err := f.http.Do(f.request(block, ban))
		require.NoError(t, err)
		buffer := make([]byte, 9)
		n, err := resp.Body.Read(buffer)
		require.NoError(t, err)
		require.Equal(t, "a", string(buffer[:n]))
		n, err = resp.Body.Read(nil)
		require.NoError(t, err)
		require.Zero(t, n)
		require.Zero(t, time.Since(start))
		n, err = resp.Body.Read(buffer)
		require.NoError(t, err)
		require.Equal(t, "bc", string(buffer[:n]))
		require.Equal(t, time.Hour, time.Since(start))
		_, err = resp.Body.Read(buffer)
		require.Equal(t, io.EOF, err)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, resp.Body.Close())
		_, err = resp.Body.Read(buffer)
		require.Equal(t, http.ErrBodyReadAfterClose, err)
	})
}

var waiting = map[string]rctest.Fault{
	"hang":        {Kind: rctest.Hang},
	"slow header": {HeaderDelay: time.Hour},
	"lost late":   {Kind: rctest.LostAnswer, HeaderDelay: time.Hour},
	"slow body":   {BodyDelay: time.Hour},
	"slow cut":    {Kind: rctest.Cut, BodyDelay: time.Hour},
}

// failure is that of a result, wherever it came from.
func (r result) failure() error { return errors.Join(r.err, r.bodyErr) }

func TestWaitingEndsWithTheContext(t *testing.T) {
	t.Parallel()
	for name, fault := range waiting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t)
				f.Inject(fault)
				cause := errors.New("enough")
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, cause)
				defer cancel()
				got, took := f.took(f.request(block, ban).WithContext(ctx))
				require.ErrorIs(t, got.failure(), cause)
				require.Equal(t, time.Minute, took)

				f.Inject(fault)
				f.http.Timeout = time.Second
				got, took = f.took(f.request(block, ban))
				require.ErrorIs(t, got.failure(), context.DeadlineExceeded)
				require.Equal(t, time.Second, took)
			})
		})
	}
}

func TestWaitingHoldsNothingUp(t *testing.T) {
	t.Parallel()
	for name, fault := range waiting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t)
				f.Inject(fault)
				ctx, cancel := context.WithCancel(t.Context())
				var group sync.WaitGroup
				group.Go(func() { f.try(f.request(block, ban).WithContext(ctx)) })
				synctest.Wait()
				f.ok(checkOnline, "userId=a")
				require.Len(t, f.Requests(), 2)
				require.Equal(t, fault.Kind != rctest.Hang, f.banned(), "applied before the wait")
				cancel()
				group.Wait()
			})
		})
	}
}

func TestWaitingEndsWithTheServer(t *testing.T) {
	t.Parallel()
	for name, fault := range waiting {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t)
				f.Inject(fault)
				var got result
				var group sync.WaitGroup
				group.Go(func() { got = f.try(f.request(block, ban)) })
				synctest.Wait()
				f.Close()
				group.Wait()
				require.ErrorIs(t, got.failure(), syscall.ECONNRESET)
			})
			t.Run("port", func(t *testing.T) {
				f := setup(t)
				f.overPort(f.ListenBackup())
				f.Inject(fault)
				var got result
				var group sync.WaitGroup
				group.Go(func() { got = f.try(f.request(block, ban)) })
				for len(f.Requests()) == 0 {
					time.Sleep(100 * time.Microsecond)
				}
				start := time.Now()
				f.Close()
				group.Wait()
				require.Error(t, got.failure())
				require.Less(t, time.Since(start), 4*time.Second)
			})
		})
	}
}

func TestWaitingEndsWithTheBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		f.Inject(rctest.Fault{Body: "a", BodyDelay: time.Hour})
		resp, err := f.http.Do(f.request(block, ban))
		require.NoError(t, err)
		var group sync.WaitGroup
		group.Go(func() { _, err = resp.Body.Read(make([]byte, 1)) })
		synctest.Wait()
		start := time.Now()
		closed := resp.Body.Close()
		group.Wait()
		require.NoError(t, closed)
		require.Equal(t, http.ErrBodyReadAfterClose, err)
		require.Zero(t, time.Since(start))
	})
}

func TestSlowBodyOverAPort(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.overPort(f.Listen())
	f.Inject(rctest.Fault{BodyDelay: time.Hour})
	resp, err := f.http.Do(f.request(block, ban))
	require.NoError(t, err)
	half := make([]byte, 6)
	_, err = io.ReadFull(resp.Body, half)
	require.NoError(t, err)
	require.Equal(t, truth[:6], string(half))
	require.NoError(t, resp.Body.Close())
}

// A call that hangs with more body than is read must still notice that its client has gone.
func TestHangWithALargeBody(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ended := make(chan struct{})
	outer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		defer close(ended)
		f.ServeHTTP(w, req)
	}))
	defer outer.Close()
	f.overPort(outer.URL)
	f.Inject(rctest.Fault{Kind: rctest.Hang})
	ctx, cancel := context.WithCancel(t.Context())
	var got result
	var group sync.WaitGroup
	group.Go(func() { got = f.try(f.request(block, string(make([]byte, 3<<20))).WithContext(ctx)) })
	for len(f.Requests()) == 0 {
		time.Sleep(100 * time.Microsecond)
	}
	cancel()
	group.Wait()
	require.ErrorIs(t, got.err, context.Canceled)
	<-ended
}

func TestHugeBodiesAreNotHeld(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, f *fake, _ bool) {
		const size = 1 << 50
		f.Inject(rctest.Fault{Body: html, BodySize: size})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		resp, err := f.http.Do(f.request(block, ban).WithContext(ctx))
		require.NoError(t, err)
		require.EqualValues(t, size, resp.ContentLength)
		n, err := io.CopyN(io.Discard, resp.Body, 5<<20)
		require.NoError(t, err)
		require.EqualValues(t, 5<<20, n)
		cancel()
		_, err = io.Copy(io.Discard, resp.Body)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, resp.Body.Close())
		f.ok(block, ban)
	})
}
