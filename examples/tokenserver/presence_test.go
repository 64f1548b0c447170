package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
	"github.com/f0207b22/rcuser/webhook"
)

func TestPresenceComesByWebhook(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	p.login("alice")
	require.Equal(t, false, p.user("alice").field(t, "online"))
	fake.SetOnline("alice", true)
	p.waitForUser("alice", "online", true)
	fake.SetOnline("alice", false)
	p.waitForUser("alice", "online", false)
}

// post sends events as RC does, signed with the credentials, and returns the status.
func (p *program) post(events string, credentials rcuser.Credentials, at time.Time) int {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+testWebhook, strings.NewReader(events))
	require.NoError(p.t, err)
	r.Header.Set("Content-Type", "application/json")
	webhook.Sign(r, credentials, at)
	return p.send(r).status
}

// firstEventTime is before all events. It is recent, because events that are a day old would be pruned.
var firstEventTime = time.Now()

// presence returns an event of alice, the given number of milliseconds after firstEventTime.
func presence(status webhook.Status, os, session string, at int) string {
	return fmt.Sprintf(`[{"userid":"alice","status":%q,"os":%q,"time":%d,"clientIp":"203.0.113.7:52229","sessionId":%q}]`,
		string(status), os, firstEventTime.UnixMilli()+int64(at), session)
}

func TestAUserIsOnlineWhileAnyDeviceIs(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	p.login("alice")
	credentials := fake.Credentials()
	for i, step := range []struct {
		event   string
		devices string // online after the event
	}{
		{presence(webhook.Online, "iOS", "s1", 100), "iOS"},
		{presence(webhook.Online, "iOS", "s1", 100), "iOS"},              // repeated
		{presence(webhook.Online, "PC", "s2", 200), "PC, iOS"},           // a second device
		{presence(webhook.Offline, "iOS", "s1", 300), "PC"},              // one of two disconnects
		{presence(webhook.Online, "iOS", "s1", 250), "PC"},               // late: the session has ended
		{presence(webhook.Offline, "iOS", "s3", 410), "PC"},              // the end arrives
		{presence(webhook.Online, "iOS", "s3", 400), "PC"},               // before the start
		{presence("7", "PC", "s2", 500), "PC"},                           // an unknown status
		{presence(webhook.LoggedOut, "PC", "s2", 600), ""},               // the last device
		{presence(webhook.Online, "Android", "", 700), "Android"},        // an old RC server: no session id
		{presence(webhook.Offline, "Android", "", 650), "Android"},       // late
		{presence(webhook.Offline, "Websocket", "", 800), "Android"},     // another device
		{presence(webhook.Online, "s", "os Android", 900), "Android, s"}, // a session id that resembles the key of a device
		{presence(webhook.Offline, "s", "os Android", 900), "Android"},   // the end in the same millisecond
		{presence(webhook.Online, "s", "os Android", 900), "Android"},    // repeated
		{presence(webhook.Offline, "PC", "s4", 950), "Android"},          // the end arrives
		{presence(webhook.Online, "PC", "s4", 950), "Android"},           // before the start in the same millisecond
	} {
		require.Equal(t, http.StatusOK, p.post(step.event, credentials, time.Now()), "step %d", i)
		alice := p.user("alice")
		require.Equal(t, step.devices, alice.field(t, "devices"), "step %d", i)
		require.Equal(t, step.devices != "", alice.field(t, "online"), "step %d", i)
	}
	bob := strings.ReplaceAll(presence(webhook.Online, "iOS", "s1", 100), "alice", "bob")
	require.Equal(t, http.StatusOK, p.post(bob, credentials, time.Now()), "events of unknown users are accepted and ignored")
	require.Equal(t, http.StatusNotFound, p.user("bob").status)
}

func TestForgedWebhooksAreRefused(t *testing.T) {
	fake := newFake(t)
	p := start(t, fakeSettings(t, fake))
	p.login("alice")
	online := presence(webhook.Online, "iOS", "s1", 100)
	right := fake.Credentials()
	wrong := rcuser.Credentials{AppKey: fake.Credentials().AppKey, AppSecret: "not-the-secret"}
	require.Equal(t, http.StatusUnauthorized, p.post(online, wrong, time.Now()))
	require.Equal(t, http.StatusUnauthorized, p.post(online, right, time.Now().Add(-time.Hour)))
	require.Equal(t, http.StatusUnauthorized, p.do("POST", testWebhook, online).status)
	require.Equal(t, http.StatusNotFound, p.do("POST", "/webhook", online).status)
	require.Equal(t, http.StatusBadRequest, p.post(`[{"userid":`, right, time.Now()))
	require.Equal(t, false, p.user("alice").field(t, "online"))

	fake.InjectDelivery(rctest.DeliveryFault{Kind: rctest.Forged})
	fake.SetOnline("alice", true)
	fake.WaitDeliveries()
	p.waitForUser("alice", "online", true)
	statuses := []int{}
	for _, d := range fake.Deliveries() {
		statuses = append(statuses, d.Status)
	}
	require.Equal(t, []int{http.StatusUnauthorized, http.StatusOK}, statuses)
}

// TestEventDuringDatabaseFailure is answered with 500, so that RC sends it again, and then it counts.
func TestEventDuringDatabaseFailure(t *testing.T) {
	fake := newFake(t)
	s := fakeSettings(t, fake)
	p := start(t, s)
	p.login("alice")
	online, at := presence(webhook.Online, "iOS", "s1", 100), time.Now()
	credentials := fake.Credentials()
	queryDB(t, s, "ALTER TABLE users RENAME TO renamed")
	require.Equal(t, http.StatusInternalServerError, p.post(online, credentials, at))
	require.Equal(t, http.StatusInternalServerError, p.user("alice").status)
	queryDB(t, s, "ALTER TABLE renamed RENAME TO users")
	require.Equal(t, http.StatusOK, p.post(online, credentials, at))
	require.Equal(t, true, p.user("alice").field(t, "online"))
}
