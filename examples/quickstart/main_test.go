package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRunOnFake(t *testing.T) {
	for _, name := range []string{"RC_APP_KEY", "RC_APP_SECRET", "RC_DATA_CENTER", "RC_BASE_URL", "RC_BACKUP_URL"} {
		t.Setenv(name, "")
	}
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	for _, line := range []string{
		"{UserID:alice Value:[redacted]}",
		"   now: can Bob message Alice? false. Can Alice message Bob? true\n",
		"   allowlist enabled and empty: can Bob message Alice? false.",
		"   the enabled allowlist overrides the blocklist: can Bob message Alice? true.",
		"   banned: is Bob online? false\n",
		"   10 minutes later, by the fake's clock: Bob is not banned\n",
		"   can a phone connect with the stolen token? false. With the new one? true\n",
		"   RC has name \"Alice & Co. 你好 🎉\" and portrait \"\"\n",
		"   registering him is refused: rcuser: POST /user/getToken.json: 1002 ",
		"   an hour later he is reactivated, but his name was deleted: ",
		": 1004 ",
		"rcuser: userIDs: 21 ids, at most 20 are allowed\n",
		"rcuser: duration: 1m30s, it must be whole minutes\n",
	} {
		require.Contains(t, out.String(), line)
	}
}

// TestRunOnService configures the program by the environment, as for the real service. Afterwards its users must be
// deactivated and on no list.
func TestRunOnService(t *testing.T) {
	server := asService(t)
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	require.NotContains(t, out.String(), server.Credentials().AppSecret)
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
