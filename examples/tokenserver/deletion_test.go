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
	s := onFake(t, fake)
	p := start(t, s)
	token := p.login("alice")
	fake.SetOnline("alice", true)
	p.untilUser("alice", "online", true)

	a := p.do("DELETE", "/users/alice", "")
	require.Equal(t, http.StatusAccepted, a.status, a.body)
	require.Equal(t, "deleting", a.field(t, "state"))
	require.Nil(t, a.field(t, "tokenIssuedAt"))
	require.Equal(t, http.StatusAccepted, p.do("DELETE", "/users/alice", "").status)
	for _, body := range []string{`{"userId": "alice", "name": "A"}`, `{"userId": "alice", "name": "A", "refresh": true}`} {
		require.Equal(t, http.StatusConflict, p.do("POST", "/login", body).status)
	}
	p.untilUser("alice", "online", false)
	require.False(t, fake.ValidToken("alice", token))
	fake.Advance(14 * time.Minute)
	fake.WaitDeliveries()
	require.Equal(t, "deleting", p.user("alice").field(t, "state"))
	sessions := "SELECT count(*) FROM sessions"
	require.Equal(t, "1", ask(t, s, sessions))

	fake.Advance(time.Minute)
	p.untilGone("alice")
	require.Equal(t, "0", ask(t, s, sessions))
	require.Equal(t, 1, count(fake, deactivatePath))
}

// TestALoginThatADeletionOvertakes gets no token: RC makes it void.
func TestALoginThatADeletionOvertakes(t *testing.T) {
	fake := newFake(t)
	p := start(t, onFake(t, fake))
	p.login("alice")
	fake.Inject(rctest.Fault{Endpoint: "/user/getToken.json", HeaderDelay: 300 * time.Millisecond})
	answers := make(chan answer, 1)
	go func() { answers <- p.do("POST", "/login", `{"userId": "alice", "name": "A", "refresh": true}`) }()
	until(t, "RC is asked", func() bool { return registrations(fake) == 2 })
	require.Equal(t, http.StatusAccepted, p.do("DELETE", "/users/alice", "").status)
	require.Equal(t, http.StatusConflict, (<-answers).status)
	require.Nil(t, p.user("alice").field(t, "tokenIssuedAt"))
}

func TestRefusedDeletionCanBeTriedAgain(t *testing.T) {
	fake := newFake(t)
	fake.RefuseDeactivation("alice", "4711")
	p := start(t, onFake(t, fake))
	p.login("alice")
	p.do("DELETE", "/users/alice", "")
	until(t, "RC accepts", func() bool { return fake.User("alice").Deactivated })
	fake.Advance(15 * time.Minute)
	p.untilUser("alice", "state", "delete failed")
	require.Equal(t, "4711", p.user("alice").field(t, "refusal"))
	require.Equal(t, http.StatusConflict, p.do("POST", "/login", `{"userId": "alice", "name": "A"}`).status)

	a := p.do("DELETE", "/users/alice", "")
	require.Equal(t, "deleting", a.field(t, "state"))
	require.Nil(t, a.field(t, "refusal"))
	until(t, "RC accepts", func() bool { return fake.User("alice").Deactivated })
	fake.Advance(15 * time.Minute)
	p.untilGone("alice")
}

// TestDeletionSurvivesRestarts stops the program twice: while RC hasn't answered, so that there is no operation to wait
// for, and while it waits.
func TestDeletionSurvivesRestarts(t *testing.T) {
	fake := newFake(t)
	s := onFake(t, fake)
	p := start(t, s)
	p.login("alice")
	fake.Inject(rctest.Fault{Endpoint: deactivatePath, Kind: rctest.Hang, Applied: true})
	p.do("DELETE", "/users/alice", "")
	until(t, "RC accepts", func() bool { return fake.User("alice").Deactivated })
	p.stop()

	p = start(t, s)
	until(t, "the program knows the operation", func() bool { return ask(t, s, "SELECT operation FROM users") != "" })
	require.Equal(t, 2, count(fake, deactivatePath))
	p.stop()

	p = start(t, s)
	p.untilUser("alice", "state", "deleting")
	fake.Advance(15 * time.Minute)
	p.untilGone("alice")
	require.Equal(t, 2, count(fake, deactivatePath))
}

// inBubble runs the deletion of alice under virtual time, without sockets, with what may be wrong.
func inBubble(t *testing.T, test func(*testing.T, *rctest.Server, *store, *webhook.Operations)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	synctest.Test(t, func(t *testing.T) {
		fake := newFake(t)
		client, err := rcuser.NewClient(fake.Config())
		require.NoError(t, err)
		db, err := openStore(t.Context(), path, func() {})
		require.NoError(t, err)
		defer func() { require.NoError(t, db.close()) }()
		ops, err := webhook.NewOperations(client, webhook.OperationsOptions{Store: db, Poll: listPoll})
		require.NoError(t, err)
		h, err := webhook.NewHandler(webhook.Config{
			Credentials: func(context.Context) ([]rcuser.Credentials, error) {
				return []rcuser.Credentials{{AppKey: fake.AppKey, AppSecret: fake.AppSecret}}, nil
			},
			OnDeactivation: ops.Handle,
		})
		require.NoError(t, err)
		fake.SetWebhook(h)
		require.NoError(t, db.saveToken(t.Context(), "alice", "Alice", "token", time.Now()))
		_, err = db.beginDeletion(t.Context(), "alice")
		require.NoError(t, err)
		test(t, fake, db, ops)
	})
}

// runDeletions returns after a time, or when alice is gone.
func runDeletions(t *testing.T, db *store, ops *webhook.Operations, atMost time.Duration) (gone bool, took time.Duration) {
	t.Helper()
	begin := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), atMost)
	defer cancel()
	d := newDeletions(db, ops, slog.New(slog.DiscardHandler))
	db.changed = func() {
		if _, err := db.user(context.WithoutCancel(ctx), "alice"); err != nil {
			gone = true
			cancel()
		}
	}
	d.run(ctx)
	return gone, time.Since(begin)
}

func TestALostEventIsFoundInTheList(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *rctest.Server, db *store, ops *webhook.Operations) {
		fake.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
		gone, took := runDeletions(t, db, ops, time.Hour)
		require.True(t, gone)
		require.Greater(t, took, 15*time.Minute)
		require.Less(t, took, 20*time.Minute)
		require.Equal(t, 1, count(fake, deactivatePath))
	})
}

func TestALostRefusalIsAskedForAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *rctest.Server, db *store, ops *webhook.Operations) {
		fake.RefuseDeactivation("alice", "4711")
		fake.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost})
		gone, took := runDeletions(t, db, ops, time.Hour)
		require.True(t, gone)
		require.GreaterOrEqual(t, took, deletionPatience+15*time.Minute)
		require.Equal(t, 2, count(fake, deactivatePath))
	})
}

func TestDeletionGoesOnWhenRCIsBack(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *rctest.Server, db *store, ops *webhook.Operations) {
		fake.Inject(rctest.Fault{Kind: rctest.RefuseConnection, Times: rctest.Always})
		time.AfterFunc(10*time.Minute, fake.ClearFaults)
		gone, took := runDeletions(t, db, ops, time.Hour)
		require.True(t, gone)
		require.GreaterOrEqual(t, took, 25*time.Minute)
		require.Less(t, took, 27*time.Minute)
	})
}

// TestADeletionIsAskedForAgainAtOnce while the job of the one that RC refused hasn't quite ended.
func TestADeletionIsAskedForAgainAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *rctest.Server, db *store, ops *webhook.Operations) {
		fake.RefuseDeactivation("alice", "4711")
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		d := newDeletions(db, ops, slog.New(slog.DiscardHandler))
		db.changed = func() {
			switch alice, err := db.user(t.Context(), "alice"); {
			case errors.Is(err, errNoUser):
				cancel()
			case alice.State == deleteFailed:
				_, err := db.beginDeletion(t.Context(), "alice")
				require.NoError(t, err)
				d.look()
				time.Sleep(time.Second)
			}
		}
		d.run(ctx)
		require.Less(t, time.Since(begin), 30*time.Minute+lookAgain/2)
	})
}

// TestTheEventCameBeforeARestart stops before the event and starts after it: what RC said is in the database.
func TestTheEventCameBeforeARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, fake *rctest.Server, db *store, ops *webhook.Operations) {
		gone, _ := runDeletions(t, db, ops, 10*time.Minute)
		require.False(t, gone)
		time.Sleep(10 * time.Minute)
		fake.WaitDeliveries()
		require.NoError(t, db.prune(t.Context(), time.Now()))
		gone, took := runDeletions(t, db, ops, time.Minute)
		require.True(t, gone)
		require.Less(t, took, time.Second)
		require.NoError(t, db.prune(t.Context(), time.Now().Add(time.Millisecond)))
		for _, table := range []string{"users", "sessions", "results", "deactivations"} {
			var rows int
			require.NoError(t, db.db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&rows))
			require.Zero(t, rows, table)
		}
	})
}
