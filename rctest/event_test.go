package rctest_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/f0207b22/rcuser"
	"github.com/f0207b22/rcuser/rctest"
)

func TestEventSignature(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		credentials := rcuser.Credentials{AppKey: "key&", AppSecret: "Y1W2MeFwwwRxa0"}
		f, a := setup(t, rctest.WithCredentials(credentials)), &app{start: time.Now()}
		f.SetWebhook(a)
		f.Advance(time.Hour)
		time.Sleep(time.Second)
		f.SetOnline("a", true)
		f.SetOnline("a", false)
		posts := a.all()
		for _, p := range posts {
			require.Len(t, p.query, 4)
			require.Equal(t, []string{"key&"}, p.query["appKey"])
			require.Regexp(t, `^[0-9A-Z]{18}$`, p.query.Get("nonce"))
			require.Equal(t, []string{"946684801000"}, p.query["timestamp"], "the real clock")
			require.Equal(t, []string{sign("Y1W2MeFwwwRxa0", p.query.Get("nonce"), "946684801000")}, p.query["signature"])
		}
		require.NotEqual(t, posts[0].query.Get("nonce"), posts[1].query.Get("nonce"))
	})
}

func TestEventEscaping(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.SetOnline("a\"\\ \u4e2d\u2028", true)
		operation := f.ok(reactivatePath, "userId=a%26%3D%25+b")["operateId"]
		require.ElementsMatch(t, []string{
			presenceBody(`a\"\\ `+"\u4e2d"+`\u2028`, "0", bubbleStart),
			fmt.Sprintf("userId=a%%26%%3D%%25+b&operateId=%s&type=1&code=0&time=946684800000", operation),
		}, a.bodies())
	})
}

func TestEventsWithoutWebhook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, a := setup(t), &app{start: time.Now()}
		f.SetOnline("a", true)
		f.ok(deactivatePath, "userId=finished")
		f.Advance(15 * time.Minute)
		f.ok(deactivatePath, "userId=running")
		f.ok(reactivatePath, "userId=b")
		time.Sleep(time.Minute)
		f.SetWebhook(a)
		require.Empty(t, a.bodies(), "events before SetWebhook aren't sent")
		f.SetOnline("a", false)
		require.Equal(t, []string{presenceBody("a", "1", bubbleStart+16*60_000)}, a.bodies())
		time.Sleep(14 * time.Minute)
		require.Len(t, a.bodies(), 2)
		require.True(t, strings.HasPrefix(a.bodies()[1], "userId=running&"))
		require.Equal(t, []time.Duration{time.Minute, 15 * time.Minute}, a.times())

		f.ok(deactivatePath, "userId=c")
		f.SetWebhook(nil)
		f.SetOnline("a", true)
		time.Sleep(time.Hour)
		f.SetWebhook(a)
		time.Sleep(time.Hour)
		require.Len(t, a.bodies(), 2, "c finished while there was no webhook")
	})
}
