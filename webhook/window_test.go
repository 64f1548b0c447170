package webhook_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/webhook"
)

// timeFormats are RC's two formats of a timestamp. Both are exact in these tests, as startTime is a whole second.
var timeFormats = map[string]func(time.Time) string{"milliseconds": inMillis, "seconds": inSeconds}

// TestWindow checks that both limits are inclusive, to the millisecond, in Verify and in a Handler.
func TestWindow(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for _, tc := range []struct {
		name         string
		window       webhook.Window
		past, future time.Duration // -1 = unlimited
	}{
		{"default", webhook.Window{}, 10 * time.Minute, 5 * time.Minute},
		{"own", webhook.Window{Past: 90 * time.Second, Future: 2 * time.Second}, 90 * time.Second, 2 * time.Second},
		{"own past", webhook.Window{Past: time.Hour}, time.Hour, 5 * time.Minute},
		{"own future", webhook.Window{Future: time.Hour}, 10 * time.Minute, time.Hour},
		{"a millisecond", webhook.Window{Past: ms, Future: ms}, ms, ms},
		{"any past", webhook.Window{Past: webhook.Unlimited}, -1, 5 * time.Minute},
		{"any future", webhook.Window{Future: webhook.Unlimited}, 10 * time.Minute, -1},
		{"any time", anyTime, -1, -1},
	} {
		for unit, write := range timeFormats {
			t.Run(tc.name+" "+unit, func(t *testing.T) {
				t.Parallel()
				if tc.past >= 0 {
					inBubble(t, func(t *testing.T) {
						requireEdge(t, tc.window, write(startTime), startTime.Add(tc.past), 0, webhook.ErrStale)
					})
				}
				if tc.future >= 0 {
					inBubble(t, func(t *testing.T) {
						signedAt := startTime.Add(2 * time.Hour)
						requireEdge(t, tc.window, write(signedAt), signedAt.Add(-tc.future-ms), webhook.ErrFuture, 0)
					})
				}
				inBubble(t, func(t *testing.T) { requireUnlimited(t, tc.window, write) })
			})
		}
	}
}

// requireEdge checks the result of a request at a time and a millisecond later.
func requireEdge(t *testing.T, w webhook.Window, timestamp string, at time.Time, first, second webhook.Reason) {
	t.Helper()
	time.Sleep(time.Until(at))
	for i, want := range []webhook.Reason{first, second} {
		receiver := newReceiver(t, withWindow(w))
		request := validRequest(testNonce)
		sign(testNonce, timestamp)(request)
		_, err := webhook.Verify(request, w, validCredentials)
		if want == 0 {
			require.NoError(t, err)
			require.Equal(t, answers.ok, receiver.serve(request))
			require.Len(t, receiver.dispatched(), 1)
		} else {
			requireReason(t, want, err)
			require.Equal(t, answer{401, want.Error()}, receiver.serve(request))
			require.Empty(t, receiver.dispatched())
		}
		if i == 0 {
			time.Sleep(time.Millisecond)
		}
	}
}

// requireUnlimited checks that the earliest and the latest timestamp with the current number of digits are accepted only
// if the side is unlimited.
func requireUnlimited(t *testing.T, w webhook.Window, write func(time.Time) string) {
	t.Helper()
	for _, side := range []struct {
		limit  time.Duration
		at     time.Time
		reason webhook.Reason
	}{
		{w.Past, time.Unix(1_000_000_000, 0), webhook.ErrStale},
		{w.Future, time.Unix(9_999_999_999, 0), webhook.ErrFuture},
	} {
		request := validRequest(testNonce)
		sign(testNonce, write(side.at))(request)
		verified, err := webhook.Verify(request, w, validCredentials)
		if side.limit == webhook.Unlimited {
			require.NoError(t, err)
			require.True(t, side.at.Equal(verified.SignedAt))
		} else {
			requireReason(t, side.reason, err)
		}
	}
}

// TestWindowErrorTexts checks that the text has the difference and the limit.
func TestWindowErrorTexts(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T) {
		for offset, text := range map[time.Duration]string{
			-time.Hour: "webhook: the timestamp is too old: signed 1h0m0s ago, at most 10m0s are allowed",
			time.Hour:  "webhook: the timestamp is in the future: signed 1h0m0s ahead of now, at most 5m0s are allowed",
		} {
			request := validRequest(testNonce)
			sign(testNonce, inMillis(startTime.Add(offset)))(request)
			_, err := webhook.Verify(request, webhook.Window{}, validCredentials)
			require.EqualError(t, err, text)
		}
	})
}

// TestInvalidWindows checks that a negative value other than Unlimited is refused, as it would turn the check off.
func TestInvalidWindows(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		window webhook.Window
		name   string
	}{
		{webhook.Window{Past: -2}, "Past"},
		{webhook.Window{Past: -time.Minute, Future: time.Minute}, "Past"},
		{webhook.Window{Past: math.MinInt64}, "Past"},
		{webhook.Window{Future: -2}, "Future"},
		{webhook.Window{Past: webhook.Unlimited, Future: -time.Second}, "Future"},
	} {
		var argument *rcuser.ArgumentError
		_, err := webhook.Verify(validRequest(testNonce), tc.window, validCredentials)
		require.ErrorAs(t, err, &argument)
		require.Equal(t, "window."+tc.name, argument.Name)
		argument = nil
		h, err := webhook.NewHandler(webhook.Config{Credentials: returnCredentials(validCredentials), OnPresence: record[webhook.PresenceEvent](nil), Window: tc.window})
		require.ErrorAs(t, err, &argument)
		require.Equal(t, "Config.Window."+tc.name, argument.Name)
		require.Nil(t, h)
	}
}
