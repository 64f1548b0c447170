package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

func TestClosedRequestIsNotLoggedAsFailure(t *testing.T) {
	l := newLogs()
	db, err := openStore(t.Context(), t.TempDir()+"/test.db", func() {})
	require.NoError(t, err)
	defer func() { require.NoError(t, db.close()) }()
	a := &app{settings: settings{webhookPath: testWebhook}, authenticate: allowAll, store: db, log: logger(l)}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a.withLogging(a.routes()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/users/alice", nil).WithContext(ctx))
	require.Contains(t, l.String(), `"status":499`)
	require.NotContains(t, l.String(), "WARN")
}

func TestNetworkErrorsAreHidden(t *testing.T) {
	broken := iotest.ErrReader(errors.New("read tcp 192.0.2.1:8080->192.0.2.2:12345: connection reset by peer"))
	r := httptest.NewRequest(http.MethodPost, "/login", broken)
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	new(app).login(w, r)
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.NotContains(t, w.Body.String(), "192.0.2")
}

// TestInvalidTextIsStillAnswered has a name of a device that isn't UTF-8, which came with an event.
func TestInvalidTextIsStillAnswered(t *testing.T) {
	w := httptest.NewRecorder()
	writeJSON(w, http.StatusOK, user{ID: "alice", Devices: "iOS\xff"})
	require.Contains(t, w.Body.String(), `"userId":"alice"`)
	require.Contains(t, w.Body.String(), "iOS\ufffd")
}

func TestRefusalsOfRC(t *testing.T) {
	for want, failure := range map[string]*rcuser.Error{
		"RC refused: 1006 app locked or deleted":                                {Code: 1006, StatusCode: 401},
		"something between this server and RC refused the call with status 407": {StatusCode: 407},
		"RC can't be reached from this server":                                  {Err: errors.New("x509: certificate has expired")},
	} {
		require.Equal(t, want, refusalText(failure))
	}
}
