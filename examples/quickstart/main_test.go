package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser/rctest"
)

func TestOnTheFake(t *testing.T) {
	for _, name := range []string{"RC_APP_KEY", "RC_APP_SECRET", "RC_DATA_CENTER", "RC_BASE_URL", "RC_BACKUP_URL"} {
		t.Setenv(name, "")
	}
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	for _, line := range []string{
		"{UserID:alice Value:[redacted]}",
		"   now: may Bob message Alice? false. May Alice message Bob? true\n",
		"   with her allowlist on, and empty: may Bob message Alice? false.",
		"   as the allowlist counts, not the blocklist: may Bob message Alice? true.",
		"   banned: is Bob online? false\n",
		"   10 minutes later, by the fake's clock: Bob is not banned\n",
		"   does the stolen one let a phone in? false. The new one? true\n",
		"   RC has name \"Alice & Co. 你好 🎉\" and portrait \"\"\n",
		"   he gets no token: rcuser: POST /user/getToken.json: 1002 ",
		"   an hour later he can;",
		": 1004 ",
		"rcuser: userIDs: 21 ids, at most 20 are allowed\n",
		"rcuser: duration: 1m30s, it must be whole minutes\n",
	} {
		require.Contains(t, out.String(), line)
	}
}

// TestOnAService runs the program as against the real one: nothing but the environment tells it where, and afterwards
// its users must be closed and on no list.
func TestOnAService(t *testing.T) {
	server := rctest.NewServer()
	t.Cleanup(server.Close)
	t.Setenv("RC_APP_KEY", server.AppKey)
	t.Setenv("RC_APP_SECRET", server.AppSecret)
	t.Setenv("RC_DATA_CENTER", "singapore")
	t.Setenv("RC_BASE_URL", server.Listen())
	t.Setenv("RC_BACKUP_URL", "")
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	require.NotContains(t, out.String(), "cleaning up")
	require.NotContains(t, out.String(), server.AppSecret)
	users := map[string]bool{}
	for _, request := range server.Requests() {
		for id := range strings.SplitSeq(strings.Join(request.Form["userId"], ","), ",") {
			users[id] = true
		}
	}
	delete(users, "")
	require.Len(t, users, 2)
	for id := range users {
		require.Regexp(t, `^quickstart[A-Z2-7]{8}(alice|bob)$`, id)
		user := server.User(id)
		require.True(t, user.Deactivated, id)
		require.True(t, user.BannedUntil.IsZero(), id)
		require.Empty(t, user.Blocklist, id)
		require.Empty(t, user.Allowlist, id)
		require.False(t, user.AllowlistEnabled, id)
	}
}
