package rcuser_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
)

// TestLaterChangesOfTheHTTPClientHaveNoEffect also requires NewClient to leave the user's client unchanged.
func TestLaterChangesOfTheHTTPClientHaveNoEffect(t *testing.T) {
	t.Parallel()
	tap := &wiretap{respond: reply(http.StatusOK, success)}
	own := &http.Client{Transport: tap, Timeout: time.Minute}
	client, _ := newClient(t, nil, func(c *rcuser.Config) { c.HTTPClient = own })
	require.NoError(t, ban(t.Context(), client))
	require.Equal(t, &http.Client{Transport: tap, Timeout: time.Minute}, own)
	require.Nil(t, own.CheckRedirect)
	own.Transport, own.Timeout = roundTripFunc(unexpected(t)), time.Nanosecond
	require.NoError(t, ban(t.Context(), client), "a later change has no effect")
	require.Len(t, tap.requests(), 2)
}

func TestUserAgent(t *testing.T) {
	t.Parallel()
	for suffix, want := range map[string]string{
		"":               `^rcuser/\S+ \(go1\.[^)]*\)$`,
		"shop/1.2 (x y)": `^rcuser/\S+ \(go1\.[^)]*\) shop/1\.2 \(x y\)$`,
	} {
		client, tap := newClient(t, reply(http.StatusOK, success), func(c *rcuser.Config) { c.UserAgent = suffix })
		require.NoError(t, ban(t.Context(), client))
		require.Regexp(t, want, tap.requests()[0].Header.Get("User-Agent"))
	}
}
