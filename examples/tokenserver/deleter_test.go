package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
	"github.com/f0207b22/rcuser/webhook"
)

const deactivatePath = "/user/deactivate.json"

func TestDeletionWaitsForRC(t *testing.T) {
	fake := newFake(t)
	s := fakeSettings(t, fake)
	p := start(t, s)
	token := p.login("alice")
	fake.SetOnline("alice", true)
	p.waitForUser("alice", "online", true)

	a := p.do("DELETE", "/users/alice", "")
	require.Equal(t, http.StatusAccepted, a.status, a.body)
	require.Equal(t, "deleting", a.field(t, "state"))
	require.Nil(t, a.field(t, "tokenIssuedAt"))
	require.Equal(t, http.StatusAccepted, p.do("DELETE", "/users/alice", "").status)
	for _, body := range []string{`{"userId": "alice", "name": "A"}`, `{"userId": "alice", "name": "A", "refresh": true}`} {
		require.Equal(t, http.StatusConflict, p.do("POST", "/login", body).status)
	}
	p.waitForUser("alice", "online", false)
	require.False(t, fake.ValidToken("alice", token))
	fake.Advance(14 * time.Minute)
	fake.WaitDeliveries()
	require.Equal(t, "deleting", p.user("alice").field(t, "state"))
	sessions := "SELECT count(*) FROM sessions"
	require.Equal(t, "1", queryDB(t, s, sessions))

	fake.Advance(time.Minute)
	p.waitUntilDeleted("alice")
	require.Equal(t, "0", queryDB(t, s, sessions))
	require.Equal(t, 1, count(fake, deactivatePath))
}

// TestLoginDuringDeletion gets no token, because RC expires it with the deactivation.
func TestLoginDuringDeletion(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	p.login("alice")
	fake.Inject(rctest.Fault{Endpoint: "/user/getToken.json", HeaderDelay: 300 * time.Millisecond})
	answers := make(chan answer, 1)
	go func() { answers <- p.do("POST", "/login", `{"userId": "alice", "name": "A", "refresh": true}`) }()
	waitUntil(t, "RC is asked", func() bool { return registrations(fake) == 2 })
	require.Equal(t, http.StatusAccepted, p.do("DELETE", "/users/alice", "").status)
	require.Equal(t, http.StatusConflict, (<-answers).status)
	require.Nil(t, p.user("alice").field(t, "tokenIssuedAt"))
}

// afterRegistration calls then after RC's answer to each registration, before the program gets it.
type afterRegistration struct {
	http.RoundTripper
	then func()
}

func (a afterRegistration) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := a.RoundTripper.RoundTrip(r)
	if r.URL.Path == "/user/getToken.json" {
		a.then()
	}
	return response, err
}

// TestRowChangesDuringLogin changes the row of the user between RC's answer and the write of the token.
func TestRowChangesDuringLogin(t *testing.T) {
	const row = "INSERT INTO users (id, name, token, token_issued, state) VALUES ('alice', 'Alice', 'token', 0, "
	for name, c := range map[string]struct {
		before, during string
		status         int
	}{
		"deleted":                 {row + "'active')", "DELETE FROM users", http.StatusConflict},
		"being deleted":           {row + "'active')", "UPDATE users SET state = 'deleting'", http.StatusConflict},
		"added by another login":  {"DELETE FROM users", row + "'active')", http.StatusOK},
		"added and being deleted": {"DELETE FROM users", row + "'deleting')", http.StatusConflict},
	} {
		s := fakeSettings(t, newFake(t))
		client := *s.rc.HTTPClient
		client.Transport = afterRegistration{client.Transport, func() { queryDB(t, s, c.during) }}
		s.rc.HTTPClient = &client
		p := start(t, s)
		queryDB(t, s, c.before)
		a := p.do("POST", "/login", `{"userId": "alice", "name": "A", "refresh": true}`)
		require.Equal(t, c.status, a.status, "%s: %s", name, a.body)
		want := "" // no active row
		if c.status == http.StatusOK {
			want = a.field(t, "token").(string)
		}
		got := queryDB(t, s, "SELECT token FROM users WHERE state = 'active'")
		require.Equal(t, want, got, name)
	}
}

func TestRefusedDeletionCanBeRetried(t *testing.T) {
	fake := newFake(t)
	fake.RefuseDeactivation("alice", "4711")
	p := start(t, fakeSettings(t, fake))
	p.login("alice")
	p.do("DELETE", "/users/alice", "")
	waitUntil(t, "RC accepts", func() bool { return fake.User("alice").Deactivated })
	fake.Advance(15 * time.Minute)
	p.waitForUser("alice", "state", "delete failed")
	require.Equal(t, "4711", p.user("alice").field(t, "refusal"))
	a := p.do("POST", "/login", `{"userId": "alice", "name": "A"}`)
	require.Equal(t, http.StatusConflict, a.status)
	require.Contains(t, a.field(t, "error"), "RC refused")

	a = p.do("DELETE", "/users/alice", "")
	require.Equal(t, "deleting", a.field(t, "state"))
	require.Nil(t, a.field(t, "refusal"))
	waitUntil(t, "RC accepts", func() bool { return fake.User("alice").Deactivated })
	fake.Advance(15 * time.Minute)
	p.waitUntilDeleted("alice")
}

// TestDeletionSurvivesRestarts stops the program twice: before RC's answer, when there is no operation to wait for yet, and
// while it waits for the operation.
func TestDeletionSurvivesRestarts(t *testing.T) {
	fake := newFake(t)
	s := fakeSettings(t, fake)
	p := start(t, s)
	p.login("alice")
	fake.Inject(rctest.Fault{Endpoint: deactivatePath, Kind: rctest.Hang, Applied: true})
	p.do("DELETE", "/users/alice", "")
	waitUntil(t, "RC accepts", func() bool { return fake.User("alice").Deactivated })
	p.stop()

	p = start(t, s)
	waitUntil(t, "the operation is saved", func() bool { return queryDB(t, s, "SELECT operation FROM users") != "" })
	require.Equal(t, 2, count(fake, deactivatePath))
	p.stop()

	p = start(t, s)
	p.waitForUser("alice", "state", "deleting")
	fake.Advance(15 * time.Minute)
	p.waitUntilDeleted("alice")
	require.Equal(t, 2, count(fake, deactivatePath))
}

// deletionInBubble gives the test a database in which alice is being deleted, in a synctest bubble and without sockets.
func deletionInBubble(t *testing.T, test func(*testing.T, *rctest.Server, *store, *webhook.Operations)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		client, err := rcuser.NewClient(fake.Config())
		require.NoError(t, err)
		db, err := openStore(t.Context(), path, func() {})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.close()) }()
		ops, err := webhook.NewOperations(client, webhook.OperationsOptions{Store: db, Poll: pollInterval})
		require.NoError(t, err)
		h, err := webhook.NewHandler(webhook.Config{
			Credentials: func(context.Context) ([]rcuser.Credentials, error) {
				return []rcuser.Credentials{fake.Credentials()}, nil
			},
			OnDeactivation: ops.Handle,
		})
		require.NoError(t, err)
		fake.SetWebhook(h)
		require.NoError(t, db.addUser(t.Context(), loginRequest{UserID: "alice", Name: "Alice"}, "token", time.Now()))
		_, err = db.beginDeletion(t.Context(), "alice")
		require.NoError(t, err)
		test(t, fake, db, ops)
	})
}

// runDeletions runs a deleter until alice is deleted, or for atMost in the bubble's time.
func runDeletions(t *testing.T, db *store, ops *webhook.Operations, atMost time.Duration) (deleted bool, took time.Duration) {
	t.Helper()
	start := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), atMost)
	defer cancel()
	d := newDeleter(db, ops, slog.New(slog.DiscardHandler))
	db.onChange = func() {
		if _, err := db.user(context.WithoutCancel(ctx), "alice"); err != nil {
			deleted = true
			cancel()
		}
	}
	d.run(ctx)
	return deleted, time.Since(start)
}

func TestPollingReplacesALostEvent(t *testing.T) {
	deletionInBubble(t, func(t *testing.T, fake *rctest.Server, db *store, ops *webhook.Operations) {
		fake.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
		deleted, took := runDeletions(t, db, ops, time.Hour)
		require.True(t, deleted)
		require.Greater(t, took, 15*time.Minute)
		require.Less(t, took, 20*time.Minute)
		require.Equal(t, 1, count(fake, deactivatePath))
	})
}

func TestLostRefusalIsRetried(t *testing.T) {
	deletionInBubble(t, func(t *testing.T, fake *rctest.Server, db *store, ops *webhook.Operations) {
		fake.RefuseDeactivation("alice", "4711")
		fake.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
		deleted, took := runDeletions(t, db, ops, time.Hour)
		require.True(t, deleted)
		require.GreaterOrEqual(t, took, deletionTimeout+15*time.Minute)
		require.Equal(t, 2, count(fake, deactivatePath))
	})
}

func TestDeletionContinuesAfterOutage(t *testing.T) {
	deletionInBubble(t, func(t *testing.T, fake *rctest.Server, db *store, ops *webhook.Operations) {
		fake.Inject(rctest.Fault{Kind: rctest.RefuseConnection, Times: rctest.Always})
		time.AfterFunc(10*time.Minute, fake.ClearFaults)
		deleted, took := runDeletions(t, db, ops, time.Hour)
		require.True(t, deleted)
		require.GreaterOrEqual(t, took, 25*time.Minute)
		require.Less(t, took, 27*time.Minute)
	})
}

func TestImmediateRefusalIsFinal(t *testing.T) {
	deletionInBubble(t, func(t *testing.T, fake *rctest.Server, db *store, ops *webhook.Operations) {
		fake.Inject(rctest.Fault{Endpoint: deactivatePath, Code: 1009, Times: rctest.Always})
		deleted, _ := runDeletions(t, db, ops, time.Hour)
		require.False(t, deleted)
		alice, err := db.user(t.Context(), "alice")
		require.NoError(t, err)
		require.Equal(t, deleteFailed, alice.State)
		require.Equal(t, "1009", alice.Refusal)
		require.Equal(t, 1, count(fake, deactivatePath))
	})
}

func TestTemporaryRefusalIsRetried(t *testing.T) {
	for _, fault := range []rctest.Fault{{Code: 1000}, {Code: 1008}, {Code: 1004}, {Code: 1006}, {Status: 404}} {
		deletionInBubble(t, func(t *testing.T, fake *rctest.Server, db *store, ops *webhook.Operations) {
			fault.Endpoint, fault.Times = deactivatePath, rctest.Always
			fake.Inject(fault)
			time.AfterFunc(10*time.Minute, fake.ClearFaults)
			deleted, _ := runDeletions(t, db, ops, time.Hour)
			require.True(t, deleted, "%+v", fault)
		})
	}
}

// stoppingStore stops the program as soon as RC has accepted a deactivation.
type stoppingStore struct {
	*store
	stop func()
}

func (s stoppingStore) PutDeactivated(context.Context, []string, time.Time) error {
	s.stop()
	return nil
}

func TestOperationIsSavedDuringShutdown(t *testing.T) {
	deletionInBubble(t, func(t *testing.T, fake *rctest.Server, db *store, _ *webhook.Operations) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		client, err := rcuser.NewClient(fake.Config())
		require.NoError(t, err)
		ops, err := webhook.NewOperations(client, webhook.OperationsOptions{Store: stoppingStore{db, stop}})
		require.NoError(t, err)
		newDeleter(db, ops, slog.New(slog.DiscardHandler)).run(ctx)
		alice, err := db.user(t.Context(), "alice")
		require.NoError(t, err)
		require.NotEmpty(t, alice.operation)
	})
}

// TestDeletionRequestedAgainAtOnce requests the deletion again before the refused attempt has returned.
func TestDeletionRequestedAgainAtOnce(t *testing.T) {
	deletionInBubble(t, func(t *testing.T, fake *rctest.Server, db *store, ops *webhook.Operations) {
		fake.RefuseDeactivation("alice", "4711")
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		d := newDeleter(db, ops, slog.New(slog.DiscardHandler))
		db.onChange = func() {
			switch alice, err := db.user(t.Context(), "alice"); {
			case errors.Is(err, errNoUser):
				cancel()
			case alice.State == deleteFailed:
				_, err := db.beginDeletion(t.Context(), "alice")
				require.NoError(t, err)
				d.notify()
				time.Sleep(time.Second)
			}
		}
		d.run(ctx)
		require.Less(t, time.Since(start), 30*time.Minute+retryInterval/2)
	})
}

// TestEventBetweenTwoRuns stops the deleter before the event and starts it again afterwards: it finds the result in the
// database.
func TestEventBetweenTwoRuns(t *testing.T) {
	deletionInBubble(t, func(t *testing.T, fake *rctest.Server, db *store, ops *webhook.Operations) {
		deleted, _ := runDeletions(t, db, ops, 10*time.Minute)
		require.False(t, deleted)
		time.Sleep(10 * time.Minute)
		fake.WaitDeliveries()
		require.NoError(t, db.prune(t.Context(), time.Now().Add(retention)))
		deleted, took := runDeletions(t, db, ops, time.Minute)
		require.True(t, deleted)
		require.Less(t, took, time.Second)
		_, err := db.Claim(t.Context(), "key")
		require.NoError(t, err)
		require.NoError(t, db.Commit(t.Context(), "key", time.Now()))
		require.NoError(t, db.prune(t.Context(), time.Now().Add(retention+time.Millisecond)))
		for _, table := range []string{"users", "sessions", "results", "replays"} {
			var rows int
			require.NoError(t, db.db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&rows))
			require.Zero(t, rows, table)
		}
		closed, err := db.isClosed(t.Context(), "alice")
		require.NoError(t, err)
		require.True(t, closed)
	})
}
