package rctest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestUnknownHost(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.base = "https://api.rong-api.com"
	resp, err := f.http.Do(f.request(infoPath, "userId=a"))
	require.Nil(t, resp)
	var dial *net.OpError
	require.ErrorAs(t, err, &dial)
	require.Equal(t, "dial", dial.Op)
	var dns *net.DNSError
	require.ErrorAs(t, err, &dns)
	require.Empty(t, f.Requests())
}

func TestTransportErrors(t *testing.T) {
	t.Parallel()
	f := setup(t)
	cause := errors.New("broken")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	for _, c := range []context.Context{t.Context(), ctx} {
		b := &failingBody{err: cause}
		req := f.request(infoPath, "userId=a").WithContext(c)
		req.Body = b
		resp, err := f.http.Transport.RoundTrip(req)
		require.Nil(t, resp)
		require.ErrorIs(t, err, cause)
		require.True(t, b.closed)
	}
	_, err := f.http.Transport.RoundTrip(&http.Request{})
	require.Error(t, err)
	require.Empty(t, f.Requests())
	f.http.Timeout = time.Nanosecond
	_, err = f.http.Do(f.request(infoPath, "userId=a"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestTransportClosesTheRequestBody(t *testing.T) {
	t.Parallel()
	f := setup(t)
	b := &failingBody{err: io.EOF}
	req := f.request(blockQueryPath, "")
	req.Body = b
	f.do(req)
	require.True(t, b.closed)
	req.Body = nil
	f.do(req)
}

func TestFaultErrorsInMemory(t *testing.T) {
	t.Parallel()
	for kind, op := range map[rctest.FaultKind]string{
		rctest.RefuseConnection: "dial", rctest.ResetBefore: "read", rctest.LostAnswer: "read",
	} {
		f := setup(t)
		f.Inject(rctest.Fault{Kind: kind})
		var failed *net.OpError
		require.ErrorAs(t, f.tryBan().err, &failed)
		require.Equal(t, op, failed.Op)
		require.Equal(t, "tcp", failed.Net)
	}
}
