package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/webhook"
)

// TestSignatureIsAcceptedOnce sends a second body with the same signature after a restart.
func TestSignatureIsAcceptedOnce(t *testing.T) {
	fake := newFake(t)
	s := fakeSettings(t, fake)
	p := start(t, s)
	p.login("alice")
	signed := p.request("POST", testWebhook, "")
	webhook.Sign(signed, fake.Credentials(), time.Now())
	path := testWebhook + "?" + signed.URL.RawQuery
	require.Equal(t, http.StatusOK, p.do("POST", path, presence(webhook.Online, "iOS", "s1", 100)).status)
	require.Equal(t, true, p.user("alice").field(t, "online"))
	p.stop()

	p = start(t, s)
	require.Equal(t, http.StatusOK, p.do("POST", path, presence(webhook.Offline, "iOS", "s1", 200)).status)
	require.Equal(t, true, p.user("alice").field(t, "online"), "the second request is ignored")
}

// twoStores returns the stores of two processes that share a database.
func twoStores(t *testing.T, path string) (one, other *store) {
	t.Helper()
	stores := [2]*store{}
	for i := range stores {
		db, err := openStore(t.Context(), path, func() {})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, db.close()) })
		stores[i] = db
	}
	return stores[0], stores[1]
}

func TestConcurrentClaims(t *testing.T) {
	one, other := twoStores(t, filepath.Join(t.TempDir(), "test.db"))
	var claimed, busy atomic.Int32
	var claims sync.WaitGroup
	for i := range 40 {
		claims.Go(func() {
			claim, err := []*store{one, other}[i%2].Claim(t.Context(), "key")
			if err == nil && claim == webhook.Claimed {
				claimed.Add(1)
			}
			if err == nil && claim == webhook.Busy {
				busy.Add(1)
			}
		})
	}
	claims.Wait()
	require.EqualValues(t, 1, claimed.Load())
	require.EqualValues(t, 39, busy.Load())
}

func TestClaimsBelongToTheirProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	synctest.Test(t, func(t *testing.T) {
		one, other := twoStores(t, path)
		claim := func(s *store) webhook.Claim {
			c, err := s.Claim(t.Context(), "key")
			require.NoError(t, err)
			return c
		}
		require.Equal(t, webhook.Claimed, claim(one))
		require.NoError(t, other.Release(t.Context(), "key"))
		require.NoError(t, other.Commit(t.Context(), "key", time.Now().Add(time.Hour)))
		require.Equal(t, webhook.Busy, claim(other), "only the process with the claim can end it")
		require.NoError(t, one.Release(t.Context(), "key"))
		require.Equal(t, webhook.Claimed, claim(other))

		time.Sleep(claimLease)
		require.Equal(t, webhook.Busy, claim(one))
		time.Sleep(time.Millisecond)
		require.Equal(t, webhook.Claimed, claim(one), "the lease of the other process has expired")
		require.NoError(t, other.Commit(t.Context(), "key", time.Now().Add(time.Hour)))
		require.Equal(t, webhook.Busy, claim(other), "a commit after the lease has expired is ignored")
		require.NoError(t, one.Commit(t.Context(), "key", time.Now().Add(time.Hour)))
		require.NoError(t, one.Release(t.Context(), "key"))
		time.Sleep(time.Hour)
		require.NoError(t, one.prune(t.Context(), time.Now()))
		require.Equal(t, webhook.Handled, claim(one), "handled until the given time, inclusive")
		require.Equal(t, webhook.Handled, claim(other))
		time.Sleep(time.Millisecond)
		require.Equal(t, webhook.Claimed, claim(other))
	})
}

// TestClaimsStampedInTheFuture sets the clock back: a claim of a dead process must not block the request until the clock is
// there again. A request that was handled stays handled.
func TestClaimsStampedInTheFuture(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	synctest.Test(t, func(t *testing.T) {
		one, other := twoStores(t, path)
		claim := func(s *store, key string) webhook.Claim {
			c, err := s.Claim(t.Context(), key)
			require.NoError(t, err)
			return c
		}
		for _, key := range []string{"claimed", "handled"} {
			require.Equal(t, webhook.Claimed, claim(one, key))
		}
		require.NoError(t, one.Commit(t.Context(), "handled", time.Now().Add(time.Hour)))
		_, err := one.db.ExecContext(t.Context(), "UPDATE replays SET until = until + 86400000")
		require.NoError(t, err)
		require.Equal(t, webhook.Claimed, claim(other, "claimed"))
		require.Equal(t, webhook.Busy, claim(one, "claimed"))
		require.Equal(t, webhook.Handled, claim(other, "handled"))
	})
}

// TestClaimThatWaitedForTheDatabase compares with a time before the other one's claim, which is still valid.
func TestClaimThatWaitedForTheDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	synctest.Test(t, func(t *testing.T) {
		one, other := twoStores(t, path)
		_, err := one.Claim(t.Context(), "key")
		require.NoError(t, err)
		_, err = one.db.ExecContext(t.Context(), "UPDATE replays SET until = until + 4000") // made 4 s later
		require.NoError(t, err)
		claim, err := other.Claim(t.Context(), "key")
		require.NoError(t, err)
		require.Equal(t, webhook.Busy, claim)
	})
}

// TestSlowClaimOfTheSameProcess takes over a claim within one process, whose two requests share its owner: the failure of the
// first must not undo what the second has handled.
func TestSlowClaimOfTheSameProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	synctest.Test(t, func(t *testing.T) {
		one, other := twoStores(t, path)
		for range 2 {
			c, err := one.Claim(t.Context(), "key")
			require.NoError(t, err)
			require.Equal(t, webhook.Claimed, c)
			time.Sleep(claimLease + time.Millisecond)
		}
		require.NoError(t, one.Release(t.Context(), "key"), "the first has failed")
		require.NoError(t, one.Commit(t.Context(), "key", time.Now().Add(time.Hour)), "the second has not")
		require.NoError(t, one.Release(t.Context(), "key"))
		c, err := other.Claim(t.Context(), "key")
		require.NoError(t, err)
		require.Equal(t, webhook.Handled, c)
	})
}

// TestLastAttemptAfterACrash is RC's last one, a second after the connection to a process broke that had just claimed the
// request and crashed: there is no further one, so this one must see the claim expire.
func TestLastAttemptAfterACrash(t *testing.T) {
	appInBubble(t, func(t *testing.T, a *app) {
		require.NoError(t, a.store.addUser(t.Context(), loginRequest{UserID: "alice", Name: "Alice"}, "token", time.Now()))
		r := httptest.NewRequest(http.MethodPost, testWebhook, strings.NewReader(presence(webhook.Online, "iOS", "s1", 100)))
		r.Header.Set("Content-Type", "application/json")
		webhook.Sign(r, a.fake.Credentials(), time.Now())
		verified, err := webhook.Verify(r, webhook.Window{}, a.fake.Credentials())
		require.NoError(t, err)
		crashed := &store{db: a.store.db, onChange: func() {}, owner: "a crashed process"}
		claim, err := crashed.Claim(t.Context(), verified.ReplayKey)
		require.NoError(t, err)
		require.Equal(t, webhook.Claimed, claim)

		time.Sleep(senderPause)
		w := httptest.NewRecorder()
		a.webhook.ServeHTTP(w, r)
		require.Equal(t, http.StatusOK, w.Code, w.Body)
		alice, err := a.store.user(t.Context(), "alice")
		require.NoError(t, err)
		require.True(t, alice.Online)
	})
}
