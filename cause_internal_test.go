package rcuser

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/internal/conn"
)

// TestNameCause requires texts that say what happened, and that the original error is found under them.
func TestNameCause(t *testing.T) {
	t.Parallel()
	read := func(err error) error { return &net.OpError{Op: "read", Net: "tcp", Err: err} }
	const (
		notConnectedText = "the connection was closed before the request could be sent"
		unansweredText   = "the connection was closed before an answer came"
		halfAnsweredText = "the connection was closed in the middle of the answer"
		unnamedText      = "the transport failed without naming a cause"
	)
	var none error
	for _, tc := range []struct {
		err  error
		at   stage
		text string
	}{
		{io.EOF, notConnected, notConnectedText},
		{io.EOF, unanswered, unansweredText},
		{io.ErrUnexpectedEOF, unanswered, unansweredText},
		{io.ErrUnexpectedEOF, halfAnswered, halfAnsweredText},
		{errors.New("http: server closed idle connection"), unanswered, unansweredText},
		{fmt.Errorf("readLoopPeekFailLocked: %w", none), unanswered, unansweredText},
		{fmt.Errorf("net/http: HTTP/1.x transport connection broken: %w", io.ErrUnexpectedEOF), halfAnswered, halfAnsweredText},
		{fmt.Errorf("span 7: %w", io.EOF), unanswered, unansweredText + ": span 7"},
		{read(net.ErrClosed), unanswered, unansweredText + ": read tcp"},
		{read(os.NewSyscallError("read", syscall.ECONNRESET)), unanswered, unansweredText + ": read tcp: read: connection reset by peer"},

		{errors.New("Unauthorized"), notConnected, "the proxy refused CONNECT: Unauthorized"},
		{errors.New("Proxy Authentication Required"), notConnected, "the proxy refused CONNECT: Proxy Authentication Required"},
		{errors.New("unknown status code"), notConnected, "the proxy refused CONNECT: unknown status code"},
		{errors.New(""), notConnected, "the proxy refused CONNECT"},
		{&conn.ProxyError{StatusCode: 407}, notConnected, "the proxy refused CONNECT: 407 Proxy Authentication Required"},
		{&conn.ProxyError{StatusCode: 499}, notConnected, "the proxy refused CONNECT: 499"},
		{errors.New("Unauthorized"), unanswered, "Unauthorized"},
		{
			&net.OpError{Op: "socks connect", Net: "tcp", Err: errors.New("unknown error general SOCKS server failure")}, notConnected,
			"the SOCKS proxy made no connection: socks connect tcp: unknown error general SOCKS server failure",
		},

		{errors.New(""), unanswered, unnamedText},
		{errors.New(" \n"), unanswered, unnamedText},
		{fmt.Errorf("span: %w", none), unanswered, unnamedText},
		{errors.New("circuit open"), unanswered, "circuit open"},
		{errors.New("two\nlines"), unanswered, "two lines"},
		{refusedDialError(), notConnected, "dial tcp: connection refused"},
		{read(os.ErrDeadlineExceeded), unanswered, "read tcp: i/o timeout"},

		{
			&url.Error{Op: "proxyconnect", URL: "http://user:p@ss@proxy:3128", Err: errors.New("no route")}, notConnected,
			`proxyconnect "http://proxy:3128": no route`,
		},
		{errors.New("proxy socks5://user@proxy:1080 is down"), unanswered, "proxy socks5://proxy:1080 is down"},
		{errors.New("mail a@b"), unanswered, "mail a@b"},
		{
			fmt.Errorf("invalid proxy address %q: %w", "http://user:p ss@proxy", parseError("http://user:p ss@proxy")), notConnected,
			"invalid proxy address [redacted]",
		},
		{
			fmt.Errorf("invalid proxy address %q: %w", "7:p%zz@proxy", parseError("7:p%zz@proxy")), notConnected,
			"invalid proxy address [redacted]",
		},
		{parseError("http://user:pa/ss@proxy:3128"), notConnected, "parse [redacted]"},
		{fmt.Errorf("span: %w", parseError(`http://user:p"ss@proxy`)), notConnected, "span: parse [redacted]"},
	} {
		err := nameCause(tc.err, tc.at)
		require.EqualError(t, err, tc.text)
		require.ErrorIs(t, err, tc.err)
	}
	op, ok := errors.AsType[*net.OpError](nameCause(read(net.ErrClosed), unanswered))
	require.True(t, ok)
	require.Equal(t, "read", op.Op)
}

func refusedDialError() error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
}

func parseError(address string) error {
	_, err := url.Parse(address)
	return err
}
