package rctest_test

import (
	"context"
	"io"
	"math"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestSlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		f.Inject(rctest.Fault{Body: "abc", BodyDelay: time.Hour})
		start := time.Now()
		resp, err := f.http.Do(f.request(blockPath, banForm))
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

func TestSlowBodyOverAPort(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.usePort(f.Listen())
	f.Inject(rctest.Fault{BodyDelay: time.Hour})
	resp, err := f.http.Do(f.request(blockPath, banForm))
	require.NoError(t, err)
	half := make([]byte, 6)
	_, err = io.ReadFull(resp.Body, half)
	require.NoError(t, err)
	require.Equal(t, successBody[:6], string(half))
	require.NoError(t, resp.Body.Close())
}

func TestDelayEndsWithBodyClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		f.Inject(rctest.Fault{Body: "a", BodyDelay: time.Hour})
		resp, err := f.http.Do(f.request(blockPath, banForm))
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

func TestHugeBodySize(t *testing.T) {
	t.Parallel()
	inMemoryAndOverPort(t, func(t *testing.T, f *fake, _ bool) {
		const size = 1 << 50
		f.Inject(rctest.Fault{Body: htmlBody, BodySize: size})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		resp, err := f.http.Do(f.request(blockPath, banForm).WithContext(ctx))
		require.NoError(t, err)
		require.Equal(t, int64(size), resp.ContentLength)
		n, err := io.CopyN(io.Discard, resp.Body, 5<<20)
		require.NoError(t, err)
		require.EqualValues(t, 5<<20, n)
		cancel()
		_, err = io.Copy(io.Discard, resp.Body)
		require.ErrorIs(t, err, context.Canceled)
		require.NoError(t, resp.Body.Close())
		f.ok(blockPath, banForm)
	})
}

// A body that never ends, as a hostile server may send it.
func TestBodySizeHasNoLimit(t *testing.T) {
	t.Parallel()
	inMemoryAndOverPort(t, func(t *testing.T, f *fake, _ bool) {
		f.Inject(rctest.Fault{BodySize: math.MaxInt64})
		resp, err := f.http.Do(f.request(blockPath, banForm))
		require.NoError(t, err)
		defer func() { require.NoError(t, resp.Body.Close()) }()
		require.Equal(t, int64(math.MaxInt64), resp.ContentLength)
		_, err = io.CopyN(io.Discard, resp.Body, 1<<20)
		require.NoError(t, err)
	})
}
