package webhook_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// TestEachCallbackAlone checks that a config with any single callback is valid, and that the callback gets its events
// and no others. The others are answered 200.
func TestEachCallbackAlone(t *testing.T) {
	t.Parallel()
	bodies := []string{
		presenceEvent,
		"userId=uid1&operateId=C70B-B1D6-82E8-5SBO&type=0&code=0&time=1730192400000",
		`{"userId":"uid1","time":1574476797772,"userProfile":{"level":2}}`,
		`{"userId":"userId11","eventType":3,"toUserId":"toUserId22","time":1774363668900}`,
		`{"of":"the future"}`,
	}
	for i := range bodies {
		events := &receiver{}
		config := webhook.Config{Credentials: returnCredentials(validCredentials)}
		[]func(){
			func() { config.OnPresence = record[webhook.PresenceEvent](events) },
			func() { config.OnDeactivation = record[webhook.DeactivationEvent](events) },
			func() { config.OnProfile = record[webhook.ProfileEvent](events) },
			func() { config.OnFriendship = record[webhook.FriendshipEvent](events) },
			func() { config.OnUnknown = record[webhook.UnknownEvent](events) },
		}[i]()
		var err error
		events.Handler, err = webhook.NewHandler(config)
		require.NoError(t, err)
		for k, body := range bodies {
			require.Equal(t, answers.ok, events.serve(newRequest(signedQuery(strings.Repeat("1", k+1), time.Now()), body)))
		}
		want, err := webhook.Decode([]byte(bodies[i]))
		require.NoError(t, err)
		require.Equal(t, want, events.dispatched())
	}
}

// TestDispatchStopsAtFirstFailure checks that later events of the request aren't dispatched, because RC sends all of
// them again.
func TestDispatchStopsAtFirstFailure(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		receiver.onEvent = func(_ context.Context, e webhook.Event) error {
			if e.(webhook.PresenceEvent).UserID == "u2" {
				return errApp
			}
			return nil
		}
		list := `[{"userid":"u1","status":"0","time":1},{"userid":"u2","status":"0","time":1},{"userid":"u3","status":"0","time":1}]`
		require.Equal(t, answers.function, receiver.serve(newRequest(signedQuery(testNonce, startTime), list)))
		require.Equal(t, []string{"u1", "u2"}, receiver.dispatchedUsers())
		require.Contains(t, receiver.log.String(), "the database is unavailable")
		require.NotContains(t, receiver.log.String(), "3f9c81d2b7", "the path may be secret")
	})
}

// TestDispatchStopsAfterTimeout checks that later events aren't dispatched either if a callback returns nil too late: RC
// sends the request again, and its first event is handled twice.
func TestDispatchStopsAfterTimeout(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		receiver := newReceiver(t)
		late := 5 * time.Second
		receiver.onEvent = func(context.Context, webhook.Event) error { time.Sleep(late); return nil }
		query := signedQuery(testNonce, startTime)
		require.Equal(t, answers.timeout, receiver.serve(newRequest(query, presenceEvents("u1", "u2"))))
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []string{"u1"}, receiver.dispatchedUsers())
		late = 0
		require.Equal(t, answers.ok, receiver.serve(newRequest(query, presenceEvents("u1", "u2"))))
		require.Equal(t, []string{"u1", "u1", "u2"}, receiver.dispatchedUsers())
	})
}

// TestManyEventsInOneBody checks the order of dispatch, and the limit of 10,000.
func TestManyEventsInOneBody(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		var body strings.Builder
		var want []string
		for i := range 10_000 {
			fmt.Fprintf(&body, `,{"userid":"%d","status":"0","time":1}`, i)
			want = append(want, fmt.Sprint(i))
		}
		receiver := newReceiver(t)
		require.Equal(t, answers.ok, receiver.serve(newRequest(signedQuery(testNonce, startTime), "["+body.String()[1:]+"]")))
		require.Equal(t, want, receiver.dispatchedUsers())
		tooMany := "[" + strings.Repeat("{},", 10_000) + "{}]"
		require.Equal(t, answers.body, receiver.serve(newRequest(signedQuery("14315", startTime), tooMany)))
		require.Contains(t, receiver.log.String(), "has 10001 events, at most 10000 are allowed")
	})
}
