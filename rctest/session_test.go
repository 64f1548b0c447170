package rctest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPresenceEvents(t *testing.T) {
	withWebhook(t, func(t *testing.T, f *fake, a *app) {
		f.Advance(time.Second) // events have the time of the server's clock
		f.SetOnline("a", false)
		f.SetOnline("a", true)
		f.SetOnline("a", true)
		time.Sleep(2 * time.Millisecond)
		f.SetOnline("a", false)
		f.SetOnline("a", true)
		f.ok(blockPath, "userId=a&userId=a&userId=b&minute=1")
		f.SetOnline("a", true) // ignored: a banned user can't connect
		f.ok(unblockPath, "userId=a")
		f.SetOnline("a", true)
		f.ok(deactivatePath, "userId=a,a,b")
		require.Equal(t, []string{
			`[{"userid":"a","status":"0","os":"iOS","time":946684801000,"clientIp":"203.0.113.7:52229","sessionId":"rctest-1"}]`,
			`[{"userid":"a","status":"1","os":"iOS","time":946684801002,"clientIp":"203.0.113.7:52229","sessionId":"rctest-1"}]`,
			`[{"userid":"a","status":"0","os":"iOS","time":946684801002,"clientIp":"203.0.113.7:52229","sessionId":"rctest-2"}]`,
			`[{"userid":"a","status":"1","os":"iOS","time":946684801002,"clientIp":"203.0.113.7:52229","sessionId":"rctest-2"}]`,
			`[{"userid":"a","status":"0","os":"iOS","time":946684801002,"clientIp":"203.0.113.7:52229","sessionId":"rctest-3"}]`,
			`[{"userid":"a","status":"2","os":"iOS","time":946684801002,"clientIp":"203.0.113.7:52229","sessionId":"rctest-3"}]`,
		}, a.bodies())
		require.Equal(t, "application/json", a.all()[0].contentType)
	})
}
