package main

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

const deactivatedPath = "/user/deactivate/query.json"

func requireClosed(t *testing.T, a answer) {
	t.Helper()
	require.Equal(t, http.StatusConflict, a.status, a.body)
	require.Contains(t, a.field(t, "error"), "the account is closed")
}

func TestLoginAfterDeletion(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	p.login("alice")
	p.do("DELETE", "/users/alice", "")
	waitUntil(t, "RC accepts", func() bool { return fake.User("alice").Deactivated })
	fake.Advance(15 * time.Minute)
	p.waitUntilDeleted("alice")
	requireClosed(t, p.loginAs(`"name": "Alice"`))
	require.Zero(t, count(fake, deactivatedPath), "the program knows it")
	require.Equal(t, http.StatusNotFound, p.user("alice").status)
}

// closeElsewhere deactivates users as another program or RC's console does. deliver says whether RC's events arrive.
func closeElsewhere(t *testing.T, fake *rctest.Server, deliver bool, ids ...string) *rcuser.Client {
	t.Helper()
	if !deliver {
		fake.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Lost, Times: rctest.Always})
	}
	client, err := rcuser.NewClient(fake.Config())
	require.NoError(t, err)
	_, err = client.Users.Deactivate(t.Context(), ids)
	require.NoError(t, err)
	fake.Advance(15 * time.Minute)
	fake.WaitDeliveries()
	return client
}

// TestAccountClosedElsewhere drops the stored token with RC's event, and gives one again when the account is opened again.
func TestAccountClosedElsewhere(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	p.login("alice")
	client := closeElsewhere(t, fake, true, "alice")
	requireClosed(t, p.loginAs(`"name": "Alice"`))
	require.Nil(t, p.user("alice").field(t, "tokenIssuedAt"), "RC has voided the token")
	require.Zero(t, count(fake, deactivatedPath))

	fake.Advance(time.Hour) // RC reactivates nobody earlier
	_, err := client.Users.Reactivate(t.Context(), []string{"alice"})
	require.NoError(t, err)
	fake.WaitDeliveries()
	require.True(t, fake.ValidToken("alice", p.login("alice")))
	fake.Inject(rctest.Fault{Code: 1002})
	require.Equal(t, http.StatusBadGateway, p.loginAs(`"name": "Alice", "refresh": true`).status, "not because it is closed")
}

// TestAccountClosedWithoutAnEvent reads RC's list, whose second page has the user.
func TestAccountClosedWithoutAnEvent(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	token := p.login("zoe")
	ids := []string{}
	for i := range 99 {
		ids = append(ids, fmt.Sprintf("user%d", i))
	}
	closeElsewhere(t, fake, false, append(ids, "zoe")...)
	const body = `{"userId": "zoe", "name": "Zoe", "refresh": true}`
	requireClosed(t, p.do("POST", "/login", body))
	pages := count(fake, deactivatedPath)
	require.Equal(t, 2, pages)
	requireClosed(t, p.do("POST", "/login", body))
	require.Equal(t, pages, count(fake, deactivatedPath), "the answer is remembered")
	a := p.do("POST", "/login", `{"userId": "zoe", "name": "Zoe"}`)
	requireClosed(t, a)
	require.NotContains(t, a.body, token, "the stored token is void")
}

// TestOtherRefusalsAreNotAboutTheAccount refuses a registration with the code that closed accounts get too.
func TestOtherRefusalsAreNotAboutTheAccount(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	closeElsewhere(t, fake, false, "bob")
	fake.Inject(rctest.Fault{Endpoint: "/user/getToken.json", Code: 1002})
	require.Equal(t, http.StatusBadGateway, p.loginAs(`"name": "Alice"`).status)
	fake.Inject(rctest.Fault{Code: 1002, Times: 2}) // of the list too: the app key is wrong
	require.Equal(t, http.StatusBadGateway, p.loginAs(`"name": "Alice"`).status)
	require.Equal(t, http.StatusOK, p.loginAs(`"name": "Alice"`).status)
}
