package rctest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func TestNewServerCredentials(t *testing.T) {
	t.Parallel()
	a, b := rctest.NewServer(), rctest.NewServer()
	require.NotEqual(t, a.Credentials().AppKey, b.Credentials().AppKey)
	require.NotEqual(t, a.Credentials().AppSecret, b.Credentials().AppSecret)

	chosen := rcuser.Credentials{AppKey: "key", AppSecret: "secret"}
	c := rctest.NewServer(rctest.WithCredentials(chosen))
	require.Equal(t, chosen, c.Credentials())
	require.Equal(t, chosen, rcuser.Credentials{AppKey: c.Config().AppKey, AppSecret: c.Config().AppSecret})
	for _, invalid := range []rcuser.Credentials{{}, {AppKey: "key"}, {AppSecret: "secret"}} {
		require.Panics(t, func() { rctest.WithCredentials(invalid) })
	}
}

func TestNilOption(t *testing.T) {
	t.Parallel()
	require.NotNil(t, rctest.NewServer(nil))
}

func TestConfig(t *testing.T) {
	t.Parallel()
	f := setup(t)
	cfg := f.Config()
	require.Equal(t, []string{f.Credentials().AppKey, f.Credentials().AppSecret}, []string{cfg.AppKey, cfg.AppSecret})
	require.Equal(t, time.UTC, cfg.DataCenter.Location)
	f.register("a")
	f.base = cfg.DataCenter.Backup
	require.Equal(t, "N", f.ok(infoPath, "userId=a")["userName"], "the hosts are one server")
	require.Equal(t, "backup.rctest.invalid", f.Requests()[1].Host)
}

func TestAdvance(t *testing.T) {
	t.Parallel()
	f := setup(t, rctest.Strict())
	before := f.Now()
	f.Advance(24 * time.Hour)
	require.WithinDuration(t, before.Add(24*time.Hour), f.Now(), time.Minute)
	a := f.call(blockQueryPath, "")
	require.Equal(t, 200, a.status, "the timestamp is checked against the real clock")
	date, err := http.ParseTime(a.header.Get("Date"))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), date, time.Minute)
	f.Advance(0)
	f.Advance(1<<63 - 1)
	f.Advance(1<<63 - 1)
	require.True(t, f.Now().After(before))
	require.Panics(t, func() { f.Advance(-1) })
}

// Advance starts posting before it returns. The events have the time at which they were due.
func TestAdvanceFinishesDeactivations(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.SetWebhook(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			require.True(t, f.User("a").Deactivated, "a handler may call the server")
			a.ServeHTTP(w, req)
		}))
		f.ok(deactivatePath, "userId=a")
		f.Advance(15*time.Minute - 1)
		require.Empty(t, a.bodies())
		f.Advance(1)
		require.Len(t, a.bodies(), 1)
		f.ok(deactivatePath, "userId=b")
		f.Advance(10 * time.Hour)
		require.Regexp(t, `&time=946686600000$`, a.bodies()[1])
		require.Equal(t, []time.Duration{0, 0}, a.times())
		f.ok(deactivatePath, "userId=c")
		f.Advance(5 * time.Minute)
		time.Sleep(10*time.Minute - 1)
		require.Len(t, a.bodies(), 2)
		time.Sleep(time.Nanosecond)
		require.Len(t, a.bodies(), 3, "5 minutes by Advance and 10 by the real clock")
	})
}

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()
	srv := rctest.NewServer()
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	holder := struct{ S any }{srv}
	for _, v := range []any{srv, *srv, holder, []*rctest.Server{srv}, []rctest.Server{*srv}, map[string]rctest.Server{"x": *srv}, srv.Config(), srv.Config().HTTPClient.Transport} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%30v"} {
			text := fmt.Sprintf(verb, v)
			require.NotContains(t, text, srv.Credentials().AppSecret, verb)
			require.NotContains(t, text, fmt.Sprintf("%x", srv.Credentials().AppSecret), verb)
			require.NotContains(t, text, fmt.Sprintf("%X", srv.Credentials().AppSecret), verb)
		}
		raw, err := json.Marshal(v)
		require.NoError(t, err)
		require.NotContains(t, string(raw), srv.Credentials().AppSecret)
		logger.Info("x", "v", v)
	}
	require.NotContains(t, log.String(), srv.Credentials().AppSecret)
	require.Contains(t, srv.String(), srv.Credentials().AppKey)
	require.Contains(t, log.String(), srv.Credentials().AppKey)
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	f := setup(t, rctest.EnforceRateLimits())
	portURL := f.Listen()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	paths := rctest.Paths()
	var group sync.WaitGroup
	for i := range 64 {
		mine := &fake{f.Server, t, f.http, f.base}
		if i%4 == 0 {
			mine.http, mine.base = &http.Client{Transport: transport}, portURL
		}
		group.Go(func() {
			for j := range 40 {
				id := fmt.Sprint("u", (i+j)%5)
				mine.call(paths[(i*7+j)%len(paths)], "userId="+id+"&name=N&time=1&minute=1&blackUserId=b&whiteUserId=w&whiteSetting=1")
				mine.SetOnline(id, true)
				mine.Advance(time.Second)
				mine.ValidToken(id, "x")
				mine.CanMessage(id, "u0")
				mine.User(id)
			}
		})
	}
	group.Go(func() { f.Requests(); f.Now(); f.Config() })
	group.Wait()
	require.Len(t, f.Requests(), 64*40)
	f.Close()
}
