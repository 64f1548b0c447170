package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

const refreshPath = "/user/refresh.json"

// loginAs logs alice in with a body that ends with the given fields.
func (p *program) loginAs(fields string) answer {
	p.t.Helper()
	return p.do("POST", "/login", `{"userId": "alice", `+fields+`}`)
}

func TestLoginWithAnotherNameRenames(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	token := p.login("alice")
	a := p.loginAs(`"name": "Alice Cooper"`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, token, a.field(t, "token"), "the stored token is still valid")
	require.Equal(t, "Alice Cooper", fake.User("alice").Name)
	require.Equal(t, "Alice Cooper", p.user("alice").field(t, "name"))
	p.loginAs(`"name": "Alice Cooper"`)
	require.Equal(t, 1, count(fake, refreshPath), "nothing has changed since")
	require.Equal(t, 1, registrations(fake))
}

// TestLoginWithoutANameKeepsIt: only a new user gets the ID as the name. A new token doesn't rename either.
func TestLoginWithoutANameKeepsIt(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	for i, step := range []struct{ fields, want string }{
		{`"refresh": false`, "alice"},
		{`"name": "Alice Cooper"`, "Alice Cooper"},
		{`"name": ""`, "Alice Cooper"},
		{`"refresh": true`, "Alice Cooper"},
		{`"portraitUri": "https://example.com/1.png"`, "Alice Cooper"},
	} {
		a := p.loginAs(step.fields)
		require.Equal(t, http.StatusOK, a.status, "step %d: %s", i, a.body)
		require.Equal(t, step.want, fake.User("alice").Name, "step %d", i)
		require.Equal(t, step.want, p.user("alice").field(t, "name"), "step %d", i)
	}
}

func TestLoginWithAnotherPortrait(t *testing.T) {
	fake := newFake(t)
	s := fakeSettings(t, fake)
	s.tokenTTL = time.Hour
	p := start(t, s)
	for i, step := range []struct {
		portrait, want string
		updates        int
	}{
		{"", "", 0},
		{"https://example.com/1.png", "https://example.com/1.png", 1},
		{"https://example.com/2.png", "https://example.com/2.png", 2},
		{"", "https://example.com/2.png", 2}, // no portrait given: the old one stays
		{"https://example.com/2.png", "https://example.com/2.png", 2},
	} {
		a := p.loginAs(`"name": "Alice", "portraitUri": "` + step.portrait + `"`)
		require.Equal(t, http.StatusOK, a.status, a.body)
		require.Equal(t, step.want, fake.User("alice").PortraitURI, "step %d", i)
		require.Equal(t, step.updates, count(fake, refreshPath), "step %d", i)
	}
	fake.Advance(time.Hour) // the next login registers again, with another portrait
	p.loginAs(`"name": "Alice", "portraitUri": "https://example.com/3.png"`)
	p.loginAs(`"name": "Alice", "portraitUri": "https://example.com/3.png"`)
	require.Equal(t, "https://example.com/3.png", fake.User("alice").PortraitURI)
	require.Equal(t, 2, count(fake, refreshPath))
}

// TestRenamingThatFails expects an error, and that the next login makes the name right, whichever it has and whether or not
// RC applied the one that failed.
func TestRenamingThatFails(t *testing.T) {
	for name, fault := range map[string]rctest.Fault{
		"not applied": {Endpoint: refreshPath, Code: 1000},
		"lost answer": {Endpoint: refreshPath, Kind: rctest.LostAnswer},
	} {
		fake := newFake(t)
		s := fakeSettings(t, fake)
		s.rc.Retry = rcuser.RetryPolicy{MaxAttempts: 1}
		p := start(t, s)
		token := p.loginAs(`"name": "Alice"`).field(t, "token")
		fake.Inject(fault)
		a := p.loginAs(`"name": "Alice Cooper"`)
		require.Equal(t, http.StatusServiceUnavailable, a.status, "%s: %s", name, a.body)
		require.NotEmpty(t, a.header.Get("Retry-After"), name)
		require.Equal(t, "Alice", p.user("alice").field(t, "name"), "%s: the name that was confirmed last", name)

		require.Equal(t, token, p.loginAs(`"name": "Alice"`).field(t, "token"), name)
		require.Equal(t, "Alice", fake.User("alice").Name, name)
		require.Equal(t, http.StatusOK, p.loginAs(`"name": "Alice Cooper"`).status, name)
		require.Equal(t, "Alice Cooper", fake.User("alice").Name, name)
	}
}

// TestRenamingWithANewToken loses the answer of a registration that had another name.
func TestRenamingWithANewToken(t *testing.T) {
	fake := newFake(t)
	s := fakeSettings(t, fake)
	s.rc.Retry = rcuser.RetryPolicy{MaxAttempts: 1}
	p := start(t, s)
	p.loginAs(`"name": "Alice"`)
	fake.Inject(rctest.Fault{Kind: rctest.LostAnswer})
	require.Equal(t, http.StatusServiceUnavailable, p.loginAs(`"name": "Alice Cooper", "refresh": true`).status)
	require.Equal(t, "Alice Cooper", fake.User("alice").Name)
	require.Equal(t, http.StatusOK, p.loginAs(`"name": "Alice"`).status)
	require.Equal(t, "Alice", fake.User("alice").Name)
}

// TestRenamingAUserWhomRCLost registers the user again.
func TestRenamingAUserWhomRCLost(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	token := p.login("alice")
	fake.Inject(rctest.Fault{Endpoint: refreshPath, Code: 1002})
	a := p.loginAs(`"name": "Alice Cooper"`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.NotEqual(t, token, a.field(t, "token"))
	require.True(t, fake.ValidToken("alice", a.field(t, "token").(string)))
	require.Equal(t, "Alice Cooper", fake.User("alice").Name)
	require.Equal(t, "Alice Cooper", p.user("alice").field(t, "name"))
}

// TestConcurrentRenamings expects that RC and the database end with the same name.
func TestConcurrentRenamings(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	p.login("alice")
	fake.Inject(rctest.Fault{Endpoint: refreshPath, HeaderDelay: 100 * time.Millisecond, Every: 2, Times: rctest.Always})
	var logins sync.WaitGroup
	for _, name := range []string{"A", "B", "C", "D", "E", "F"} {
		logins.Go(func() {
			a := p.loginAs(`"name": "` + name + `"`)
			require.Equal(t, http.StatusOK, a.status, a.body)
		})
	}
	logins.Wait()
	require.Equal(t, fake.User("alice").Name, p.user("alice").field(t, "name"))
	require.Equal(t, 6, count(fake, refreshPath))
}

// serveLogin answers a login without a connection.
func (a *app) serveLogin(body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	a.login(w, r)
	return w
}

// TestLoginWaitsForAnotherOnlySoLong gives up with an error that says what to do.
func TestLoginWaitsForAnotherOnlySoLong(t *testing.T) {
	appInBubble(t, func(t *testing.T, a *app) {
		unlock, err := a.users.lock(t.Context(), "alice")
		require.NoError(t, err)
		start := time.Now()
		w := a.serveLogin(`{"userId": "alice", "name": "Alice"}`)
		require.Equal(t, loginTimeout, time.Since(start))
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		require.Contains(t, w.Body.String(), "another login of this user is still waiting")
		unlock()
		require.Equal(t, http.StatusOK, a.serveLogin(`{"userId": "alice", "name": "Alice"}`).Code)
		require.Empty(t, a.users.locks, "locks that nobody uses are forgotten")
	})
}
