package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func TestLoginRegistersOnce(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	a := p.do("POST", "/login", `{"userId": "alice", "name": "Alice", "portraitUri": "https://example.com/a.png"}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	token := a.field(t, "token").(string)
	require.True(t, fake.ValidToken("alice", token))
	require.Equal(t, "https://example.com/a.png", fake.User("alice").PortraitURI)
	require.Equal(t, a.header.Get("X-Request-ID"), fake.Requests()[0].Header.Get("X-Request-ID"))

	require.Equal(t, token, p.login("alice"))
	require.Equal(t, 1, registrations(fake))
	require.NotContains(t, p.user("alice").body, token)
}

func TestConcurrentLoginsShareARegistration(t *testing.T) {
	fake := newFake(t)
	fake.Inject(rctest.Fault{HeaderDelay: 200 * time.Millisecond})
	p := start(t, fakeSettings(t, fake))
	var tokens sync.Map
	var logins sync.WaitGroup
	for range 30 {
		logins.Go(func() { tokens.Store(p.login("alice"), true) })
	}
	logins.Wait()
	n := 0
	tokens.Range(func(any, any) bool { n++; return true })
	require.Equal(t, 1, n)
	require.Equal(t, 1, registrations(fake))
}

func TestLoginOutlivesItsFirstCaller(t *testing.T) {
	fake := newFake(t)
	fake.Inject(rctest.Fault{HeaderDelay: 500 * time.Millisecond})
	p := start(t, fakeSettings(t, fake))
	const body = `{"userId": "alice", "name": "Alice"}`
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		_, err := client.Do(p.request("POST", "/login", body).WithContext(ctx))
		first <- err
	}()
	waitUntil(t, "RC is asked", func() bool { return registrations(fake) == 1 })
	time.AfterFunc(100*time.Millisecond, cancel)
	a := p.do("POST", "/login", body)
	require.ErrorIs(t, <-first, context.Canceled)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.Equal(t, 1, registrations(fake), "both waited for the same call")
}

// TestOnlyIdenticalLoginsShareACall delays one login: different ones must not get its answer.
func TestOnlyIdenticalLoginsShareACall(t *testing.T) {
	fake := newFake(t)
	fake.Inject(rctest.Fault{HeaderDelay: time.Second})
	p := start(t, fakeSettings(t, fake))
	delayed := make(chan answer, 1)
	go func() { delayed <- p.do("POST", "/login", `{"userId": "alice", "name": "Alice"}`) }()
	waitUntil(t, "RC is asked", func() bool { return registrations(fake) == 1 })
	require.Equal(t, http.StatusBadRequest, p.do("POST", "/login", `{"userId": "alice", "name": " "}`).status)
	refreshed := p.do("POST", "/login", `{"userId": "alice", "name": "Alice", "refresh": true}`)
	require.Equal(t, http.StatusOK, refreshed.status)
	first := <-delayed
	require.Equal(t, http.StatusOK, first.status)
	require.NotEqual(t, first.field(t, "token"), refreshed.field(t, "token"))
	require.Equal(t, 2, registrations(fake))
}

func TestTokensAreRenewed(t *testing.T) {
	fake := newFake(t)
	s := fakeSettings(t, fake)
	s.tokenTTL = time.Hour
	p := start(t, s)
	first := p.login("alice")
	fake.Advance(59 * time.Minute)
	require.Equal(t, first, p.login("alice"))
	fake.Advance(time.Minute)
	second := p.login("alice")
	require.NotEqual(t, first, second, "the first has expired")
	require.Equal(t, second, p.login("alice"))

	a := p.do("POST", "/login", `{"userId": "alice", "name": "Alice B.", "refresh": true}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	third := a.field(t, "token").(string)
	require.NotEqual(t, second, third, "a refresh was requested")
	require.Equal(t, "Alice B.", p.user("alice").field(t, "name"))
	require.Equal(t, third, p.login("alice"))
	require.True(t, fake.ValidToken("alice", third))
	require.Equal(t, 3, registrations(fake))
}

// TestTokensStampedInTheFuture sets the clock back: a token that was issued while it was ahead isn't valid for longer than
// others, and one that never expires doesn't care.
func TestTokensStampedInTheFuture(t *testing.T) {
	for ttl, renewed := range map[time.Duration]bool{time.Hour: true, 720 * time.Hour: true, 0: false} {
		for _, ahead := range []time.Duration{24 * time.Hour, time.Second, 10_000 * time.Hour} {
			fake := newFake(t)
			s := fakeSettings(t, fake)
			s.tokenTTL = ttl
			p := start(t, s)
			first := p.login("alice")
			queryDB(t, s, fmt.Sprintf("UPDATE users SET token_issued = %d", fake.Now().Add(ahead).UnixMilli()))
			require.Equal(t, renewed, first != p.login("alice"), "TTL %v, %v ahead", ttl, ahead)
			second := p.login("alice")
			require.Equal(t, second, p.login("alice"), "renewed once")
			p.stop()
		}
	}
}

// TestLostAnswer also stands for a crash of the program between RC's answer and the write of the row.
func TestLostAnswer(t *testing.T) {
	fake := newFake(t)
	fake.Inject(rctest.Fault{Kind: rctest.LostAnswer})
	s := fakeSettings(t, fake)
	s.rc.Retry = rcuser.RetryPolicy{MaxAttempts: 1}
	p := start(t, s)
	require.Equal(t, http.StatusServiceUnavailable, p.do("POST", "/login", `{"userId": "alice", "name": "Alice"}`).status)
	require.True(t, fake.User("alice").Registered)
	require.Equal(t, http.StatusNotFound, p.user("alice").status)
	require.True(t, fake.ValidToken("alice", p.login("alice")))
}

func TestBadInput(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	for name, c := range map[string]struct {
		body   string
		status int
		text   string
	}{
		"not JSON":             {`userId=alice`, 400, "invalid JSON body: invalid character"},
		"empty":                {` `, 400, "invalid JSON body: "},
		"truncated":            {`{"userId": "alice"`, 400, "invalid JSON body: "},
		"a list":               {`[]`, 400, "it must be an object"},
		"two values":           {`{"userId": "a", "name": "A"} {}`, 400, "after top-level value"},
		"unknown field":        {`{"userId": "a", "name": "A", "admin": true}`, 400, "admin"},
		"wrong type":           {`{"userId": 1, "name": "A"}`, 400, "invalid JSON body: userId has the wrong type"},
		"too large":            {`{"userId": "` + strings.Repeat("a", 9000) + `"}`, 413, "8192"},
		"no id":                {`{"name": "A"}`, 400, "userId"},
		"id with comma":        {`{"userId": "a,b", "name": "A"}`, 400, "userId"},
		"id with slash":        {`{"userId": "../a", "name": "A"}`, 400, "userId"},
		"long id":              {`{"userId": "` + strings.Repeat("a", 65) + `", "name": "A"}`, 400, "userId"},
		"blank name":           {`{"userId": "a", "name": " "}`, 400, "name must have a visible character"},
		"long name":            {`{"userId": "a", "name": "` + strings.Repeat("a", 65) + `"}`, 400, "it has 65"},
		"long portrait":        {`{"userId": "a", "name": "A", "portraitUri": "` + strings.Repeat("a", 1025) + `"}`, 400, "portraitUri must have at most 1024 bytes, it has 1025"},
		"script portrait":      {`{"userId": "a", "name": "A", "portraitUri": "javascript:alert(1)"}`, 400, "portraitUri must be an https or http URL"},
		"local portrait":       {`{"userId": "a", "name": "A", "portraitUri": "file:///etc/passwd"}`, 400, "portraitUri must be an https or http URL"},
		"forged portrait":      {`{"userId": "a", "name": "A", "portraitUri": "https://example.com/\u202egnp.exe"}`, 400, "portraitUri must be an https or http URL"},
		"another case":         {`{"userId": "a", "USERID": "b", "name": "A"}`, 400, `unknown name "USERID"`},
		"only in another case": {`{"UserId": "a", "name": "A"}`, 400, `unknown name "UserId"`},
		"repeated":             {`{"userId": "a", "userId": "b", "name": "A"}`, 400, `duplicate object member name`},
		"repeated, equal":      {`{"userId": "a", "name": "A", "name": "A"}`, 400, `duplicate object member name`},
		"repeated, escaped":    {`{"userId": "a", "\u0075serId": "b", "name": "A"}`, 400, `duplicate object member name`},
		"repeated, inside":     {`{"userId": "a", "name": {"a": 1, "a": 2}}`, 400, "invalid JSON body: "},
		"deep":                 {`{"userId": ` + strings.Repeat("[", 8000), 400, "invalid JSON body: "},
		"deep objects":         {strings.Repeat(`{"userId":`, 800), 400, "invalid JSON body: "},
		"null":                 {`null`, 400, "userId"},
		"trailing":             {`{"userId": "a", "name": "A"}x`, 400, "after top-level value"},
		"invalid UTF-8":        {"{\"userId\": \"a\", \"name\": \"A\xff\"}", 400, "invalid UTF-8"},
		"half a surrogate":     {`{"userId": "a", "name": "A\ud83d"}`, 400, "surrogate"},
		"refresh string":       {`{"userId": "a", "name": "A", "refresh": "yes"}`, 400, "invalid JSON body: "},
	} {
		a := p.do("POST", "/login", c.body)
		require.Equal(t, c.status, a.status, "%s: %s", name, a.body)
		require.Contains(t, a.field(t, "error"), c.text, name)
		require.NotContains(t, a.body, "main.", "no names of Go types")
	}
	form := p.request("POST", "/login", `{"userId": "a", "name": "A"}`)
	form.Header.Set("Content-Type", "text/plain")
	require.Equal(t, http.StatusUnsupportedMediaType, p.send(form).status)
	require.Equal(t, http.StatusNotFound, p.do("DELETE", "/users/nobody", "").status)
	require.Equal(t, http.StatusNotFound, p.do("POST", "/demo/online", `{"userId": "nobody", "online": true}`).status)
	require.Equal(t, http.StatusMethodNotAllowed, p.do("GET", "/login", "").status)
	require.Empty(t, fake.Requests())
}

func TestFailuresOfRC(t *testing.T) {
	fake := newFake(t)
	s := fakeSettings(t, fake)
	s.rc.Retry = rcuser.RetryPolicy{MaxAttempts: 1}
	p := start(t, s)
	for _, c := range []struct {
		fault  rctest.Fault
		status int
	}{
		{rctest.Fault{Code: 1008}, http.StatusServiceUnavailable},
		{rctest.Fault{Status: 502, Body: "<html>"}, http.StatusServiceUnavailable},
		{rctest.Fault{Kind: rctest.ResetBefore}, http.StatusServiceUnavailable},
		{rctest.Fault{Code: 2007}, http.StatusBadGateway},
		{rctest.Fault{Status: 403, Body: "<html>"}, http.StatusBadGateway},
		{rctest.Fault{Code: 1004, Times: 2}, http.StatusBadGateway},
	} {
		fake.Inject(c.fault)
		a := p.do("POST", "/login", `{"userId": "alice", "name": "Alice"}`)
		require.Equal(t, c.status, a.status, "%+v: %s", c.fault, a.body)
		require.Contains(t, a.field(t, "error"), "RC ")
		require.NotContains(t, a.field(t, "error"), "unknown code")
		require.Equal(t, c.status == http.StatusServiceUnavailable, a.header.Get("Retry-After") != "")
		fake.ClearFaults()
	}
	require.Contains(t, p.logs.String(), "2007")
	require.True(t, fake.ValidToken("alice", p.login("alice")), "logins work again after the faults")
}

func TestRequestsNeedTheAPIToken(t *testing.T) {
	fake := newFake(t)
	s := fakeSettings(t, fake)
	s.fake, s.apiToken = nil, testToken // as with the real service
	p := start(t, s)
	p.login("alice")
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer wrong", testToken, "Basic " + testToken, "Bearer " + testToken + "x"} {
		for _, r := range []*http.Request{
			p.request("POST", "/login", `{"userId": "alice", "name": "Alice"}`),
			p.request("GET", "/users/alice", ""),
			p.request("GET", "/users/nobody", ""),
			p.request("DELETE", "/users/alice", ""),
		} {
			r.Header.Set("Authorization", authorization)
			a := p.send(r)
			require.Equal(t, http.StatusUnauthorized, a.status, "%s %s: %s", r.Method, r.URL.Path, a.body)
			require.Equal(t, "Bearer", a.header.Get("WWW-Authenticate"))
		}
	}
	for _, path := range []string{"/", "/page.js", "/page.css", "/events", "/demo/online", "/demo/advance"} {
		require.Equal(t, http.StatusNotFound, p.do("GET", path, "").status, path)
		require.Equal(t, http.StatusNotFound, p.do("POST", path, "{}").status, path)
	}
	require.Equal(t, "active", p.user("alice").field(t, "state"))
	require.Equal(t, 1, registrations(fake))
	r := p.request("GET", "/users/alice", "")
	r.Host = "chat.example.com"
	require.Equal(t, http.StatusOK, p.send(r).status, "the Host header of a proxy")
}

func TestRequestsFromOtherSitesAreRefused(t *testing.T) {
	p := start(t, fakeSettings(t, newFake(t)))
	for host, status := range map[string]int{
		"localhost": 204, "localhost:80": 204, "127.0.0.2:8080": 204, "[::1]:8080": 204,
		"example.com": 403, "localhost.example.com:8080": 403, "192.0.2.1:8080": 403,
	} {
		r := p.request("GET", "/healthz", "")
		r.Host = host
		require.Equal(t, status, p.send(r).status, host)
	}
	r := p.request("POST", "/demo/advance", "")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusForbidden, p.send(r).status)
}
