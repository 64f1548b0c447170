package webhook

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestNothingIsLeft checks that requests of all kinds leave neither themselves nor a timer behind, which would keep memory and
// wake the process.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	credentials := rcuser.Credentials{AppKey: "key", AppSecret: "secret"}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(1_000_000_000 * time.Second) // to a time with as many digits as today's
		h, err := NewHandler(Config{
			Credentials: StaticCredentials(credentials),
			OnPresence: func(_ context.Context, e PresenceEvent) error {
				time.Sleep(time.Duration(len(e.UserID)) * time.Second)
				return nil
			},
		})
		require.NoError(t, err)
		var requests sync.WaitGroup
		for i := range 60 {
			requests.Go(func() {
				time.Sleep(time.Duration(i%7) * 300 * time.Millisecond)
				body := fmt.Sprintf(`{"userid":%q,"status":"0","time":1}`, strings.Repeat("u", i%12+1))
				r := httptest.NewRequest("POST", "/", strings.NewReader(body))
				Sign(r, credentials, time.Now())
				for range i%3 + 1 { // up to 3 attempts with one signature
					attempt := httptest.NewRequest("POST", r.URL.String(), strings.NewReader(body))
					requests.Go(func() { h.ServeHTTP(httptest.NewRecorder(), attempt) })
				}
			})
		}
		requests.Wait()
		time.Sleep(time.Minute)
		r := httptest.NewRequest("POST", "/", strings.NewReader("[]"))
		Sign(r, credentials, time.Now())
		h.ServeHTTP(httptest.NewRecorder(), r)
		synctest.Wait()
		h.mu.Lock()
		defer h.mu.Unlock()
		require.Nil(t, h.first)
		require.Nil(t, h.last)
		require.Nil(t, h.nextDue)
		require.Nil(t, h.timer)
		require.Zero(t, h.running)
		require.Empty(t, h.holds.byKey)
	})
}
