package rcuser_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

const (
	primaryHost = "api.rong-api.com"
	backupHost  = "api-b.rong-api.com"
)

func bothHosts(config *rcuser.Config) { config.DataCenter = rcuser.Beijing }

// byHost answers with primary or backup, depending on the request's host.
func byHost(t *testing.T, primary, backup roundTripFunc) roundTripFunc {
	return func(req *http.Request) (*http.Response, error) {
		if req.Host != req.URL.Host {
			t.Errorf("the Host header is %q for %q", req.Host, req.URL)
		}
		switch req.URL.Host {
		case primaryHost:
			return primary(req)
		case backupHost:
			return backup(req)
		}
		t.Errorf("unexpected host %q", req.URL.Host)
		return nil, errors.New("unexpected host")
	}
}

// hostSequence returns a p for each request to the primary and a b for each to the backup.
func hostSequence(tap *wiretap) string {
	var hosts strings.Builder
	for _, request := range tap.requests() {
		if strings.HasPrefix(request.URL, "https://"+primaryHost+"/") {
			hosts.WriteByte('p')
		} else {
			hosts.WriteByte('b')
		}
	}
	return hosts.String()
}

// truncatedBody answers with a body that ends with io.ErrUnexpectedEOF.
func truncatedBody(*http.Request) (*http.Response, error) {
	body := io.MultiReader(strings.NewReader(`{"code":`), readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }))
	return &http.Response{StatusCode: 200, Body: io.NopCloser(body)}, nil
}

// hostFailures lists the failures after which a call switches to the other host, and how long each takes.
var hostFailures = map[string]struct {
	respond roundTripFunc
	after   time.Duration
}{
	"refused":      {failWith(refusedDial()), 0},
	"DNS":          {failWith(&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", IsNotFound: true}}), 0},
	"TLS":          {failWith(tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}), 0},
	"certificate":  {failWith(&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), 0},
	"timeout":      {hang, 5 * time.Second},
	"slow body":    {slowBody, 5 * time.Second},
	"reset":        {failWith(connReset()), 0},
	"EOF":          {failWith(io.EOF), 0},
	"cut":          {truncatedBody, 0},
	"HTML":         {reply(200, html), 0},
	"no code":      {reply(200, `{}`), 0},
	"empty":        {reply(200, ""), 0},
	"403":          {reply(403, html), 0},
	"404":          {reply(404, html), 0},
	"407":          {reply(407, ""), 0},
	"408":          {reply(408, ""), 0},
	"421":          {reply(421, html), 0},
	"425":          {reply(425, ""), 0},
	"401, HTML":    {reply(401, html), 0},
	"400 cut off":  {brokenOff(400), 0},
	"500":          {reply(500, ""), 0},
	"500 and 1000": {reply(500, `{"code":1000}`), 0},
	"501":          {reply(501, `{"code":4711}`), 0},
	"502":          {reply(502, html), 0},
	"503":          {reply(503, ""), 0},
	"504 and 1050": {reply(504, `{"code":1050}`), 0},
}

// notApplied are those of hostFailures after which even a call that isn't idempotent is repeated.
var notApplied = map[string]bool{
	"refused": true, "DNS": true, "401, HTML": true, "403": true, "404": true, "407": true, "421": true, "425": true,
}

func TestFailoverWithinTheCall(t *testing.T) {
	t.Parallel()
	for name, tc := range hostFailures {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log warnings
				client, tap := newClient(t, byHost(t, tc.respond, reply(200, success)), bothHosts, log.to)
				require.NoError(t, ban(t.Context(), client))
				require.Equal(t, "pb", hostSequence(tap))
				require.Equal(t, []time.Duration{tc.after}, tap.gaps(), "at once")
				first, second := tap.requests()[0], tap.requests()[1]
				require.Equal(t, "https://api-b.rong-api.com/user/block.json", second.URL)
				require.NotEqual(t, first.Header.Get("Nonce"), second.Header.Get("Nonce"))
				require.NotEqual(t, first.Header.Get("Signature"), second.Header.Get("Signature"))
				signature := rcuser.Sign(testSecret, second.Header.Get("Nonce"), fmt.Sprint(second.At.UnixMilli()))
				require.Equal(t, signature, second.Header.Get("Signature"), "signed for its own time")
				require.Equal(t, first.Header.Get("X-Request-ID"), second.Header.Get("X-Request-ID"))
				require.Equal(t, first.Body, second.Body)

				require.NoError(t, client.Bans.Remove(t.Context(), []string{"u1"}))
				require.Equal(t, "pbb", hostSequence(tap), "all calls use the backup now")
				require.Equal(t, 1, log.count(switching))
				require.Equal(t, 1, log.count("from=api.rong-api.com"))
				require.Equal(t, 1, log.count("endpoint=/user/block.json"))
			})
		})
	}
}

func TestNoFailover(t *testing.T) {
	t.Parallel()
	for name, respond := range map[string]roundTripFunc{
		"1002":           reply(400, `{"code":1002}`),
		"1006":           reply(401, locked),
		"1006 under 200": reply(200, locked),
		"2007":           reply(403, `{"code":2007}`),
		"404 of RC":      reply(404, `{"code":404}`),
		"201":            reply(201, success),
		"408 of RC":      reply(408, `{"code":1002}`),
		"1009":           reply(430, `{"code":1009}`),
		"429":            reply(429, ""),
		"429 and 1008":   replyWith(429, limited, "Retry-After", "1"),
		"1008":           reply(200, limited),
		"302":            replyWith(302, "", "Location", "https://"+backupHost),
		"unknown code":   reply(200, `{"code":4711}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log warnings
				client, tap := newClient(t, byHost(t, respond, unexpected(t)), bothHosts, log.to)
				rcErr := requireError(t, ban(t.Context(), client))
				require.Equal(t, primaryHost, rcErr.Host)
				require.Error(t, ban(t.Context(), client))
				require.NotContains(t, hostSequence(tap), "b")
				require.Empty(t, log.log.String())
			})
		})
	}
}

// TestNoFailoverWhenTheContextEnds ends the caller's context while the primary doesn't answer: by a cancel, by a deadline
// that comes too soon, or while it sends the body.
func TestNoFailoverWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		blocked            roundTripFunc
		deadline, cancelAt time.Duration
	}{
		"cancelled":       {hang, 4 * time.Second, 3 * time.Second},
		"short deadline":  {hang, time.Second - 1, time.Hour},
		"body, cancelled": {slowBody, 4 * time.Second, 3 * time.Second},
		"body, deadline":  {slowBody, 4 * time.Second, time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log warnings
			client, tap := newClient(t, byHost(t, tc.blocked, unexpected(t)), bothHosts, log.to)
			for range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), tc.deadline)
				defer cancel()
				stop := time.AfterFunc(tc.cancelAt, cancel)
				rcErr := requireError(t, ban(ctx, client))
				require.True(t, stop.Stop() || tc.cancelAt < tc.deadline)
				require.Equal(t, []any{1, rcuser.Unknown, primaryHost}, []any{rcErr.Attempts, rcErr.Outcome, rcErr.Host}, name)
			}
			require.Equal(t, "pp", hostSequence(tap), name)
			require.Empty(t, log.log.String(), name)
		})
	}
}

func TestNoFailoverForCredentials(t *testing.T) {
	t.Parallel()
	fail := true
	client, tap := newClient(t, byHost(t, reply(200, success), unexpected(t)), bothHosts, func(c *rcuser.Config) {
		c.AppKey, c.AppSecret = "", ""
		c.Credentials = func(context.Context) (rcuser.Credentials, error) {
			if fail {
				return rcuser.Credentials{}, io.ErrClosedPipe
			}
			return rcuser.Credentials{AppKey: "k", AppSecret: "s"}, nil
		}
	})
	require.ErrorIs(t, ban(t.Context(), client), io.ErrClosedPipe)
	fail = false
	require.NoError(t, ban(t.Context(), client))
	require.Equal(t, "p", hostSequence(tap))
}

// TestFailoverOfConcurrentCalls lets the primary fail once all calls have reached it.
func TestFailoverOfConcurrentCalls(t *testing.T) {
	t.Parallel()
	var log warnings
	var arrived sync.WaitGroup
	var succeeded atomic.Int32
	arrived.Add(1000)
	client, tap := newClient(t, byHost(t, func(req *http.Request) (*http.Response, error) {
		arrived.Done()
		arrived.Wait()
		return reply(503, "")(req)
	}, reply(200, success)), bothHosts, log.to)
	atOnce(t, 1000, func() error {
		if ban(t.Context(), client) == nil {
			succeeded.Add(1)
		}
		return nil
	})
	require.EqualValues(t, 1000, succeeded.Load(), "the first move is free")
	require.Equal(t, 1000, strings.Count(hostSequence(tap), "p"))
	require.EqualValues(t, succeeded.Load(), strings.Count(hostSequence(tap), "b"))
	require.Equal(t, 1, log.count(switching))
	before := len(tap.requests())
	require.NoError(t, ban(t.Context(), client))
	require.Equal(t, "b", hostSequence(tap)[before:])
}

func TestAttemptsAlternateBetweenHosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var longest time.Duration
		for range 50 {
			client, tap := newClient(t, reply(503, `{"code":1000}`), bothHosts)
			rcErr := requireError(t, ban(t.Context(), client))
			require.Equal(t, "pbp", hostSequence(tap))
			require.Equal(t, []any{3, primaryHost}, []any{rcErr.Attempts, rcErr.Host})
			require.Zero(t, tap.gaps()[0])
			require.LessOrEqual(t, tap.gaps()[1], 200*time.Millisecond)
			longest = max(longest, tap.gaps()[1])
		}
		require.Greater(t, longest, 100*time.Millisecond, "there is a wait before going back")
		client, tap := newClient(t, reply(503, ""), bothHosts, func(c *rcuser.Config) { c.Retry.MaxAttempts = 6 })
		require.Error(t, ban(t.Context(), client))
		require.Equal(t, "pbpbpb", hostSequence(tap))
	})
}

// TestSwitchBackWhenTheBackupFails requires each call to reach the primary, but the preferred host to change only 30 s after
// the first switch.
func TestSwitchBackWhenTheBackupFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log warnings
		client, tap := newClient(t, byHost(t, inTurn(reply(503, ""), reply(200, success)), inTurn(reply(200, success), reply(503, ""))), bothHosts, log.to)
		for _, wait := range []time.Duration{0, 10 * time.Second, 20*time.Second - 1, 1, time.Second} {
			time.Sleep(wait)
			require.NoError(t, ban(t.Context(), client))
		}
		require.Equal(t, "pb"+"bp"+"bp"+"bp"+"p", hostSequence(tap))
		require.Equal(t, 2, log.count(switching))
		require.Equal(t, 1, log.count("from=api-b.rong-api.com"))
	})
}

// TestReturnToThePrimary lets two probes of the primary fail, the second because the caller's context ends.
func TestReturnToThePrimary(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, byHost(t, inTurn(reply(503, ""), hang, hang, reply(200, success)), reply(200, success)), bothHosts)
		call := func(wait time.Duration, want string) {
			t.Helper()
			time.Sleep(wait)
			before := len(tap.requests())
			ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
			defer cancel()
			require.NoError(t, ban(ctx, client))
			require.Equal(t, want, hostSequence(tap)[before:])
		}
		call(0, "pb")
		call(5*time.Minute-1, "b")
		call(1, "pb") // 5 s
		call(0, "b")
		call(5*time.Minute-5*time.Second-1, "b")
		time.Sleep(time.Nanosecond)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, ban(ctx, client), "a fifth of the attempt's timeout: the primary has failed again")
		call(5*time.Minute-time.Second-1, "b")
		call(1, "p")
		call(0, "p")
	})
}

// TestOneOfManyCallsProbes requires one of 100 concurrent calls to go to the primary.
func TestOneOfManyCallsProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, tap := newClient(t, byHost(t, inTurn(reply(503, ""), func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return reply(200, success)(req)
		}), reply(200, success)), bothHosts)
		require.NoError(t, ban(t.Context(), client))
		time.Sleep(5 * time.Minute)
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if err := ban(t.Context(), client); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		require.Equal(t, 1, strings.Count(hostSequence(tap)[2:], "p"))
	})
}

// TestCallFailsOverOnlyIfNothingWasSent also requires the next call to use the backup.
func TestCallFailsOverOnlyIfNothingWasSent(t *testing.T) {
	t.Parallel()
	call := other("/x.json", nil)
	for name, tc := range hostFailures {
		synctest.Test(t, func(t *testing.T) {
			client, tap := newClient(t, byHost(t, tc.respond, reply(200, success)), bothHosts)
			err := call(t.Context(), client)
			if notApplied[name] {
				require.NoError(t, err, name)
				require.Equal(t, "pb", hostSequence(tap))
				return
			}
			rcErr := requireError(t, err)
			require.Equal(t, []any{1, primaryHost, rcuser.Unknown}, []any{rcErr.Attempts, rcErr.Host, rcErr.Outcome}, name)
			require.NoError(t, call(t.Context(), client))
			require.Equal(t, "pb", hostSequence(tap), name)
		})
	}
}

func TestFailoverKeepsEachHostsPath(t *testing.T) {
	t.Parallel()
	client, tap := newClient(t, inTurn(failWith(refusedDial()), reply(200, success)), func(c *rcuser.Config) {
		c.DataCenter = rcuser.DataCenter{Primary: "https://a.example/rc/", Backup: "https://b.example:8443/proxy/of/rc"}
	})
	require.NoError(t, ban(t.Context(), client))
	require.Equal(t, "https://a.example/rc/user/block.json", tap.requests()[0].URL)
	require.Equal(t, "https://b.example:8443/proxy/of/rc/user/block.json", tap.requests()[1].URL)
}

func TestOneHostHasNoFailover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log warnings
		var waited time.Duration
		for range 20 {
			client, tap := newClient(t, reply(503, ""), log.to)
			require.Error(t, ban(t.Context(), client))
			require.Equal(t, "ppp", hostSequence(tap))
			waited += tap.gaps()[0]
		}
		require.Positive(t, waited, "there are waits before the second attempts")
		require.Zero(t, log.count(switching))
	})
}
