package rcuser_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
	"github.com/f0207b22/rcuser/webhook"
)

// TestREADME holds the README's Go blocks to code that is compiled: its program is examples/first, the others stand in
// this file.
func TestREADME(t *testing.T) {
	t.Parallel()
	readme := readFile(t, "README.md")
	compiled := dedent(readFile(t, "examples/first/main.go")) + dedent(readFile(t, "readme_test.go"))
	blocks := strings.Split(readme, "```go\n")[1:]
	require.Len(t, blocks, 6)
	for _, block := range blocks {
		code, _, closed := strings.Cut(block, "```\n")
		require.True(t, closed)
		require.Contains(t, compiled, dedent(code))
	}
	program := strings.Split(readme, "\n")[:30]
	require.Contains(t, strings.Join(program, "\n"), "\n}\n```", "the first program ends by line 30")
	require.LessOrEqual(t, strings.Count(readme, "\n"), 150)
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(data)
}

// dedent drops all indentation, so that a block matches wherever it stands.
func dedent(code string) string {
	var lines []string
	for line := range strings.Lines(code) {
		lines = append(lines, strings.TrimLeft(line, "\t"))
	}
	return strings.Join(lines, "")
}

func TestMute(t *testing.T) {
	rc, client := rctest.Start(t) // they end with the test
	if err := client.Blocklist.Add(t.Context(), "alice", []string{"bob"}); err != nil {
		t.Fatal(err)
	}
	if rc.CanMessage("bob", "alice") {
		t.Error("bob can still message alice")
	}
}

func TestREADMEConfig(t *testing.T) {
	t.Setenv("RC_APP_KEY", "key")
	t.Setenv("RC_APP_SECRET", "secret")
	client, err := rcuser.NewClient(rcuser.Config{
		AppKey:     os.Getenv("RC_APP_KEY"),
		AppSecret:  os.Getenv("RC_APP_SECRET"),
		DataCenter: rcuser.Singapore,
	})
	require.NoError(t, err)
	require.NotNil(t, client)
}

func TestREADMECalls(t *testing.T) {
	rc := rctest.NewServer()
	defer rc.Close()
	client, err := rcuser.NewClient(rc.Config())
	require.NoError(t, err)
	require.NoError(t, banAlice(t.Context(), client))
	journal, err := rcuser.OpenJournal(filepath.Join(t.TempDir(), "ban.journal"))
	require.NoError(t, err)
	require.NoError(t, banAll(t.Context(), client, streamed(50), journal))
	require.NoError(t, journal.Close())
	require.Len(t, slices.Collect(maps.Keys(maps.Collect(client.Bans.All(t.Context())))), 51)
}

func banAll(ctx context.Context, client *rcuser.Client, ids iter.Seq2[string, error], journal rcuser.Journal) error {
	report, err := client.Bulk.Ban(ctx, ids, 24*time.Hour, rcuser.BulkOptions{Journal: journal})
	fmt.Println(report.Done, "of", report.Total, "are banned") // err is nil only if all are
	return err
}

// TestREADMEWebhook deactivates on a fake that posts to the README's handler.
func TestREADMEWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rc := rctest.NewServer()
		defer rc.Close()
		client, err := rcuser.NewClient(rc.Config())
		require.NoError(t, err)
		rc.SetOnline("u1", true)
		status, results, err := deactivate(t.Context(), rc, client, []string{"u1", "u2"})
		require.NoError(t, err)
		require.Len(t, results, 2)
		require.True(t, results["u1"].Done())
		require.Equal(t, map[string]webhook.Status{"u1": webhook.LoggedOut}, status)
	})
}

func deactivate(ctx context.Context, rc *rctest.Server, client *rcuser.Client, ids []string) (map[string]webhook.Status, map[string]webhook.Result, error) {
	key, secret := rc.Credentials().AppKey, rc.Credentials().AppSecret
	saved := map[string]webhook.Status{}
	save := func(_ context.Context, e webhook.PresenceEvent) error {
		if e.Status == "" {
			return errors.New("no status")
		}
		saved[e.UserID] = e.Status
		return nil
	}
	ops, err := webhook.NewOperations(client, webhook.OperationsOptions{})
	if err != nil {
		return nil, nil, err
	}
	h, err := webhook.NewHandler(webhook.Config{
		Credentials:    webhook.StaticCredentials(rcuser.Credentials{AppKey: key, AppSecret: secret}),
		OnPresence:     save,       // func(ctx context.Context, e webhook.PresenceEvent) error
		OnDeactivation: ops.Handle, // ops, err := webhook.NewOperations(client, webhook.OperationsOptions{})
		Logger:         slog.Default(),
	})
	if err != nil {
		return nil, nil, err
	}
	rc.SetWebhook(h)
	op, err := client.Users.Deactivate(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	results, err := ops.Wait(ctx, op, ids)
	return saved, results, err
}

func banAlice(ctx context.Context, client *rcuser.Client) error {
	err := client.Bans.Add(ctx, []string{"alice"}, 10*time.Minute)
	var argument *rcuser.ArgumentError
	var failure *rcuser.Error
	switch {
	case errors.As(err, &argument): // nothing was sent: 21 ids, a ban of 90 seconds ...
	case errors.Is(err, rcuser.ErrSignature): // one of RC's codes: a wrong secret, or a clock that is off
	case errors.Is(err, context.DeadlineExceeded): // a cause
	case errors.As(err, &failure) && failure.Outcome == rcuser.NotApplied: // refused, or never sent
	case errors.As(err, &failure): // Outcome is Unknown: it may have taken effect; repeating it is safe
	}
	return err
}
