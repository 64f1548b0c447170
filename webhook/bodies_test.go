package webhook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

const (
	otherBodyRecord = `"level":"WARN","source"`
	handledBefore   = `"msg":"webhook: answered 200 but not handled"`
	atTheSameTime   = `"msg":"webhook: two bodies at the same time"`
)

// TestOtherBodyIsLogged checks that a second body under a handled signature is a warning, and that the same body isn't.
func TestOtherBodyIsLogged(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		query := signedQuery(testNonce, startTime)
		require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)))
		require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvent)))
		require.Empty(t, receiver.log.String())
		for i, body := range []string{strings.ReplaceAll(presenceEvent, "u1", "u2"), "", presenceEvent + " "} {
			require.Equal(t, answers.ok, receiver.serve(newRequest(query, body)))
			log := receiver.log.String()
			require.Equal(t, i+1, strings.Count(log, handledBefore), log)
			require.NotContains(t, log, "u2", "no record has a body")
			requireNoSecrets(t, newRequest(query, ""), log)
		}
		require.Contains(t, receiver.log.String(), `"remote":"192.0.2.1:1234"`)
		require.Contains(t, receiver.log.String(), otherBodyRecord)
		require.Len(t, receiver.dispatched(), 1)
	})
}

// TestTwoBodiesAtTheSameTime checks that a body that arrives while another one is being handled is a warning too, whether
// or not the first succeeds.
func TestTwoBodiesAtTheSameTime(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{nil, errApp} {
		inBubble(t, func(t *testing.T) {
			receiver := newReceiver(t)
			receiver.onEvent = sleepFor(2 * time.Second)
			if failure != nil {
				receiver.onEvent = failOnce(2*time.Second, failure)
			}
			query := signedQuery(testNonce, startTime)
			first := receiver.serveAt(0, query)
			time.Sleep(time.Second)
			other := strings.ReplaceAll(presenceEvent, "u1", "u2")
			require.Equal(t, answers.ok, receiver.serve(newRequest(query, other)))
			<-first
			log := receiver.log.String()
			require.Equal(t, 1, strings.Count(log, atTheSameTime), log)
			want := map[bool][]string{true: {"u1"}, false: {"u1", "u2"}}[failure == nil]
			require.Equal(t, want, receiver.dispatchedUsers())
			require.Equal(t, len(want) == 1, strings.Contains(log, handledBefore), "handled only once")
		})
	}
}

// TestOtherBodyOfAnotherProcess checks that a process doesn't claim to know which body another one has handled.
func TestOtherBodyOfAnotherProcess(t *testing.T) {
	t.Parallel()
	receiver := newReceiver(t, withGuard(fakeGuard{claim: returnClaim(webhook.Handled, nil)}))
	require.Equal(t, answers.ok, receiver.serve(validRequest(testNonce)))
	require.Empty(t, receiver.log.String())
}
